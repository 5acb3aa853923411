"""Resizing of the last axes: where each output pixel looks in the input, and what it takes from there.

A grid gives every output pixel i of ``after`` a place among the input's pixels 0 ... ``before`` - 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cxredge.mlprogram.registry import FLOATS, NUMBERS, operator

STRICT, ALIGNED, UNALIGNED, DEFAULT, OFFSET = (
    "STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "UNALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS",
)  # fmt: skip


def _grid(mode: str, before: int, after: int) -> tuple[float, float]:
    """(first place, spacing) of the grid of ``mode``; places are then held within the input. Raises ValueError."""
    if mode in (STRICT, ALIGNED):
        if after == 1:
            return ((before - 1) / 2 if mode == ALIGNED else 0.0), 0.0
        return 0.0, (before - 1) / (after - 1)
    if mode == UNALIGNED:
        return 0.5 * before / after - 0.5, before / after
    if mode == DEFAULT:
        return 0.0, before / after
    if mode == OFFSET:
        delta = max(1, before - 1) / after
        return 0.5 * delta, delta
    raise ValueError(f"there is no sampling_mode {mode!r:.40}")


def _linear(x: Tensor, sizes: Sequence[int], mode: str) -> Tensor:
    """x with its last axes of ``sizes``, interpolated along one after the other."""
    _check(x, sizes)
    if mode not in (STRICT, ALIGNED, UNALIGNED, DEFAULT, OFFSET):
        raise ValueError(f"there is no sampling_mode {mode!r:.40}")
    # torch knows these two grids, and is faster; it has no pixel in the middle for ALIGN_CORNERS
    if len(sizes) == 2 and (mode in (STRICT, UNALIGNED) or (mode == ALIGNED and 1 not in sizes)):
        planes = x.reshape(1, math.prod(x.shape[:-2]), *x.shape[-2:])
        made = functional.interpolate(planes, tuple(sizes), mode="bilinear", align_corners=mode != UNALIGNED)
        return made.reshape(*x.shape[:-2], *sizes)
    for axis, after in enumerate(sizes, start=x.dim() - len(sizes)):
        before = x.shape[axis]
        first, spacing = _grid(mode, before, after)
        places = torch.arange(after, dtype=torch.float64, device=x.device).mul_(spacing).add_(first)
        places = places.clamp_(0, before - 1)
        low = places.floor()
        share = (places - low).float().view([-1] + [1] * (x.dim() - 1 - axis))
        near = low.long()
        x = torch.lerp(x.index_select(axis, near), x.index_select(axis, (near + 1).clamp_(max=before - 1)), share)
    return x


def _nearest(x: Tensor, sizes: Sequence[int], centred: bool) -> Tensor:
    """x with its last axes of ``sizes``: pixel floor(i * before / after), or that below i's centre."""
    _check(x, sizes)
    for axis, after in enumerate(sizes, start=x.dim() - len(sizes)):
        before = x.shape[axis]
        if before != after:
            # whole numbers: i * (before / after) may fall below the pixel that it is
            i = torch.arange(after, device=x.device)
            places = (2 * i + 1) * before // (2 * after) if centred else i * before // after
            x = x.index_select(axis, places)
    return x


def _check(x: Tensor, sizes: Sequence[int]) -> None:
    if len(sizes) > x.dim() or min([*sizes, *x.shape[x.dim() - len(sizes) :]], default=1) < 1:
        raise ValueError(f"{list(x.shape)} cannot be resized to {list(sizes)}")


def _planes(x: Tensor) -> None:
    if x.dim() < 3:
        raise ValueError(f"x has {x.dim()} axes, fewer than 3")


def _scaled(x: Tensor, height: float, width: float) -> tuple[int, int]:
    """Sizes of the last two axes times their factors, rounded down, in float32 as converters compute them."""
    _planes(x)
    factors = np.array([height, width], np.float32) * np.array(x.shape[-2:], np.float32)
    if not np.isfinite(factors).all():
        raise ValueError(f"factors {height} and {width} are no numbers")
    rows, columns = factors.tolist()
    return math.floor(rows), math.floor(columns)


