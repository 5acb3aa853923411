"""Affine quantisation of activations (iOS 17). Scales are scalars, or vectors along ``axis``."""

from __future__ import annotations

from torch import Tensor

from cxredge.mlprogram.registry import operator

_LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


def _along(x: Tensor, vector: Tensor, axis: int | None) -> Tensor:
    """``vector`` shaped so that it broadcasts along ``axis`` of ``x``."""
    if vector.dim() == 0 or vector.numel() == 1:
        return vector.reshape(())
    if axis is None or vector.dim() != 1 or vector.shape[0] != x.shape[axis]:
        raise ValueError(f"a scale or zero point of shape {list(vector.shape)} does not fit axis {axis}")
    shape = [1] * x.dim()
    shape[axis] = -1
    return vector.reshape(shape)


@operator("quantize", result=":output_dtype")
def quantize(
    input: Tensor, scale: Tensor, output_dtype: str, zero_point: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """clip(round(input / scale) + zero_point), halves to even."""
    low, high = _LIMITS[output_dtype]
    result = input.div(_along(input, scale, axis)).round_()
    if zero_point is not None:
        result.add_(_along(input, zero_point, axis))
    return result.clamp_(low, high)


@operator("dequantize", result="=scale")
def dequantize(input: Tensor, scale: Tensor, zero_point: Tensor | None = None, axis: int | None = None) -> Tensor:
    """scale * (input - zero_point)."""
    scale = _along(input, scale, axis)
    return input * scale if zero_point is None else input.sub(_along(input, zero_point, axis)).mul_(scale)
