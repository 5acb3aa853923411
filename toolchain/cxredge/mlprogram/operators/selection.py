"""Choice, order and filling.

MIL leaves open in which order equal elements come: indices that depend on it are refused.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cxredge.mlprogram.operators.gather import places
from cxredge.mlprogram.registry import BOOLEANS, FIRST, INDEX, NUMBERS, operator


@operator("select", result="=a", accepts=BOOLEANS)
def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """a where ``cond`` is true, else b; all three are broadcast."""
    return torch.where(cond, a, b)


@operator("topk", result=(FIRST, INDEX), exact=True)
def topk(
    x: Tensor,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> list[Tensor]:
    """The k largest (smallest if ``ascending``) values along ``axis`` in order, and their indices; k = -1: all.

    Without ``sort``, MIL leaves their order open.
    """
    count = x.shape[axis] if k == -1 else k
    if not sort and count > 1:
        raise ValueError("MIL does not say in which order values come that are not sorted")
    values, indices = x.sort(dim=axis, descending=not ascending, stable=True)
    if return_indices:
        _all_differ(values.narrow(axis, 0, min(count + 1, x.shape[axis])), axis)
    results = [values.narrow(axis, 0, count), indices.narrow(axis, 0, count).int()]
    return results if return_indices else results[:1]


@operator("argsort", result=INDEX, exact=True)
def argsort(x: Tensor, axis: int = -1, ascending: bool = False) -> Tensor:
    """Indices that bring x in order along ``axis``."""
    values, indices = x.sort(dim=axis, descending=not ascending)
    _all_differ(values, axis)
    return indices.int()


def _all_differ(values: Tensor, axis: int) -> None:
    """Raises ValueError where two of the sorted ``values`` along ``axis`` are the same."""
    if not values.is_meta and bool((values.diff(dim=axis) == 0).any()):
        raise ValueError("two of the values are equal, and MIL does not say whose index comes first")


@operator("one_hot", result="=on_value")
def one_hot(indices: Tensor, one_hot_vector_size: int, on_value: Tensor, off_value: Tensor, axis: int = -1) -> Tensor:
    """indices [*D] -> [*D] with an axis of ``one_hot_vector_size``: on at the index, off elsewhere.

    MIL says nothing of an index outside. Raises InputError MLPROGRAM-INDEX.
    """
    inside = places(indices, one_hot_vector_size, validate_indices=True)
    hot = inside.unsqueeze(-1) == torch.arange(one_hot_vector_size, device=indices.device)
    return torch.where(hot, on_value, off_value).movedim(-1, axis)


@operator("cumsum", accepts=NUMBERS)
def cumsum(x: Tensor, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Sum of the elements up to each one along ``axis``; without it if ``exclusive``; from the end if ``reverse``."""
    if reverse:
        x = x.flip(axis)
    result = x.cumsum(axis, dtype=x.dtype)
    if exclusive:
        before = torch.zeros_like(x.narrow(axis, 0, 1))
        result = torch.cat((before, result.narrow(axis, 0, x.shape[axis] - 1)), axis)
    return result.flip(axis) if reverse else result


@operator("band_part", exact=True)
def band_part(x: Tensor, lower: int = -1, upper: int = -1) -> Tensor:
    """x [..., M, N], zero more than ``lower`` below or ``upper`` above the diagonal; a negative bound is none."""
    below = torch.arange(x.shape[-2], device=x.device)[:, None] - torch.arange(x.shape[-1], device=x.device)
    outside = torch.zeros_like(below, dtype=torch.bool)
    if lower >= 0:
        outside = outside | (below > lower)
    if upper >= 0:
        outside = outside | (-below > upper)
    return x.masked_fill(outside, 0)


@operator("fill", result="=value", exact=True)
def fill(shape: tuple[int, ...], value: Tensor) -> Tensor:
    """``shape`` filled with ``value``."""
    return value.reshape(()).expand(shape)


@operator("fill_like", result="=value", exact=True)
def fill_like(ref_tensor: Tensor, value: Tensor) -> Tensor:
    """The shape of ``ref_tensor`` filled with ``value``."""
    return value.reshape(()).expand(ref_tensor.shape)
