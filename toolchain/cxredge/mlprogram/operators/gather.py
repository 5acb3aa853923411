"""Elements taken at computed places. A place outside of the tensor is an error, never another element.

Before iOS 17 an index may count from the end (-1 is the last). Since then, when ``validate_indices`` came, a negative
index is outside: Core ML answers what it likes, and so it is refused here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from cxredge.errors import InputError
from cxredge.mlprogram.registry import operator


def places(indices: Tensor, size: int, validate_indices: bool | None) -> Tensor:
    """``indices`` into ``size`` elements as int64, not negative. Raises InputError MLPROGRAM-INDEX.

    validate_indices: None where the operator's version does not have it.
    """
    indices = indices.long()
    if indices.is_meta or not indices.numel():
        return indices
    low, high = (int(limit) for limit in indices.aminmax())
    lowest = -size if validate_indices is None else 0
    if low < lowest or high >= size:
        raise InputError(
            "MLPROGRAM-INDEX",
            f"an operator takes element {low if low < lowest else high} of {size}",
            "give inputs for which the program computes indices inside its tensors, or correct its constants",
        )
    return torch.where(indices < 0, indices + size, indices) if low < 0 else indices


def linear_places(indices: Tensor, sizes: Sequence[int], validate_indices: bool | None) -> Tensor:
    """indices [..., len(sizes)] -> [...], places in the flattened axes of ``sizes``."""
    if not sizes:
        raise ValueError("its indices name no axis")
    result = torch.zeros_like(indices[..., 0], dtype=torch.int64)
    for column, size in enumerate(sizes):
        result = result * size + places(indices[..., column], size, validate_indices)
    return result


def _of_batch(x: Tensor, indices: Tensor, batch_dims: int) -> tuple[Tensor, Tensor]:
    """Both with their first ``batch_dims`` axes as one. Raises ValueError."""
    if not 0 <= batch_dims <= min(x.dim(), indices.dim()) or x.shape[:batch_dims] != indices.shape[:batch_dims]:
        raise ValueError(f"{batch_dims} axes of {list(x.shape)} are not the first of {list(indices.shape)}")
    batch = math.prod(x.shape[:batch_dims])
    return x.reshape(batch, *x.shape[batch_dims:]), indices.reshape(batch, *indices.shape[batch_dims:])


@operator("gather", exact=True)
def gather(
    x: Tensor, indices: Tensor, axis: int = 0, batch_dims: int = 0, validate_indices: bool | None = None
) -> Tensor:
    """x [*B, *P, n, *Q], indices [*B, *I] -> [*B, *P, *I, *Q]: elements along ``axis`` (the one of n)."""
    if not -x.dim() <= axis < x.dim():
        raise ValueError(f"there is no axis {axis} of {x.dim()}")
    axis %= x.dim()
    if axis < batch_dims:
        raise ValueError(f"axis {axis} is one of {batch_dims} batch axes")
    shape = (*x.shape[:axis], *indices.shape[batch_dims:], *x.shape[axis + 1 :])
    taken = places(indices, x.shape[axis], validate_indices)
    if not batch_dims:
        return x.index_select(axis, taken.reshape(-1)).reshape(shape)
    x, taken = _of_batch(x, taken, batch_dims)
    inner = axis - batch_dims + 1
    parts = x.flatten(inner + 1) if x.dim() > inner + 1 else x.unsqueeze(-1)
    parts = parts.reshape(x.shape[0], -1, *parts.shape[-2:])
    taken = taken.reshape(x.shape[0], 1, -1, 1).expand(-1, parts.shape[1], -1, parts.shape[3])
    return parts.gather(2, taken).reshape(shape)


@operator("gather_along_axis", exact=True)
def gather_along_axis(x: Tensor, indices: Tensor, axis: int = 0, validate_indices: bool | None = None) -> Tensor:
    """x [*P, n, *Q], indices [*P, m, *Q] -> [*P, m, *Q]: an index for each element of the result."""
    axis %= x.dim()
    if [*x.shape[:axis], *x.shape[axis + 1 :]] != [*indices.shape[:axis], *indices.shape[axis + 1 :]]:
        raise ValueError(f"indices {list(indices.shape)} do not fit {list(x.shape)} along axis {axis}")
    return x.gather(axis, places(indices, x.shape[axis], validate_indices))


@operator("gather_nd", exact=True)
def gather_nd(x: Tensor, indices: Tensor, batch_dims: int = 0, validate_indices: bool | None = None) -> Tensor:
    """x [*B, *D, *Q], indices [*B, *I, len(D)] -> [*B, *I, *Q]: each row of indices names a place in *D."""
    depth = indices.shape[-1]
    shape = (*indices.shape[:-1], *x.shape[batch_dims + depth :])
    named = x.shape[batch_dims : batch_dims + depth]
    if len(named) != depth:
        raise ValueError(f"rows of {depth} indices are too long for {list(x.shape)}")
    x, taken = _of_batch(x, linear_places(indices, named, validate_indices), batch_dims)
    parts = x.reshape(x.shape[0], math.prod(named), -1)
    taken = taken.reshape(x.shape[0], -1, 1).expand(-1, -1, parts.shape[2])
    return parts.gather(1, taken).reshape(shape)
