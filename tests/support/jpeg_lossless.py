"""A lossless JPEG encoder of one component, for no Python package at hand writes such streams."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray


def jpeg_lossless(pixels: NDArray[np.integer], precision: int = 16) -> bytes:
    """0..2**precision - 1 [h, w] -> a lossless sequential stream, each pixel predicted by its left one (T.81 Annex H).

    One Huffman table: every category of difference, 0..16, has a code of 5 bits.
    """
    height, width = pixels.shape
    words = pixels.astype(np.int64)
    predicted = np.empty_like(words)
    predicted[:, 1:] = words[:, :-1]
    predicted[1:, 0] = words[:-1, 0]
    predicted[0, 0] = 1 << (precision - 1)
    # differences are modulo 2**16 (H.1.2.1)
    differences = ((words - predicted + 32767) & 0xFFFF) - 32767
    bits = "".join(map(_code, differences.ravel().tolist()))
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return (
        b"\xff\xd8"
        + _segment(0xC3, struct.pack(">BHHBBBB", precision, height, width, 1, 1, 0x11, 0))
        + _segment(0xC4, bytes([0, *[0] * 4, 17, *[0] * 11, *range(17)]))
        + _segment(0xDA, bytes([1, 1, 0, 1, 0, 0]))
        + coded
        + b"\xff\xd9"
    )


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _code(difference: int) -> str:
    """Category in 5 bits, then the difference's low bits, one less where it is negative (T.81 F.1.2.1)."""
    category = abs(difference).bit_length()
    if category in (0, 16):
        return f"{category:05b}"
    low = difference if difference > 0 else difference + (1 << category) - 1
    return f"{category:05b}{low:0{category}b}"
