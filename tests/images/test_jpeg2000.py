"""JPEG 2000 streams that announce more than their pixels warrant are refused from their headers."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import get_frame

from cxredge.errors import InputError
from cxredge.images.jpeg2000 import check_jpeg_2000


def siz(x: int, y: int, tile: tuple[int, int] | None = None, parts: int = 1, depth: int = 7, step: int = 1) -> bytes:
    tx, ty = tile or (x, y)
    body = struct.pack(">H8IH", 0, x, y, 0, 0, tx, ty, 0, 0, parts) + bytes((depth, step, step)) * parts
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(body) + 2) + body


def cod(levels: int = 5, layers: int = 1, block: int = 4, precincts: bytes = b"") -> bytes:
    body = struct.pack(">BBHBBBBBB", bool(precincts), 0, layers, 0, levels, block, block, 0, 1) + precincts
    return b"\xff\x52" + struct.pack(">H", len(body) + 2) + body


def coc(component: int, levels: int, precincts: bytes = b"", block: int = 4) -> bytes:
    body = struct.pack(">BBBBBBB", component, bool(precincts), levels, block, block, 0, 1) + precincts
    return b"\xff\x53" + struct.pack(">H", len(body) + 2) + body


def tile_part(tile: int, header: bytes = b"", data: bytes = b"\0" * 16) -> bytes:
    size = 12 + len(header) + 2 + len(data)
    return b"\xff\x90" + struct.pack(">HHIBB", 10, tile, size, 0, 1) + header + b"\xff\x93" + data


END = b"\xff\xd9"


def code(stream: bytes) -> str | None:
    try:
        check_jpeg_2000("film", stream)
    except InputError as error:
        return error.code
    return None


GOOD = {
    "one tile": siz(2140, 1760) + cod() + tile_part(0) + END,
    "largest film": siz(8192, 8192) + cod() + tile_part(0) + END,
    "small blocks": siz(2048, 2048) + cod(block=2) + tile_part(0) + END,
    "tiles of 128": siz(4096, 4096, (128, 128)) + cod() + b"".join(map(tile_part, range(1024))) + END,
    "small precincts": siz(2048, 2048) + cod(precincts=b"\x77" * 6) + tile_part(0) + END,
    "twenty layers": siz(2140, 1760) + cod(layers=20) + tile_part(0) + END,
    "three components": siz(1000, 1000, parts=3) + cod() + coc(1, 3) + tile_part(0) + END,
    "a tile of its own": siz(1024, 1024, (512, 512))
    + cod()
    + b"".join(map(tile_part, range(3)))
    + tile_part(3, cod(levels=2))
    + END,
    "one pixel": siz(1, 1) + cod(levels=0) + tile_part(0) + END,
    "no levels": siz(300, 300) + cod(levels=0) + tile_part(0) + END,
    "33 resolutions": siz(300, 300) + cod(levels=32) + tile_part(0) + END,
}
BOMBS = {
    "precincts of 2": siz(2048, 2048) + cod(levels=0, precincts=b"\x11") + tile_part(0) + END,
    "precincts of 1": siz(2048, 2048) + cod(levels=0, precincts=b"\x00") + tile_part(0) + END,
    "precincts of 2 at the top": siz(4096, 4096) + cod(levels=1, precincts=b"\xff\x11") + tile_part(0) + END,
    "code blocks of 4": siz(8192, 8192) + cod(block=0) + tile_part(0) + END,
    "tiles of 1": siz(2048, 2048, (1, 1)) + cod() + tile_part(0) + END,
    "tiles of 8": siz(2048, 2048, (8, 8)) + cod() + tile_part(0) + END,
    "layers": siz(2048, 2048) + cod(layers=65535, precincts=b"\x77" * 6) + tile_part(0) + END,
    "layers of few precincts": siz(64, 64) + cod(levels=32, layers=65535) + tile_part(0) + END,
    "components": siz(512, 512, parts=16384) + cod() + tile_part(0) + END,
    "a component of its own": siz(2048, 2048) + cod() + coc(0, 0, b"\x11") + tile_part(0) + END,
    "a tile of its own": siz(2048, 2048) + cod() + tile_part(0, cod(levels=0, precincts=b"\x11")) + END,
    "a component of a tile": siz(2048, 2048) + cod() + tile_part(0, coc(0, 0, b"\x11")) + END,
    "many tiles of their own": siz(4352, 4096, (256, 256))
    + cod()
    + b"".join(tile_part(i, cod(levels=1)) for i in range(256))
    + tile_part(256, cod(levels=1))
    + END,
}
DAMAGED = {
    "a style in a tile's second part": siz(64, 64) + cod() + tile_part(0) + tile_part(0, cod(levels=1)) + END,
    "a style for a component that is not": siz(64, 64) + cod() + coc(1, 0, b"\x77") + tile_part(0) + END,
    "no header": b"",
    "SIZ alone": siz(64, 64),
    "no COD": siz(64, 64) + tile_part(0) + END,
    "levels": siz(64, 64) + cod(levels=33) + tile_part(0) + END,
    "block": siz(64, 64) + cod(block=9) + tile_part(0) + END,
    "no tile": siz(64, 64, (0, 0)) + cod() + tile_part(0) + END,
    "half size": siz(64, 64, step=2) + cod() + tile_part(0) + END,
    "precincts cut": siz(64, 64) + cod(levels=5, precincts=b"\x77" * 3) + tile_part(0) + END,
    "tile that is not": siz(64, 64) + cod() + tile_part(9, cod(levels=1)) + END,
    "segment of no length": siz(64, 64) + b"\xff\x52\x00\x00" + tile_part(0) + END,
}


@pytest.mark.parametrize("name", GOOD)
def test_streams_that_are_made_to_be_small_pass(name: str) -> None:
    assert code(GOOD[name]) is None


@pytest.mark.parametrize("name", BOMBS)
def test_streams_that_announce_too_much_are_refused(name: str) -> None:
    assert code(BOMBS[name]) == "IMG-SIZE"


def test_every_tile_must_be_there_and_whole() -> None:
    head, parts = siz(128, 128, (64, 64)) + cod(), [tile_part(tile) for tile in range(4)]
    assert code(head + b"".join(parts) + END) is None
    assert code(head + b"".join(parts[::-1]) + tile_part(2) + END) is None, "any order, and several parts of a tile"
    for missing in range(4):
        assert code(head + b"".join(parts[:missing] + parts[missing + 1 :]) + END) == "IMG-TRUNCATED"
    for cut in range(1, len(parts[3])):
        assert code(head + b"".join(parts)[:-cut] + END) in ("IMG-TRUNCATED", "IMG-DAMAGED"), cut
    unsaid = parts[0][:6] + bytes(4) + parts[0][10:]
    assert code(siz(64, 64) + cod() + unsaid + END) is None, "a last part may leave its length out"


@pytest.mark.parametrize("name", DAMAGED)
def test_headers_that_cannot_be_read_are_refused(name: str) -> None:
    assert code(DAMAGED[name]) == "IMG-DAMAGED"


def test_more_than_sixteen_bits() -> None:
    assert code(siz(64, 64, depth=16) + cod() + tile_part(0) + END) == "IMG-DEPTH"
    assert code(siz(64, 64, depth=15 | 0x80) + cod() + tile_part(0) + END) is None


def test_every_cut_is_refused() -> None:
    for stream in (*GOOD.values(), *BOMBS.values()):
        for end in range(min(len(stream), 200)):
            assert code(stream[:end]) in ("IMG-SIZE", "IMG-DAMAGED", "IMG-TRUNCATED")


def test_counts_are_those_of_a_direct_count() -> None:
    """Against a count tile by tile and cell by cell, for odd sizes, tiles and precincts."""
    from cxredge.images.jpeg2000 import _cells_each, _edges

    rng = np.random.default_rng(3)
    for _ in range(200):
        end, step, exponent = int(rng.integers(1, 300)), int(rng.integers(1, 90)), int(rng.integers(0, 7))
        edges = _edges(0, end, 0, step)
        spans = [(a, min(a + step, end)) for a in range(0, end, step)]
        assert edges.tolist() == [list(span) for span in spans]
        cells = [len({i >> exponent for i in range(*span)}) for span in spans]
        assert _cells_each(edges, exponent).tolist() == cells


def test_real_streams_pass(cxr_data: Path) -> None:
    found = 0
    for path in sorted((cxr_data / "dicom_samples" / "files").glob("*j2k*")):
        check_jpeg_2000(path.name, get_frame(pydicom.dcmread(path).PixelData, 0, number_of_frames=1))
        found += 1
    assert found >= 4
