"""Pools (MIL ``max_pool``, ``avg_pool``, ``l2_pool``): x [N, C, *D] -> [N, C, *D_out]."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cxredge.mlprogram.operators.windows import WIDEST_COUNTED, padded, spatial_axes, split_pads
from cxredge.mlprogram.registry import FLOATS, operator


@dataclass(frozen=True)
class _Windows:
    """Where the windows lie along each spatial axis, ``count`` of them."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    count: tuple[int, ...]

    @property
    def behind(self) -> tuple[int, ...]:
        """Pixels between the input and the end of the last window; negative where it ends before the input does."""
        ends = ((n - 1) * s + k for n, s, k in zip(self.count, self.strides, self.kernel, strict=True))
        return tuple(end - b - d for end, b, d in zip(ends, self.before, self.size, strict=True))

    @property
    def even(self) -> bool:
        """Whether torch pads so by itself: as much behind as before, and at most half a window.

        Its check of shapes leaves the padding out along three axes, so that the window must fit into the input.
        """
        within = zip(self.before, self.kernel, self.size, strict=True)
        return self.before == self.after and all(2 * b <= k <= d for b, k, d in within)

    def pixels(self, like: Tensor) -> Tensor:
        """Pixels of x in each window, [*count]."""
        count = torch.ones((), device=like.device)
        for axis, (before, size) in enumerate(zip(self.before, self.size, strict=True)):
            starts = torch.arange(self.count[axis], dtype=like.dtype, device=like.device) * self.strides[axis]
            along = (starts + self.kernel[axis]).clamp(max=before + size) - starts.clamp(min=before)
            count = count.unsqueeze(-1) * along
        return count


def _windows(
    x: Tensor,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    pad_type: str,
    pad: tuple[int, ...],
    ceil_mode: bool,
) -> _Windows:
    axes = spatial_axes(x)
    strides = strides or (1,) * axes
    if axes == 1 and pad_type == "same_lower":
        raise ValueError("Core ML's pool along one axis is wrong with same_lower, by coremltools' own tests")
    before, after = split_pads(x.shape[2:], kernel, strides, (1,) * axes, pad_type, pad)
    if ceil_mode and (axes > 2 or pad_type.startswith("same") or before != after):
        raise ValueError("ceil_mode goes with one or two spatial axes, and with padding that is even on both sides")
    count = []
    for d, k, s, b, a in zip(x.shape[2:], kernel, strides, before, after, strict=True):
        room = d + b + a - k
        n = (-(-room // s) if ceil_mode else room // s) + 1
        # PyTorch drops a last window beyond the pixels even if nothing is padded; it has no pixel, see below
        if ceil_mode and b + a > 0 and (n - 1) * s >= d + b:
            n -= 1
        if room < 0 or n < 1:
            raise ValueError(f"a window of {k} pixels does not fit into {d + b + a}")
        if k <= b or (n - 1) * s >= b + d:
            raise ValueError("a window has no pixel of x: a maximum or a mean of nothing is not defined")
        count.append(n)
    return _Windows(tuple(x.shape[2:]), kernel, strides, before, after, tuple(count))


def _means(x: Tensor, windows: _Windows) -> Tensor:
    """Sum of each window divided by the kernel's size: what is not there is zero, and counts."""
    x = padded(x, windows.before, windows.behind)
    pool = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[len(windows.count) - 1]
    return pool(x, windows.kernel, windows.strides)


@operator("max_pool", accepts=FLOATS, exact=True)
def max_pool(
    x: Tensor,
    kernel_sizes: tuple[int, ...],
    pad_type: str,
    strides: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    ceil_mode: bool = False,
) -> Tensor:
    """Largest pixel of each window; padding never is."""
    windows = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    padding = windows.before
    if ceil_mode or not windows.even:
        x, padding = padded(x, windows.before, windows.behind, -math.inf), (0,) * len(padding)
    pool = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[len(padding) - 1]
    return pool(x, kernel_sizes, windows.strides, padding)


@operator("avg_pool", accepts=FLOATS)
def avg_pool(
    x: Tensor,
    kernel_sizes: tuple[int, ...],
    pad_type: str,
    strides: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """Mean of each window; what lies outside of x counts as zeros, or not at all.

    What ceil_mode adds is outside of x, too: unlike PyTorch, Core ML divides by the whole kernel there
    (coremltools#2772 and #2844, with values). Counted padding below a kernel wider than ``WIDEST_COUNTED`` is refused.
    """
    windows = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    if not exclude_padding_from_average:
        if max(kernel_sizes) > WIDEST_COUNTED and any((*windows.before, *windows.after)):
            raise ValueError("Core ML may divide twice where padding counts and the kernel is wide (coremltools#1901)")
        return _means(x, windows)
    return _means(x, windows) * (math.prod(kernel_sizes) / windows.pixels(x))


@operator("l2_pool", accepts=FLOATS)
def l2_pool(
    x: Tensor,
    kernel_sizes: tuple[int, ...],
    pad_type: str,
    strides: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    ceil_mode: bool = False,
) -> Tensor:
    """sqrt of the sum (not of the mean) of squares in each window, along one or two axes."""
    windows = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    if len(windows.count) > 2:
        raise ValueError("there is no l2_pool along three axes")
    return (_means(x.square(), windows) * math.prod(kernel_sizes)).sqrt()
