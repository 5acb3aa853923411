"""A lossless JPEG encoder of one component, for no Python package at hand writes such streams."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def jpeg_lossless(pixels: NDArray[np.integer], rows_between: int = 0) -> bytes:
    """uint16[h, w] -> a lossless sequential stream of 16 bits, each pixel predicted by its left one (T.81 Annex H).

    rows_between: lines from one restart marker to the next; 0: none. One Huffman table: every category of difference,
    0..16, has a code of 5 bits.
    """
    height, width = pixels.shape
    head = (
        b"\xff\xd8"
        + segment(0xC3, struct.pack(">BHHBBBB", 16, height, width, 1, 1, 0x11, 0))
        + segment(0xC4, bytes([0, *[0] * 4, 17, *[0] * 11, *range(17)]))
    )
    if rows_between:
        head += segment(0xDD, struct.pack(">H", rows_between * width))
    head += segment(0xDA, bytes([1, 1, 0, 1, 0, 0]))
    starts = [*range(0, height, rows_between or height), height]
    parts = [_coded(pixels[start:end].astype(np.int64)) for start, end in pairwise(starts)]
    body = b"".join(part + bytes([0xFF, 0xD0 + i % 8]) for i, part in enumerate(parts[:-1]))
    return head + body + parts[-1] + b"\xff\xd9"


def _coded(words: NDArray[np.int64]) -> bytes:
    predicted = np.empty_like(words)
    predicted[:, 1:] = words[:, :-1]
    predicted[1:, 0] = words[:-1, 0]
    predicted[0, 0] = 1 << 15
    # differences are modulo 2**16 (H.1.2.1)
    differences = ((words - predicted + 32767) & 0xFFFF) - 32767
    bits = "".join(map(_code, differences.ravel().tolist()))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG segment with its marker and length."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _code(difference: int) -> str:
    """Category in 5 bits, then the difference's low bits, one less where it is negative (T.81 F.1.2.1)."""
    category = abs(difference).bit_length()
    if category in (0, 16):
        return f"{category:05b}"
    low = difference if difference > 0 else difference + (1 << category) - 1
    return f"{category:05b}{low:0{category}b}"
