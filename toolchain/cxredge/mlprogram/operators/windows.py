"""Padding of sliding windows, as convolutions and pools share it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from torch import Tensor
from torch.nn import functional

WIDEST_COUNTED = 3
"""Side of the widest kernel below which padding may count in a mean. In float16, Core ML gave a 49th of the mean for a
kernel of 7, stride 4 and padding 3, and the mean itself for 3, 2 and 1 (coremltools#1901); nothing is known between."""


def spatial_axes(x: Tensor) -> int:
    """Axes of x [N, C, *D] that a window slides along, 1 to 3. Raises ValueError."""
    if not 3 <= x.dim() <= 5:
        raise ValueError(f"x has {x.dim()} axes, not 3 to 5")
    return x.dim() - 2


def split_pads(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pad_type: str,
    pad: Sequence[int],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(pixels before, pixels after) for each spatial axis.

    ``valid``: none. ``custom``: ``pad`` holds before and after, axis by axis, or nothing at all. ``same``: the output
    has ceil(size / stride) pixels, and the odd pixel stands behind; ``same_lower``: before. Raises ValueError.
    """
    axes = len(size)
    if not len(kernel) == len(strides) == len(dilations) == axes:
        raise ValueError(
            f"{axes} spatial axes, but kernel {list(kernel)}, strides {list(strides)} and dilations {list(dilations)}"
        )
    if min([*strides, *dilations, *kernel]) < 1:
        raise ValueError("kernel, strides and dilations must be positive")
    if pad_type == "valid":
        return (0,) * axes, (0,) * axes
    if pad_type == "custom":
        pad = pad or (0,) * (2 * axes)
        if len(pad) != 2 * axes or min(pad) < 0:
            raise ValueError(f"pad {list(pad)} does not have two numbers for each of {axes} axes")
        return tuple(pad[::2]), tuple(pad[1::2])
    if pad_type not in ("same", "same_lower"):
        raise ValueError(f"there is no pad_type {pad_type!r:.40}")
    totals = [
        max(0, (-(-d // s) - 1) * s + (k - 1) * dilation + 1 - d)
        for d, k, s, dilation in zip(size, kernel, strides, dilations, strict=True)
    ]
    less, more = tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
    return (less, more) if pad_type == "same" else (more, less)


def padded(x: Tensor, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Tensor:
    """x [N, C, *D] with ``value`` around its spatial axes; negative numbers cut pixels off."""
    if not any((*before, *after)):
        return x
    pairs = zip(reversed(before), reversed(after), strict=True)
    return functional.pad(x, list(chain.from_iterable(pairs)), value=value)
