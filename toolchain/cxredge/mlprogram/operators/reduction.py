"""Reductions over axes.

Integers are added and multiplied modulo 2^32 as in numpy. A mean, norm or logarithm of integers is refused: MIL's
rounding of it is that of a cast, and no converter writes it. MIL leaves open which of equal elements is the extreme
one: an index that depends on it is refused.
"""

from __future__ import annotations

from torch import Tensor

from cxredge.mlprogram.registry import FLOATS, INDEX, NUMBERS, operator

Axes = tuple[int, ...] | None


def _axes(x: Tensor, axes: Axes) -> tuple[int, ...]:
    """``axes``, all of them if none is named. An empty list is not the same as none, and has no use."""
    if axes == ():
        raise ValueError("its list of axes is empty")
    return tuple(range(x.dim())) if axes is None else axes


@operator("reduce_mean", accepts=FLOATS)
def reduce_mean(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """Mean over ``axes``."""
    return x.mean(_axes(x, axes), keepdim=keep_dims)


@operator("reduce_sum", accepts=NUMBERS)
def reduce_sum(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """Sum over ``axes``."""
    return x.sum(_axes(x, axes), keepdim=keep_dims, dtype=x.dtype)


@operator("reduce_sum_square", accepts=NUMBERS)
def reduce_sum_square(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """Sum of squares over ``axes``."""
    return x.square().sum(_axes(x, axes), keepdim=keep_dims, dtype=x.dtype)


@operator("reduce_l1_norm", accepts=NUMBERS)
def reduce_l1_norm(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """Sum of magnitudes over ``axes``."""
    return x.abs().sum(_axes(x, axes), keepdim=keep_dims, dtype=x.dtype)


@operator("reduce_l2_norm", accepts=FLOATS)
def reduce_l2_norm(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """Square root of the sum of squares over ``axes``."""
    return x.square().sum(_axes(x, axes), keepdim=keep_dims).sqrt_()


@operator("reduce_log_sum", accepts=FLOATS)
def reduce_log_sum(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """Natural logarithm of the sum over ``axes``."""
    return x.sum(_axes(x, axes), keepdim=keep_dims).log_()


@operator("reduce_log_sum_exp", accepts=FLOATS)
def reduce_log_sum_exp(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """log(sum(exp(x))) over ``axes``, without overflow."""
    return x.logsumexp(_axes(x, axes), keepdim=keep_dims)


@operator("reduce_max", exact=True)
def reduce_max(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """Largest value over ``axes``."""
    return x.amax(_axes(x, axes), keepdim=keep_dims)


@operator("reduce_min", exact=True)
def reduce_min(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """Smallest value over ``axes``."""
    return x.amin(_axes(x, axes), keepdim=keep_dims)


@operator("reduce_prod", accepts=NUMBERS)
def reduce_prod(x: Tensor, axes: Axes = None, keep_dims: bool = False) -> Tensor:
    """Product over ``axes``."""
    named = _axes(x, axes)
    kept = [axis for axis in range(x.dim()) if axis not in {a % x.dim() for a in named}]
    # torch multiplies along one axis only
    result = x.permute(*kept, *named).flatten(len(kept)).prod(-1, dtype=x.dtype)
    if not keep_dims:
        return result
    return result.reshape([n if axis in kept else 1 for axis, n in enumerate(x.shape)])


@operator("reduce_argmax", result=INDEX, exact=True)
def reduce_argmax(x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32") -> Tensor:
    """Index of the largest value along ``axis``."""
    _only_one(x, x.amax(axis, keepdim=True), axis)
    return x.argmax(axis, keepdim=keep_dims).int()


@operator("reduce_argmin", result=INDEX, exact=True)
def reduce_argmin(x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32") -> Tensor:
    """Index of the smallest value along ``axis``."""
    _only_one(x, x.amin(axis, keepdim=True), axis)
    return x.argmin(axis, keepdim=keep_dims).int()


def _only_one(x: Tensor, found: Tensor, axis: int) -> None:
    """Raises ValueError where several elements along ``axis`` are the one ``found``."""
    if not x.is_meta and bool(((x == found).sum(axis) > 1).any()):
        raise ValueError("several elements are the extreme one, and MIL does not say whose index is given")
