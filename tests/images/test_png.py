"""PNG files that Pillow would fill up with black or read in part are refused; every one that is whole is read."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from cxredge.errors import InputError
from cxredge.images.png import SIGNATURE
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import chunk, scene

SPEC = InputSpec(height=16, width=16, fit="pad")
FILM = scene(23, 31, 0, 255).astype(np.uint8)
LINES = b"".join(b"\0" + row.tobytes() for row in FILM)
PACKED = zlib.compress(LINES)
IEND = chunk(b"IEND", b"")
PLTE = chunk(b"PLTE", bytes(np.repeat(np.arange(256), 3).astype(np.uint8)))


def head(kind: int = 0, depth: int = 8, height: int = 23, width: int = 31, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace))


def idat(*parts: bytes) -> bytes:
    return b"".join(chunk(b"IDAT", part) for part in parts)


def code(*chunks: bytes) -> str | None:
    try:
        film = read_film(SIGNATURE + b"".join(chunks), SPEC)
    except InputError as error:
        return error.code
    np.testing.assert_array_equal(film, FILM)
    return None


WHOLE = {
    "plain": (head(), idat(PACKED), IEND),
    "in pieces": (head(), idat(*(PACKED[i : i + 1] for i in range(len(PACKED)))), IEND),
    "empty pieces": (head(), idat(b"", PACKED, b""), IEND),
    "not compressed": (head(), idat(zlib.compress(LINES, 0)), IEND),
    "palette": (head(3), PLTE, idat(PACKED), IEND),
    "opaque palette": (head(3), PLTE, chunk(b"tRNS", b"\xff" * 9), idat(PACKED), IEND),
    "ancillary chunks": (head(), chunk(b"tEXt", b"a\0b"), chunk(b"zzZz", b""), idat(PACKED), chunk(b"tIME", b""), IEND),
    "a palette that only suggests": (head(), PLTE, idat(PACKED), IEND),
    "metadata that decoders refuse": (
        head(),
        chunk(b"iCCP", b"x\0\7nonsense"),
        chunk(b"gAMA", b""),
        chunk(b"pHYs", b"1"),
        chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3 << 20))),
        chunk(b"fcTL", b""),
        idat(PACKED),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(3 << 20))),
        chunk(b"fdAT", b"1234"),
        IEND,
    ),
    "bytes behind the end": (head(), idat(PACKED), IEND, b"more"),
}
REFUSED = {
    "colours that the palette lacks": (
        "IMG-DAMAGED",
        (head(3), chunk(b"PLTE", bytes(range(100)) * 3), idat(PACKED), IEND),
    ),
    "a palette of no whole colours": ("IMG-DAMAGED", (head(3), chunk(b"PLTE", bytes(767)), idat(PACKED), IEND)),
    "no line": ("IMG-TRUNCATED", (head(), idat(zlib.compress(b"")), IEND)),
    "lines missing": ("IMG-TRUNCATED", (head(), idat(zlib.compress(LINES[:-33])), IEND)),
    "a byte missing": ("IMG-TRUNCATED", (head(), idat(zlib.compress(LINES[:-1])), IEND)),
    "stream cut": ("IMG-TRUNCATED", (head(), idat(PACKED[:-9]), IEND)),
    "checksum cut": ("IMG-TRUNCATED", (head(), idat(PACKED[:-1]), IEND)),
    "checksum wrong": ("IMG-DAMAGED", (head(), idat(PACKED[:-1] + bytes([PACKED[-1] ^ 1])), IEND)),
    "a byte more": ("IMG-DAMAGED", (head(), idat(zlib.compress(LINES + b"\0")), IEND)),
    "many lines more": ("IMG-DAMAGED", (head(), idat(zlib.compress(LINES + bytes(1 << 20))), IEND)),
    "bytes behind the stream": ("IMG-DAMAGED", (head(), idat(PACKED + b"\0"), IEND)),
    "a piece behind the stream": ("IMG-DAMAGED", (head(), idat(PACKED, b"\0"), IEND)),
    "no zlib": ("IMG-DAMAGED", (head(), idat(b"no zlib stream"), IEND)),
    "an unknown filter": ("IMG-DAMAGED", (head(), idat(zlib.compress(b"\5" + LINES[1:])), IEND)),
    "a height that is not there": ("IMG-TRUNCATED", (head(height=24), idat(PACKED), IEND)),
    "a height less": ("IMG-DAMAGED", (head(height=22), idat(PACKED), IEND)),
    "a second header": ("IMG-DAMAGED", (head(), head(), idat(PACKED), IEND)),
    "a second header, smaller": ("IMG-DAMAGED", (head(), head(height=5), idat(PACKED), IEND)),
    "a header that is not first": ("IMG-DAMAGED", (chunk(b"tEXt", b"a\0b"), head(), idat(PACKED), IEND)),
    "no header": ("IMG-DAMAGED", (idat(PACKED), IEND)),
    "a long header": ("IMG-DAMAGED", (chunk(b"IHDR", head()[8:-4] + b"\0"), idat(PACKED), IEND)),
    "no image": ("IMG-DAMAGED", (head(), IEND)),
    "no end": ("IMG-TRUNCATED", (head(), idat(PACKED))),
    "no palette": ("IMG-DAMAGED", (head(3), idat(PACKED), IEND)),
    "an empty palette": ("IMG-DAMAGED", (head(3), chunk(b"PLTE", b""), idat(PACKED), IEND)),
    "a palette too late": ("IMG-DAMAGED", (head(3), idat(PACKED), PLTE, IEND)),
    "two palettes": ("IMG-DAMAGED", (head(3), PLTE, PLTE, idat(PACKED), IEND)),
    "an image in two places": ("IMG-DAMAGED", (head(), idat(PACKED[:9]), chunk(b"tEXt", b""), idat(PACKED[9:]), IEND)),
    "an unknown critical chunk": ("IMG-DAMAGED", (head(), chunk(b"ZZZZ", b""), idat(PACKED), IEND)),
    "one behind the image": ("IMG-DAMAGED", (head(), idat(PACKED), chunk(b"CgBI", b""), IEND)),
    "two transparencies": ("IMG-DAMAGED", (head(3), PLTE, *[chunk(b"tRNS", b"\xff")] * 2, idat(PACKED), IEND)),
    "a depth that is none": ("IMG-DAMAGED", (head(depth=3), idat(PACKED), IEND)),
    "a colour type that is none": ("IMG-DAMAGED", (head(1), idat(PACKED), IEND)),
    **{
        f"a method of {what} that is none": (
            "IMG-DAMAGED",
            (chunk(b"IHDR", struct.pack(">IIBB", 31, 23, 8, 0) + methods), idat(PACKED), IEND),
        )
        for what, methods in (
            ("compression", b"\1\0\0"),
            ("filtering", b"\0\1\0"),
            ("interlacing", b"\0\0\2"),
        )
    },
    "a side too long": ("IMG-SIZE", (head(height=1, width=65_536), idat(PACKED), IEND)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_are_read(name: str) -> None:
    assert code(*WHOLE[name]) is None


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused(name: str) -> None:
    expected, chunks = REFUSED[name]
    assert code(*chunks) == expected


def test_pillow_reads_what_is_refused_here() -> None:
    """Else these checks would be Pillow's own: black lines, a black palette, the second header's size."""
    for name in ("a height that is not there", "a byte more", "a second header, smaller", "no palette", "no end"):
        with Image.open(BytesIO(SIGNATURE + b"".join(REFUSED[name][1]))) as image:
            image.load()


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (8, 8), (23, 31)])
def test_interlaced_lines_are_counted_pass_by_pass(size: tuple[int, int], depth: int) -> None:
    height, width = size
    # Adam7 as the standard's table draws it (8.2)
    order = np.array([[1, 6, 4, 6, 2, 6, 4, 6], [7] * 8, [5, 6] * 4, [7] * 8, [3, 6, 4, 6, 3, 6, 4, 6], [7] * 8])
    order = np.vstack([order, [5, 6] * 4, [7] * 8])
    tiled = np.tile(order, (-(-height // 8), -(-width // 8)))[:height, :width]
    lines = b""
    for step in range(1, 8):
        rows = [int((row == step).sum()) for row in tiled if (row == step).any()]
        lines += b"".join(bytes(1 + -(-count * depth // 8)) for count in rows)

    def refusal(data: bytes) -> str:
        with pytest.raises(InputError) as caught:
            read_film(SIGNATURE + head(0, depth, *size, interlace=1) + idat(zlib.compress(data)) + IEND, SPEC)
        return caught.value.code

    assert refusal(lines) == "IMG-FLAT"
    assert refusal(lines[:-1]) == "IMG-TRUNCATED"
    assert refusal(lines + b"\0") == "IMG-DAMAGED"


def test_a_deflate_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj()
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
    assert code(head(), idat(bomb), IEND) == "IMG-DAMAGED"
