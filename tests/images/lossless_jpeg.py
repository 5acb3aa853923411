"""A writer of lossless JPEG (ITU-T T.81 Annex H), plain enough to be checked by eye: nothing that we use writes any."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def lossless_jpeg(pixels: NDArray[np.integer], rows_between: int = 0) -> bytes:
    """uint16[h, w] -> one component of 16 bits, predicted from the left (selection value 1).

    rows_between: lines from one restart marker to the next; 0: none. Every difference's category has a code of five
    bits, so that category c has code c.
    """
    height, width = pixels.shape
    frame = struct.pack(">BHHBBBB", 16, height, width, 1, 1, 0x11, 0)
    table = bytes([0, 0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    head = b"\xff\xd8" + segment(0xC3, frame) + segment(0xC4, table)
    if rows_between:
        head += segment(0xDD, struct.pack(">H", rows_between * width))
    head += segment(0xDA, b"\x01\x01\x00\x01\x00\x00")
    starts = [*range(0, height, rows_between or height), height]
    parts = [_coded(pixels[start:end].astype(np.int64)) for start, end in pairwise(starts)]
    body = b"".join(part + (b"\xff" + bytes([0xD0 + i % 8])) for i, part in enumerate(parts[:-1]))
    return head + body + parts[-1] + b"\xff\xd9"


def _coded(pixels: NDArray[np.int64]) -> bytes:
    predicted = np.empty_like(pixels)
    predicted[:, 1:] = pixels[:, :-1]
    predicted[1:, 0] = pixels[:-1, 0]
    predicted[0, 0] = 1 << 15
    bits = []
    for difference in ((pixels - predicted + 32767) % 65536 - 32767).ravel().tolist():
        category = abs(difference).bit_length()
        bits.append(f"{category:05b}")
        if 0 < category < 16:
            value = difference if difference > 0 else difference + (1 << category) - 1
            bits.append(f"{value:0{category}b}")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8).replace(b"\xff", b"\xff\0")


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG segment with its marker and length."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload
