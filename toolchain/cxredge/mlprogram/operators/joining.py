"""Several tensors as one."""

from __future__ import annotations

import torch
from torch import Tensor

from cxredge.mlprogram.registry import operator


@operator("concat", exact=True)
def concat(values: list[Tensor], axis: int, interleave: bool = False) -> Tensor:
    """``values`` one behind the other along ``axis``; element by element in turn if ``interleave``."""
    if values[0].dim() == 0:
        return torch.stack(values, axis)
    if not interleave:
        return torch.cat(values, axis)
    axis %= values[0].dim()
    return torch.stack(values, axis + 1).flatten(axis, axis + 1)


@operator("stack", exact=True)
def stack(values: list[Tensor], axis: int) -> Tensor:
    """``values`` along a new axis, at place ``axis`` of the result."""
    return torch.stack(values, axis)
