"""What an operator costs by its shapes: multiply-accumulates (MACs) and bytes. Nothing here is timed.

A shape is a tuple of numbers, with None for a dimension that is open, or None where even the rank is unknown; what
depends on an open dimension is None. The formulas ask for as little of a layout as they can, so that NCHW and NHWC,
grouped, depthwise and plain weights share them. Padding counts as if it were multiplied.
"""

from __future__ import annotations

import math

Shape = tuple[int | None, ...] | None

BITS = {
    "bool": 8, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2,
    "int8": 8, "uint8": 8, "byte": 8, "char": 8,
    "int16": 16, "uint16": 16, "short": 16, "float16": 16, "bfloat16": 16, "half": 16,
    "int32": 32, "uint32": 32, "int": 32, "float32": 32,
    "int64": 64, "uint64": 64, "long": 64, "float64": 64, "double": 64, "complex64": 64, "complex128": 128,
}  # fmt: skip
"""Stored width of one number; both numpy's names and torch's."""


def elements(shape: Shape) -> int | None:
    """Number of elements; 1 for rank 0."""
    if shape is None or None in shape:
        return None
    return math.prod(size for size in shape if size is not None)


def stored_bytes(dtype: str | None, shape: Shape) -> int | None:
    """Bytes of a dense tensor, narrow numbers packed; None for a dtype without a fixed width (strings) too."""
    count, bits = elements(shape), BITS.get(dtype or "")
    return None if count is None or bits is None else (count * bits + 7) // 8


def convolution(output: Shape, weight: Shape, channels: int) -> int | None:
    """MACs of a convolution: every output element meets the weights of its own channel.

    output: [N, O, ...] or [N, ..., O], with O at axis ``channels``; weight: O x (inputs of one group) x kernel, in any
    order of axes.
    """
    return _product(elements(output), _ratio(elements(weight), _size(output, channels)))


def transposed_convolution(image: Shape, weight: Shape, channels: int) -> int | None:
    """MACs of a transposed convolution: every input element meets the weights of its own channel.

    image: the input, with its C channels at axis ``channels``; weight: C x (outputs of one group) x kernel, in any
    order of axes.
    """
    return convolution(image, weight, channels)


def linear(output: Shape, weight: Shape) -> int | None:
    """MACs of a fully connected layer: output [..., O], weight O x I in either order."""
    return convolution(output, weight, -1)


def matrix_product(output: Shape, left: Shape, inner: int = -1) -> int | None:
    """MACs of a (batched) matrix product: output [..., M, N], left [..., M, K] with K at axis ``inner``."""
    return _product(elements(output), _size(left, inner))


def _size(shape: Shape, axis: int) -> int | None:
    if shape is None:
        return None
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"shape {list(shape)} has no axis {axis}")
    return shape[axis]


def _product(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a * b


def _ratio(whole: int | None, parts: int | None) -> int | None:
    if whole is None or parts is None:
        return None
    if not parts:
        return 0
    if whole % parts:
        raise ValueError(f"{whole} weights do not fit {parts} channels")
    return whole // parts
