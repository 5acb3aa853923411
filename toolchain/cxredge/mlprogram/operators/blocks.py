"""Blocks of pixels as channels and back, and windows along an axis."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from cxredge.mlprogram.registry import operator


@operator("pixel_shuffle", exact=True)
def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """[N, C * f * f, H, W] -> [N, C, H * f, W * f]; the f * f channels of a block follow each other."""
    return functional.pixel_shuffle(x, upscale_factor)


@operator("pixel_unshuffle", exact=True)
def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """[N, C, H * f, W * f] -> [N, C * f * f, H, W], the inverse of ``pixel_shuffle``."""
    return functional.pixel_unshuffle(x, downscale_factor)


@operator("depth_to_space", exact=True)
def depth_to_space(x: Tensor, block_size: int) -> Tensor:
    """[N, b * b * C, H, W] -> [N, C, H * b, W * b].

    Unlike ``pixel_shuffle``, C channels of one pixel of the block follow each other, as in TensorFlow, whose operator
    converters write as this one.
    """
    n, c, h, w = x.shape
    b = block_size
    return x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)


@operator("space_to_depth", exact=True)
def space_to_depth(x: Tensor, block_size: int) -> Tensor:
    """[N, C, H * b, W * b] -> [N, b * b * C, H, W], the inverse of ``depth_to_space``."""
    n, c, h, w = x.shape
    b = block_size
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)


@operator("sliding_windows", exact=True)
def sliding_windows(x: Tensor, axis: int, size: int, stride: int = 1) -> Tensor:
    """Windows of ``size`` elements along ``axis``, whose elements lie along a new axis behind it."""
    axis %= x.dim()
    return x.unfold(axis, size, stride).movedim(-1, axis + 1)
