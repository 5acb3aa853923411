"""Functions of two elements; operands are broadcast as in numpy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from cxredge.mlprogram.registry import BOOL, BOOLEANS, FLOATS, NUMBERS, operator

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
    """``divide`` with its int32 case, in which nobody says what a division by 0 gives. Raises ValueError."""

    def function(x: Tensor, y: Tensor) -> Tensor:
        if x.dtype != torch.int32:
            return divide(x, y)
        if not y.is_meta and bool((y == 0).any()):
            raise ValueError("a whole number is divided by 0")
        # in 64 bits, because the quotient of the lowest number and -1 is none of 32, and traps
        return divide(x.long(), y.long()).to(torch.int32)

    return function


def _floor_quotient(x: Tensor, y: Tensor) -> Tensor:
    """x / y, rounded down: Python's rule, and by stablehlo-coreml#70 Core ML's."""
    return torch.div(x, y, rounding_mode="floor")


def _remainder(x: Tensor, y: Tensor) -> Tensor:
    """What is left of x, of the sign that x and y have.

    Where they differ, coremltools computes y's sign, and Core ML gives x's (stablehlo-coreml#70). Raises ValueError.
    """
    result = torch.remainder(x, y)
    if not x.is_meta and bool(((x.sign() * y.sign() < 0) & (result != 0)).any()):
        raise ValueError("coremltools and Core ML give the remainder of two signs different signs")
    return result


_DIVISIONS: dict[str, Function] = {"floor_div": _floor_quotient, "mod": _remainder}

for _name, _function in _ARITHMETIC.items():
    _register(_name, _function, NUMBERS, "first")
# of integers, too, says MIL, and their quotient is one; it does not say how it is rounded, and no converter writes it
_register("real_div", torch.div, FLOATS, "first")
for _name, _function in _DIVISIONS.items():
    _register(_name, _whole(_function), NUMBERS, "first")
for _name, _function in _CHOICES.items():
    _register(_name, _function, NUMBERS, "first", exact=True)
for _name, _function in _COMPARISONS.items():
    _register(_name, _function, NUMBERS, BOOL)
for _name, _function in _LOGIC.items():
    _register(_name, _function, BOOLEANS, BOOL)
