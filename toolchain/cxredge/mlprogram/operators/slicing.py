"""Parts of tensors, and padding around them."""

from __future__ import annotations

import torch
from torch import Tensor

from cxredge.mlprogram.registry import FLOATS, operator

Ints = tuple[int, ...]
Bools = tuple[bool, ...]


def _region(
    x: Tensor, begin: Ints, end: Ints, stride: Ints, begin_mask: Bools, end_mask: Bools, squeeze_mask: Bools
) -> tuple[tuple[slice | int, ...], list[int]]:
    """What numpy's ``x[begin:end:stride, ...]`` names, with positive steps, and the result's axes to reverse.

    A mask leaves its bound out; an axis of ``squeeze_mask`` is indexed by its begin and disappears. Raises ValueError.
    """
    rank = x.dim()
    stride = stride or (1,) * rank
    masks = [mask or (False,) * rank for mask in (begin_mask, end_mask, squeeze_mask)]
    if any(len(given) != rank for given in (begin, end, stride, *masks)) or 0 in stride:
        raise ValueError(f"its begin, end, strides or masks do not fit {rank} axes")
    places: list[slice | int] = []
    reversed_axes: list[int] = []
    for axis, (no_begin, no_end, squeezed) in enumerate(zip(*masks, strict=True)):
        first = None if no_begin else begin[axis]
        if squeezed:
            places.append(first or 0)
            continue
        taken = range(*slice(first, None if no_end else end[axis], stride[axis]).indices(x.shape[axis]))
        if stride[axis] < 0:
            # torch takes no negative steps
            reversed_axes.append(sum(isinstance(place, slice) for place in places))
            taken = taken[::-1]
        places.append(slice(taken.start, taken.stop, taken.step) if taken else slice(0, 0))
    return tuple(places), reversed_axes


@operator("slice_by_index", exact=True)
def slice_by_index(
    x: Tensor,
    begin: tuple[int, ...],
    end: tuple[int, ...],
    stride: tuple[int, ...] = (),
    begin_mask: tuple[bool, ...] = (),
    end_mask: tuple[bool, ...] = (),
    squeeze_mask: tuple[bool, ...] = (),
) -> Tensor:
    """``x[begin:end:stride, ...]`` as in numpy."""
    places, reversed_axes = _region(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    return x[places].flip(reversed_axes) if reversed_axes else x[places]


@operator("slice_update", exact=True)
def slice_update(
    x: Tensor,
    update: Tensor,
    begin: tuple[int, ...],
    end: tuple[int, ...],
    stride: tuple[int, ...] = (),
    begin_mask: tuple[bool, ...] = (),
    end_mask: tuple[bool, ...] = (),
    squeeze_mask: tuple[bool, ...] = (),
) -> Tensor:
    """x with ``update`` in the place of ``slice_by_index(x, ...)`` (iOS 18)."""
    places, reversed_axes = _region(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    result = x.clone()
    region = result[places]
    if region.shape != update.shape:
        raise ValueError(f"an update of shape {list(update.shape)} does not fit a region {list(region.shape)}")
    region.copy_(update.flip(reversed_axes))
    return result


@operator("slice_by_size", exact=True)
def slice_by_size(x: Tensor, begin: tuple[int, ...], size: tuple[int, ...]) -> Tensor:
    """``size[i]`` elements from ``begin[i]`` on along axis i; size -1 is all that follow."""
    for axis, (first, count) in enumerate(zip(begin, size, strict=True)):
        start = first + x.shape[axis] if first < 0 else first
        if start < 0:
            raise ValueError(f"it begins {-start} elements before the first")
        x = x.narrow(axis, start, x.shape[axis] - start if count == -1 else count)
    return x


@operator("split", exact=True)
def split(x: Tensor, axis: int, num_splits: int | None = None, split_sizes: tuple[int, ...] = ()) -> list[Tensor]:
    """Parts along ``axis``: of ``split_sizes``, or ``num_splits`` equal ones."""
    if not split_sizes:
        if not num_splits or num_splits < 0 or x.shape[axis] % num_splits:
            raise ValueError(f"{x.shape[axis]} elements do not make {num_splits} equal parts")
        split_sizes = (x.shape[axis] // num_splits,) * num_splits
    if num_splits not in (None, len(split_sizes)):
        raise ValueError(f"{len(split_sizes)} sizes are not {num_splits}")
    return list(x.split(list(split_sizes), axis))


@operator("pad", accepts=FLOATS)
def pad(x: Tensor, pad: tuple[int, ...], mode: str = "constant", constant_val: float = 0.0) -> Tensor:
    """x with ``pad[2 * i]`` elements before and ``pad[2 * i + 1]`` after the i-th of the last ``len(pad) / 2`` axes.

    ``constant``: they are ``constant_val``; ``replicate``: the outermost element; ``reflect``: the elements behind it.
    Core ML takes the latter two along the last two axes only (coremltools#2571, #2576, #2701).
    """
    axes = len(pad) // 2
    if len(pad) % 2 or axes > x.dim() or min(pad, default=0) < 0:
        raise ValueError(f"pad {list(pad)} does not have two numbers for each of up to {x.dim()} axes")
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    if mode == "constant":
        return torch.nn.functional.pad(x, [n for pair in reversed(pairs) for n in pair], value=constant_val)
    if mode not in ("reflect", "replicate"):
        raise ValueError(f"there is no mode {mode!r:.40}")
    for axis, (before, after) in enumerate(pairs, x.dim() - axes):
        if axis < x.dim() - 2 and (before or after):
            raise ValueError(f"Core ML pads the last two axes only with {mode}, not axis {axis} (coremltools#2701)")
        size = x.shape[axis]
        if max(before, after) > size - (mode == "reflect"):
            raise ValueError(f"{max(before, after)} elements are more than {mode} can take from {size}")
        if before or after:
            # torch's own padding takes no more than three axes, and the last ones only
            places = torch.arange(-before, size + after, device=x.device)
            if mode == "reflect":
                places = (size - 1) - (places.abs() - (size - 1)).abs()
            x = x.index_select(axis, places.clamp_(0, size - 1))
    return x
