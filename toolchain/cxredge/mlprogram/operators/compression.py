"""Compressed weights (``constexpr_*``), expanded once when a program is loaded.

All is computed in float32 and rounded once. For whole numbers times a scale that is what coremltools' own decompression
gives, float16 included: the product of two float16 numbers (integers of 8 bits are such) is exact in float32, so that
rounding it once is float16's own multiplication. An offset that is not a whole number would be rounded twice there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cxredge.mlprogram.operators.quantization import dequantize
from cxredge.mlprogram.registry import operator
from cxredge.mlprogram.types import TensorType
from cxredge.mlprogram.weights import unpack


def unpacked(packed: Tensor, width: int, shape: tuple[int, ...]) -> Tensor:
    """Numbers of ``width`` bits, packed in bytes from the lowest bits on (iOS 16). Raises ValueError."""
    declared = TensorType(f"uint{width}", shape)
    if min(shape, default=1) < 1 or packed.numel() != (declared.elements * width + 7) // 8:
        raise ValueError(f"{packed.numel()} bytes are not {list(shape)} numbers of {width} bits")
    if packed.is_meta:
        return packed.new_empty(shape)
    numbers = unpack(packed.to(torch.uint8).numpy().data, declared)
    return torch.from_numpy(numbers).float()


@operator("constexpr_cast", result=":output_dtype", fold=True)
def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    """float16 as float32."""
    if output_dtype != "fp32":
        raise ValueError(f"there is no cast to {output_dtype!r:.40}")
    return source_val


@operator("constexpr_affine_dequantize", result="=scale", fold=True)
def constexpr_affine_dequantize(quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: int) -> Tensor:
    """scale * (quantized_data - zero_point); both are scalars, or vectors along ``axis`` (iOS 16)."""
    return dequantize(quantized_data, scale, zero_point, axis)


@operator("constexpr_blockwise_shift_scale", result="=scale", fold=True)
def constexpr_blockwise_shift_scale(data: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    """scale * (data - offset), one scale (and offset) for each block of data (iOS 18).

    data [n0, n1, ...], scale and offset [s0, s1, ...] -> as data; axis i has blocks of n_i / s_i elements.
    """
    if offset is not None and offset.shape != scale.shape:
        raise ValueError(f"offsets {list(offset.shape)} are not as many as scales {list(scale.shape)}")
    blocks = data.reshape(_blocked(data.shape, scale.shape))
    per_block = [n for size in scale.shape for n in (size, 1)]
    if offset is not None:
        blocks = blocks - offset.reshape(per_block)
    return (blocks * scale.reshape(per_block)).reshape(data.shape)


def _blocked(shape: Sequence[int], blocks: Sequence[int]) -> list[int]:
    """Each axis as two, its blocks and the elements of one. Raises ValueError."""
    if len(shape) != len(blocks) or any(b < 1 or n % b for n, b in zip(shape, blocks, strict=True)):
        raise ValueError(f"{list(blocks)} does not divide {list(shape)} into blocks")
    return [size for n, b in zip(shape, blocks, strict=True) for size in (b, n // b)]


@operator("constexpr_lut_to_dense", result="=lut", fold=True)
def constexpr_lut_to_dense(
    indices: Tensor, lut: Tensor, shape: tuple[int, ...] | None = None, vector_axis: int | None = None
) -> Tensor:
    """The entries of ``lut`` at ``indices``.

    iOS 16: lut [2^bits], indices packed, ``shape`` that of the result. iOS 18: see ``looked_up``.
    """
    if shape is None:
        return looked_up(indices, lut, vector_axis)
    width = lut.numel().bit_length() - 1
    if lut.shape != (1 << width,) or width not in (1, 2, 4, 6, 8):
        raise ValueError(f"a lookup table of shape {list(lut.shape)} has no packed indices")
    return lut[unpacked(indices, width, shape).long()]


def looked_up(indices: Tensor, lut: Tensor, vector_axis: int | None) -> Tensor:
    """indices [n0, n1, ...], lut [t0, t1, ..., entries, V] -> as indices, ``vector_axis`` V times as long (iOS 18).

    Axis i has t_i tables, for n_i / t_i indices each. An entry is a vector whose elements lie along ``vector_axis``.
    Raises ValueError.
    """
    rank, vector = indices.dim(), lut.shape[-1]
    if lut.dim() != rank + 2:
        raise ValueError(f"a lookup table of {lut.dim()} axes does not fit indices of {rank}")
    if vector_axis is None and vector > 1:
        raise ValueError("entries are vectors, and no axis is named for them")
    tables, entries = lut.shape[:-2], lut.shape[-2]
    blocked = _blocked(indices.shape, tables)
    if not indices.is_meta and indices.numel() and int(indices.max()) >= entries:
        raise ValueError(f"an index is beyond the {entries} entries of its table")
    count = torch.arange(tables.numel(), device=indices.device).reshape([n for t in tables for n in (t, 1)])
    rows = (indices.reshape(blocked).long() + count * entries).reshape(indices.shape)
    result = lut.reshape(-1, vector)[rows]
    if vector_axis is None or vector == 1:
        return result.squeeze(-1)
    axis = range(rank)[vector_axis]
    return result.movedim(-1, axis + 1).flatten(axis, axis + 1)
