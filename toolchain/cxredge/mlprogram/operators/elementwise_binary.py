"""Functions of two elements; operands are broadcast as in numpy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from cxredge.mlprogram.registry import BOOL, BOOLEANS, NUMBERS, operator

Function = Callable[[Tensor, Tensor], Tensor]

_ARITHMETIC: dict[str, Function] = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "pow": torch.pow}
"""An int32 result that is too large wraps, as in numpy. MIL leaves an integer to a negative power open."""
_CHOICES: dict[str, Function] = {"maximum": torch.maximum, "minimum": torch.minimum}
_COMPARISONS: dict[str, Function] = {
    "equal": torch.eq, "not_equal": torch.ne, "greater": torch.gt, "greater_equal": torch.ge, "less": torch.lt,
    "less_equal": torch.le,
}  # fmt: skip
_LOGIC: dict[str, Function] = {
    "logical_and": torch.logical_and, "logical_or": torch.logical_or, "logical_xor": torch.logical_xor,
}  # fmt: skip


def _register(name: str, function: Function, accepts: frozenset[str], result: str, exact: bool = False) -> None:
    @operator(name, accepts=accepts, result=result, exact=exact)
    def kernel(x: Tensor, y: Tensor) -> Tensor:
        if x.dtype != y.dtype:
            raise ValueError(f"x is {x.dtype} and y {y.dtype}")
        return function(x, y)


def _whole(divide: Function) -> Function:
    """``divide`` with its int32 case: 0 where the divisor is 0, as in numpy; torch would raise."""

    def function(x: Tensor, y: Tensor) -> Tensor:
        if x.dtype != torch.int32:
            return divide(x, y)
        # in 64 bits, because the quotient of the lowest number and -1 is none of 32, and traps
        result = divide(x.long(), torch.where(y == 0, 1, y).long())
        return torch.where(y == 0, 0, result.to(torch.int32))

    return function


def _quotient(x: Tensor, y: Tensor) -> Tensor:
    """x / y; towards zero if they are integers, because MIL gives int32 back."""
    return torch.div(x, y, rounding_mode=None if x.is_floating_point() else "trunc")


def _floor_quotient(x: Tensor, y: Tensor) -> Tensor:
    return torch.div(x, y, rounding_mode="floor")


_DIVISIONS: dict[str, Function] = {"real_div": _quotient, "floor_div": _floor_quotient, "mod": torch.remainder}
"""``floor_div`` rounds down, and ``mod`` has the divisor's sign: Python's rules, not those of C."""

for _name, _function in _ARITHMETIC.items():
    _register(_name, _function, NUMBERS, "first")
for _name, _function in _DIVISIONS.items():
    _register(_name, _whole(_function), NUMBERS, "first")
for _name, _function in _CHOICES.items():
    _register(_name, _function, NUMBERS, "first", exact=True)
for _name, _function in _COMPARISONS.items():
    _register(_name, _function, NUMBERS, BOOL)
for _name, _function in _LOGIC.items():
    _register(_name, _function, BOOLEANS, BOOL)
