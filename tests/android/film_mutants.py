"""The shared vectors' files, damaged by lot, and what the reference says of each: its pixels, or its refusal."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator

import numpy as np

from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.images.preprocess import preprocess
from cxredge.recipe_input import InputSpec
from cxredge.vectors.films import films

MUTANTS = 5000
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

# row and column of the first pixel, and the steps, of Adam7's seven passes (PNG 3rd ed., 8.2)
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def mutants() -> Iterator[dict[str, object]]:
    """Each mutant as edits of a vector: ``name`` of the film, ``cut`` (bytes kept), ``edits`` [[offset, byte], ...].

    ``answer`` has the ``sha256`` of uint8[ch, H, W] or the ``code``. ``looser`` names why a reader may refuse what the
    reference reads.
    """
    for number in range(MUTANTS):
        rng = np.random.Generator(np.random.PCG64(number))
        name, source, spec, _ = films()[rng.integers(len(films()))]
        data = bytearray(source)
        if rng.random() < 0.15:
            del data[int(rng.integers(0, len(data))) :]
        else:
            _flip(rng, name, data)
        edits = [[at, new] for at, (old, new) in enumerate(zip(source, data, strict=False)) if old != new]
        damaged = bytes(data)
        yield {
            "film": name,
            "cut": len(data),
            "edits": edits,
            **_answer(damaged, spec),
            "looser": _looser(damaged) if name.endswith(".png") else "",
        }


def _flip(rng: np.random.Generator, name: str, data: bytearray) -> None:
    """Turn 1 to 3 bits over. PNG: checksums are made right again for three of four. Others: in the headers only."""
    end = len(data)
    if name.endswith(".jpg"):
        end = data.index(b"\xff\xda") + 14
    elif name.endswith(".dcm"):
        end = data.index(b"\xe0\x7f\x10\x00") + 12
    for _ in range(int(rng.integers(1, 4))):
        # small files are mostly pixels; half of the flips go to where the headers are
        at = int(rng.integers(0, end if rng.random() < 0.5 else min(end, 120 if name.endswith(".png") else end)))
        data[at] ^= 1 << int(rng.integers(8))
    if name.endswith(".png") and rng.random() < 0.75:
        _seal(data)


def _seal(data: bytearray) -> None:
    """Make the checksums of chunks, and of image data in one chunk, fit again."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            return
        if data[at + 4 : at + 8] == b"IDAT":
            try:
                lines = zlib.decompressobj(-15).decompress(bytes(data[at + 10 : at + 4 + length]))
                struct.pack_into(">I", data, at + 4 + length, zlib.adler32(lines))
            except zlib.error:
                pass
        struct.pack_into(">I", data, at + 8 + length, zlib.crc32(bytes(data[at + 4 : at + 8 + length])))
        at += 12 + length


def _answer(data: bytes, spec: InputSpec) -> dict[str, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {"sha256": sha256_bytes(preprocess(data, spec).tobytes())}
    except InputError as error:
        return {"code": error.code}


def _looser(data: bytes) -> str:
    """Why a PNG may be refused that Pillow reads: it makes missing lines black, and drops others, without a word."""
    chunks: list[tuple[bytes, bytes]] = []
    at = 8
    while at + 12 <= len(data) and (not chunks or chunks[-1][0] != b"IEND"):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13 or data[25] not in CHANNELS:
        return ""
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    inflater = zlib.decompressobj()
    try:
        lines = inflater.decompress(b"".join(payload for name, payload in chunks if name == b"IDAT"))
    except zlib.error:
        return ""
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(height - top) // down), -(-(width - left) // right)) for top, left, down, right in passes]
    needed = sum(h * (1 + (w * depth * CHANNELS[kind] + 7) // 8) for h, w in sizes if h > 0 and w > 0)
    return "other lines than the picture's" if len(lines) != needed else ""
