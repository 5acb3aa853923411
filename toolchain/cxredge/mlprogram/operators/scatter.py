"""Elements put at computed places, alone or combined with what is there.

Where a place is named several times, sums, products and extremes take all its updates; ``update`` is refused then, as
the order would decide, and ``div`` always, as one division by a product is not several divisions.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cxredge.errors import InputError
from cxredge.mlprogram.operators.gather import linear_places, places
from cxredge.mlprogram.registry import NUMBERS, operator

_REDUCTIONS = {"mul": "prod", "max": "amax", "min": "amin"}


def _combined(rows: Tensor, taken: Tensor, updates: Tensor, mode: str) -> Tensor:
    """rows [P, Q] with updates [M, Q] at rows ``taken`` [M]. Raises ValueError and InputError MLPROGRAM-INDEX."""
    if mode == "update":
        if not taken.is_meta and taken.unique().numel() != taken.numel():
            raise InputError(
                "MLPROGRAM-INDEX",
                "an operator writes two updates to one place",
                "give inputs for which the program computes different indices, or correct its constants",
            )
        return rows.index_copy(0, taken, updates)
    if mode in ("add", "sub"):
        return rows.index_add(0, taken, updates, alpha=1 if mode == "add" else -1)
    if mode not in _REDUCTIONS:
        raise ValueError(f"mode {mode!r:.40} cannot be evaluated")
    return rows.scatter_reduce(0, taken[:, None].expand_as(updates), updates, _REDUCTIONS[mode])


def _fits(updates: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(updates.shape) != shape:
        raise ValueError(f"updates of shape {list(updates.shape)} are not {list(shape)}")


@operator("scatter", accepts=NUMBERS)
def scatter(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: int = 0,
    mode: str = "add",
    validate_indices: bool | None = None,
) -> Tensor:
    """data [*P, n, *Q], indices [m], updates [*P, m, *Q] -> as data, combined at ``indices`` along ``axis``."""
    axis %= data.dim()
    _fits(updates, (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]))
    first = data.movedim(axis, 0)
    columns = first[0].numel()
    rows, new = first.reshape(-1, columns), updates.movedim(axis, 0).reshape(-1, columns)
    result = _combined(rows, places(indices, data.shape[axis], validate_indices), new, mode)
    return result.reshape(first.shape).movedim(0, axis)


@operator("scatter_along_axis", accepts=NUMBERS)
def scatter_along_axis(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: int = 0,
    mode: str = "add",
    validate_indices: bool | None = None,
) -> Tensor:
    """data [*P, n, *Q], indices and updates [*P, m, *Q] -> as data; an index along ``axis`` for each update."""
    axis %= data.dim()
    _fits(updates, tuple(indices.shape))
    _fits(indices.transpose(axis, -1)[..., :0], (*data.transpose(axis, -1).shape[:-1], 0))
    taken = places(indices, data.shape[axis], validate_indices)
    inner = math.prod(data.shape[axis + 1 :])
    outer = math.prod(data.shape[:axis])
    starts = torch.arange(outer, device=data.device)[:, None, None] * (data.shape[axis] * inner)
    flat = starts + taken.reshape(outer, -1, inner) * inner + torch.arange(inner, device=data.device)
    return _combined(data.reshape(-1, 1), flat.reshape(-1), updates.reshape(-1, 1), mode).reshape(data.shape)


@operator("scatter_nd", accepts=NUMBERS)
def scatter_nd(
    data: Tensor, indices: Tensor, updates: Tensor, mode: str = "add", validate_indices: bool | None = None
) -> Tensor:
    """data [*D, *Q], indices [*I, len(D)], updates [*I, *Q] -> as data; each row of indices names a place in *D."""
    depth = indices.shape[-1]
    named, rest = data.shape[:depth], data.shape[depth:]
    if len(named) != depth:
        raise ValueError(f"rows of {depth} indices are too long for {list(data.shape)}")
    _fits(updates, (*indices.shape[:-1], *rest))
    taken = linear_places(indices, named, validate_indices).reshape(-1)
    columns = math.prod(rest)
    rows = data.reshape(math.prod(named), columns)
    return _combined(rows, taken, updates.reshape(taken.numel(), columns), mode).reshape(data.shape)
