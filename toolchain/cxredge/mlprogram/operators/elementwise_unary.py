"""Functions of one element, and ``cast``."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from cxredge.mlprogram.registry import BOOLEANS, FLOATS, NUMBERS, operator

_OF_FLOATS: dict[str, Callable[[Tensor], Tensor]] = {
    "acos": torch.acos, "asin": torch.asin, "atan": torch.atan, "atanh": torch.atanh, "cos": torch.cos,
    "cosh": torch.cosh, "erf": torch.erf, "exp": torch.exp, "exp2": torch.exp2, "sin": torch.sin, "sinh": torch.sinh,
    "sqrt": torch.sqrt, "tan": torch.tan, "tanh": torch.tanh,
}  # fmt: skip
"""What MIL names as mathematics does. It lets ``exp2`` take int32 as well, and does not say what 2 ** -1 is then."""
_TO_WHOLE: dict[str, Callable[[Tensor], Tensor]] = {"ceil": torch.ceil, "floor": torch.floor, "round": torch.round}
"""A float's neighbour without fraction is a float of the same dtype; ``round`` takes halves to even."""
_OF_NUMBERS: dict[str, Callable[[Tensor], Tensor]] = {"abs": torch.abs, "sign": torch.sign}
"""An int32 whose absolute value is none wraps, as in numpy."""


def _register(name: str, function: Callable[[Tensor], Tensor], accepts: frozenset[str], exact: bool = False) -> None:
    @operator(name, accepts=accepts, exact=exact)
    def kernel(x: Tensor) -> Tensor:
        return function(x)


for _name, _function in _OF_FLOATS.items():
    _register(_name, _function, FLOATS)
for _name, _function in _TO_WHOLE.items():
    _register(_name, _function, FLOATS, exact=True)
for _name, _function in _OF_NUMBERS.items():
    _register(_name, _function, NUMBERS, exact=True)
_register("square", torch.square, NUMBERS)
_register("logical_not", torch.logical_not, BOOLEANS, exact=True)


# MIL's default of epsilon is a number rounded to x's dtype, so that 1e-45 is 0 for float16. Converters always write it.
@operator("inverse", accepts=FLOATS)
def inverse(x: Tensor, epsilon: float) -> Tensor:
    """1 / (x + epsilon)."""
    return torch.reciprocal(x + epsilon)


@operator("log", accepts=FLOATS)
def log(x: Tensor, epsilon: float) -> Tensor:
    """log(x + epsilon), natural."""
    return torch.log(x + epsilon)


@operator("rsqrt", accepts=FLOATS)
def rsqrt(x: Tensor, epsilon: float) -> Tensor:
    """1 / sqrt(x + epsilon)."""
    return torch.rsqrt(x + epsilon)


@operator("clip", accepts=FLOATS, exact=True)
def clip(x: Tensor, alpha: float, beta: float) -> Tensor:
    """min(max(x, alpha), beta)."""
    return x.clamp(alpha, beta)


@operator("threshold", accepts=NUMBERS, exact=True)
def threshold(x: Tensor, alpha: Tensor) -> Tensor:
    """max(x, alpha), of a scalar ``alpha``."""
    if alpha.dim() > 0:
        raise ValueError(f"alpha has {alpha.dim()} axes and is no scalar")
    return torch.maximum(x, alpha)


_CASTS: dict[str, tuple[torch.dtype, ...]] = {
    "bool": (torch.bool,),
    "fp16": (torch.float32,),
    "fp32": (torch.float32,),
    "int8": (torch.int32, torch.float32),
    "uint8": (torch.int32, torch.float32),
    "int16": (torch.int32,),
    "uint16": (torch.int32,),
    "int32": (torch.int32,),
}
"""Dtypes to go through, the last one the carrier's."""
_RANGES = {
    "int8": (-128, 127), "uint8": (0, 255), "int16": (-(2**15), 2**15 - 1), "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
}  # fmt: skip
"""Least and greatest value of each integer."""


@operator("cast", result=":dtype")
def cast(x: Tensor, dtype: str) -> Tensor:
    """x as ``dtype``: towards zero to an integer, non-zero is true.

    MIL does not say what becomes of a number that ``dtype`` does not hold: numpy, with which coremltools computes,
    keeps its lowest bits, and Core ML need not (coremltools#2222). Raises ValueError.
    """
    if dtype not in _CASTS:
        raise ValueError(f"there is no cast to {dtype!r:.40}")
    if dtype in _RANGES and x.dtype != torch.bool and not x.is_meta and x.numel():
        low, high = _RANGES[dtype]
        for limit in (float(value) for value in x.aminmax()):
            if not (math.isfinite(limit) and low <= math.trunc(limit) <= high):
                raise ValueError(f"{limit} has no place in {dtype}")
    for step in _CASTS[dtype]:
        x = x.to(step)
    return x
