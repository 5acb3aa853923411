"""What PNG and JPEG files can say by the million takes no memory to speak of, and each is read in one pass."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from cxredge.images.png import MAX_CHUNKS, SIGNATURE
from cxredge.vectors.sources import chunk, jpeg, png, scene
from support.jpeg_lossless import segment
from support.peak_memory import reading

FILM = scene(40, 33, 0, 255).astype(np.uint8)
JPEG = jpeg(FILM)
HEAD = chunk(b"IHDR", struct.pack(">IIBBBBB", 33, 40, 8, 0, 0, 0, 0))
PACKED = zlib.compress(b"".join(b"\0" + row.tobytes() for row in FILM))
IEND = chunk(b"IEND", b"")
MILLION = 1_000_000
SCAN = JPEG.index(b"\xff\xda")
CODED = SCAN + 10


def names() -> bytes:
    letters = [bytes([c]) for c in range(97, 123)]
    return b"".join(
        chunk(a + b + c.upper() + d, b"") for a in letters for b in letters for c in letters for d in letters
    )


FILES = {
    "a million empty pieces": (
        SIGNATURE + HEAD + chunk(b"IDAT", b"") * MILLION + chunk(b"IDAT", PACKED) + IEND,
        "IMG-SIZE",
    ),
    "as many pieces as are read": (
        SIGNATURE + HEAD + chunk(b"IDAT", b"") * (MAX_CHUNKS - 3) + chunk(b"IDAT", PACKED) + IEND,
        True,
    ),
    "half a million names": (SIGNATURE + HEAD + names() + chunk(b"IDAT", PACKED) + IEND, "IMG-SIZE"),
    "a bomb": (SIGNATURE + HEAD + chunk(b"IDAT", zlib.compress(bytes(300 << 20))) + IEND, "IMG-DAMAGED"),
    "one large piece": (png(scene(4000, 3000, 0, 65535).astype(np.uint16)), True),
    "a million restart markers": (
        JPEG[:SCAN] + segment(0xDD, b"\0\1") + JPEG[SCAN:-2] + b"\xff\xd0\xff\xd1" * 2 * MILLION + b"\xff\xd9",
        "IMG-SIZE",
    ),
    "two million empty segments": (JPEG[:2] + segment(0xE5, b"") * 2 * MILLION + JPEG[2:], "IMG-SIZE"),
    "two million between scans": (JPEG[:-2] + segment(0xFE, b"") * 2 * MILLION + JPEG[-2:], "IMG-SIZE"),
    "twenty million fill bytes": (JPEG[:SCAN] + b"\xff" * 20 * MILLION + JPEG[SCAN:], "IMG-DAMAGED"),
    "and a zero behind them": (JPEG[:CODED] + b"\xff" * 20 * MILLION + b"\0" + JPEG[CODED:], "IMG-DAMAGED"),
    "before the end": (JPEG[:-2] + b"\xff" * 20 * MILLION + JPEG[-2:], True),
    "a hundred thousand tables": (
        JPEG[:SCAN] + segment(0xC4, (b"\x13" + bytes([1] * 15 + [0]) + bytes(15)) * 2000) * 50 + JPEG[SCAN:],
        True,
    ),
    "runs of blocks that end nowhere": (
        JPEG[:2] + segment(0xC2, JPEG[JPEG.index(b"\xff\xc0") + 4 : JPEG.index(b"\xff\xc4")]) + JPEG[SCAN:],
        "IMG-DAMAGED",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_memory(name: str, tmp_path: Path) -> None:
    data, expected = FILES[name]
    warm, film = tmp_path / "warm.png", tmp_path / "film"
    warm.write_bytes(png(FILM))
    film.write_bytes(data)
    said, grown = reading(warm, film)
    print(f"{name}: {len(data) >> 20} MiB, {said}, {grown} MiB")
    assert said == expected if isinstance(expected, str) else said.startswith("(")
    # the file itself is in memory, and once more where a decoder copies it; a film of 12 million pixels and its levels
    assert grown < 220 + 3 * (len(data) >> 20)
