"""Shapes and order of axes; nothing is computed."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cxredge.mlprogram.registry import INDEX, operator


@operator("reshape", exact=True)
def reshape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """One -1 is what is left. 0 keeps an axis of x, counted from the right; 1 where x has none there.

    So it is since iOS 17. Before, a 0 asked for as many numbers as x has axes, and then the two rules agree.
    """
    missing = len(shape) - x.dim()
    kept = [x.shape[i - missing] if i >= missing else 1 for i in range(len(shape))]
    return x.reshape([kept[i] if n == 0 else n for i, n in enumerate(shape)])


@operator("transpose", exact=True)
def transpose(x: Tensor, perm: tuple[int, ...]) -> Tensor:
    """Axis i of the result is axis ``perm[i]`` of x."""
    return x.permute(perm)


@operator("expand_dims", exact=True)
def expand_dims(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Axes of size 1, at these places of the result."""
    rank = x.dim() + len(axes)
    for axis in sorted(axis + rank if axis < 0 else axis for axis in axes):
        x = x.unsqueeze(axis)
    return x


@operator("squeeze", exact=True)
def squeeze(x: Tensor, axes: tuple[int, ...] | None = None) -> Tensor:
    """x without ``axes``, or without all axes of size 1.

    An axis of another size would stay in PyTorch; by coremltools' own tests Core ML's CPU does something else.
    """
    if axes is not None and any(x.shape[axis] != 1 for axis in axes):
        raise ValueError(f"axes {list(axes)} of {list(x.shape)} are not all of size 1")
    return x.squeeze() if axes is None else x.squeeze(axes)


@operator("flatten2d", exact=True)
def flatten2d(x: Tensor, axis: int = 1) -> Tensor:
    """[product of the axes before ``axis``, product of the others]."""
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@operator("reverse", exact=True)
def reverse(x: Tensor, axes: tuple[int, ...] | None = None) -> Tensor:
    """x in opposite order along ``axes``, along all of them if none is named."""
    return x.flip(tuple(range(x.dim())) if axes is None else axes)


@operator("tile", exact=True)
def tile(x: Tensor, reps: tuple[int, ...]) -> Tensor:
    """x, ``reps[i]`` times along axis i."""
    if len(reps) != x.dim() or min(reps, default=1) < 1:
        raise ValueError(f"reps {list(reps)} is not one positive number for each of {x.dim()} axes")
    return x.repeat(reps)


@operator("identity", exact=True)
def identity(x: Tensor) -> Tensor:
    """x."""
    return x


@operator("shape", result=INDEX, exact=True)
def shape(x: Tensor, output_dtype: str = "int32") -> Tensor:
    """The sizes of x, [rank]."""
    return torch.tensor(x.shape, dtype=torch.int32, device=x.device)
