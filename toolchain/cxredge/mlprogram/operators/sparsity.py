"""Sparse weights (``constexpr_*``): a mask of the elements that are stored, and these in row-major order.

How many there are is part of the declared types; that the mask asks for as many is checked when they are expanded.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cxredge.mlprogram.operators.compression import constexpr_blockwise_shift_scale, looked_up, unpacked
from cxredge.mlprogram.registry import operator


def _dense(nonzero_data: Tensor, mask: Tensor) -> Tensor:
    """[D], [*N] -> [*N], zero where ``mask`` is. Raises ValueError."""
    if nonzero_data.dim() != 1:
        raise ValueError(f"its stored elements have {nonzero_data.dim()} axes, not one")
    result = torch.zeros_like(mask, dtype=nonzero_data.dtype)
    if not mask.is_meta:
        chosen = mask != 0
        if int(chosen.sum()) != nonzero_data.numel():
            raise ValueError(f"{int(chosen.sum())} elements are in the mask, and {nonzero_data.numel()} are stored")
        result[chosen] = nonzero_data
    return result


@operator("constexpr_sparse_to_dense", result="=nonzero_data", fold=True)
def constexpr_sparse_to_dense(nonzero_data: Tensor, mask: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
    """The stored elements where ``mask`` is set, else 0. iOS 16: mask packed, ``shape`` that of the result."""
    if shape is None:
        return _dense(nonzero_data, mask)
    if not mask.is_meta and math.prod(shape) % 8 and int(mask[-1]) >> (math.prod(shape) % 8):
        raise ValueError("the mask has bits beyond its last element")
    return _dense(nonzero_data, unpacked(mask, 1, shape))


@operator("constexpr_lut_to_sparse", result=("=indices_mask", "=lut"), fold=True)
def constexpr_lut_to_sparse(
    indices_mask: Tensor, indices_nonzero_data: Tensor, lut: Tensor, vector_axis: int | None = None
) -> list[Tensor]:
    """``looked_up`` for stored indices: the mask as long as the vectors make it, and the stored entries (iOS 18)."""
    dense = looked_up(_dense(indices_nonzero_data, indices_mask), lut, vector_axis)
    mask = indices_mask
    if dense.shape != mask.shape:
        assert vector_axis is not None
        mask = mask.repeat_interleave(lut.shape[-1], vector_axis)
    return [mask, _stored(dense, mask, indices_nonzero_data.numel() * lut.shape[-1])]


@operator("constexpr_sparse_blockwise_shift_scale", result=("=data_mask", "=scale"), fold=True)
def constexpr_sparse_blockwise_shift_scale(
    data_mask: Tensor, nonzero_data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> list[Tensor]:
    """``constexpr_blockwise_shift_scale`` for stored elements: the mask, and the stored results (iOS 18)."""
    dense = constexpr_blockwise_shift_scale(_dense(nonzero_data, data_mask), scale, offset)
    return [data_mask, _stored(dense, data_mask, nonzero_data.numel())]


def _stored(dense: Tensor, mask: Tensor, count: int) -> Tensor:
    return dense.new_empty(count) if mask.is_meta else dense[mask != 0]