@operator("upsample_nearest_neighbor", accepts=FLOATS, exact=True)
def upsample_nearest_neighbor(x: Tensor, scale_factor_height: float = 1, scale_factor_width: float = 1) -> Tensor:
    """Every pixel as often as the factors say.

    Factors that are no whole numbers are refused: coremltools' own tests of them fail on the GPU.
    """
    if scale_factor_height % 1 or scale_factor_width % 1:
        raise ValueError(f"Core ML's compute units do not agree on {scale_factor_height} by {scale_factor_width}")
    return _nearest(x, _scaled(x, scale_factor_height, scale_factor_width), centred=False)


@operator("resize_nearest_neighbor", accepts=FLOATS, exact=True)
def resize_nearest_neighbor(x: Tensor, target_size_height: int, target_size_width: int) -> Tensor:
    """Pixel floor((i + 1/2) * H / H_out): TensorFlow's half-pixel centres, which converters express with it."""
    _planes(x)
    return _nearest(x, (target_size_height, target_size_width), centred=True)


@operator("upsample_bilinear", accepts=FLOATS)
def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """Linear along both axes; the spacing follows from the sizes, not from the factors."""
    if align_corners and half_pixel_centers:
        raise ValueError("there is no grid with align_corners and half_pixel_centers")
    mode = STRICT if align_corners else DEFAULT if half_pixel_centers is False else UNALIGNED
    return _linear(x, _scaled(x, scale_factor_height, scale_factor_width), mode)


@operator("resize_bilinear", accepts=FLOATS)
def resize_bilinear(
    x: Tensor, target_size_height: int = 1, target_size_width: int = 1, sampling_mode: str = DEFAULT
) -> Tensor:
    """Linear along both axes."""
    _planes(x)
    return _linear(x, (target_size_height, target_size_width), sampling_mode)


@operator("resize", accepts=NUMBERS)
def resize(
    x: Tensor,
    shape: tuple[int, ...],
    resized_dims: int,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = DEFAULT,
) -> Tensor:
    """The last ``resized_dims`` numbers of ``shape`` are the sizes of as many last axes of x; 0 keeps one (iOS 17)."""
    if not 0 <= resized_dims <= len(shape) <= x.dim():
        raise ValueError(f"{resized_dims} axes of {list(shape)} cannot be those of {list(x.shape)}")
    wanted = shape[len(shape) - resized_dims :]
    sizes = [size or x.shape[x.dim() - resized_dims + i] for i, size in enumerate(wanted)]
    if interpolation_mode == "LINEAR":
        if x.dtype != torch.float32:
            raise ValueError("MIL does not say how integers between two others are rounded")
        return _linear(x, sizes, sampling_mode)
    if interpolation_mode == "NEAREST_NEIGHBOR":
        if sampling_mode != DEFAULT:
            raise ValueError(f"MIL does not say which pixel is nearest with {sampling_mode!r:.40}")
        return _nearest(x, sizes, centred=True)
    raise ValueError(f"there is no interpolation_mode {interpolation_mode!r:.40}")


@operator("crop", accepts=FLOATS, exact=True)
def crop(x: Tensor, crop_height: tuple[int, ...], crop_width: tuple[int, ...]) -> Tensor:
    """x without so many pixels on each side of its last two axes."""
    _planes(x)
    for axis, cut in ((-2, crop_height), (-1, crop_width)):
        if len(cut) != 2 or min(cut) < 0 or sum(cut) >= x.shape[axis]:
            raise ValueError(f"{list(cut)} cannot be cut off {x.shape[axis]} pixels")
        x = x.narrow(axis, cut[0], x.shape[axis] - sum(cut))
    return x
