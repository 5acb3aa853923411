"""The structure of a PNG file (W3C, third edition), judged before Pillow sees it: chunks, checksums, and every line.

Pillow skips the checksums of image data, draws missing lines and a missing palette black, and forgives a missing end; a
film is not the place for that.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from cxredge.errors import InputError
from cxredge.images.codestream import turned_twice

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE = 3
_SAMPLES = {0: 1, 2: 3, PALETTE: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), PALETTE: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_METHODS = ((0, 0, 0), (0, 0, 1))
"""Of compression, filtering and interlacing: all that there are (11.2.1)."""
_KNOWN = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_OTHERS = (b"PLTE", b"tRNS", b"eXIf", b"acTL")
# Adam7 (8.2): first column and row of each pass, and the steps
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 1 << 16
MAX_CHUNKS = 100_000
"""Most chunks of a file: writers of large pictures make some thousand."""


@dataclass(frozen=True)
class Chunks:
    """Of a PNG file: its header's numbers, whole chunks by name, and where the image data lies.

    kind: colour type. methods: of compression, filtering and interlacing. others: the first payload of each name that
    counts. image: where the first IDAT begins; where all of them lie is not kept, for a file may hold millions.
    """

    height: int
    width: int
    depth: int
    kind: int
    methods: tuple[int, int, int]
    others: dict[bytes, bytes]
    image: int


def png_chunks(what: str, data: bytes) -> Chunks:
    """Every chunk up to IEND, its CRC checked (5.3), in an order that may be (5.6).

    Raises InputError IMG-SIZE (more than ``MAX_CHUNKS``), IMG-TRUNCATED, IMG-ORIENTATION (two eXIf), or IMG-DAMAGED: a
    checksum, IHDR not first or twice, PLTE or tRNS twice or behind the image, an image in pieces, a critical chunk that
    is unknown.
    """
    header = b""
    others: dict[bytes, bytes] = {}
    image = 0
    at, before, name = len(SIGNATURE), b"", b""
    count = 0
    while name != b"IEND":
        count += 1
        if count > MAX_CHUNKS:
            raise InputError("IMG-SIZE", f"{what} has more than {MAX_CHUNKS} chunks", "save it again")
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        start, end = at + 8, at + 8 + length
        if end + 4 > len(data):
            raise truncated(what)
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise damaged(what, f"the checksum of its chunk {_words(name)} is wrong")
        if (before == b"") != (name == b"IHDR"):
            raise damaged(what, "its header is not its first chunk, or stands twice")
        if name == b"IHDR":
            header = data[start:end]
        elif name == b"IDAT":
            if image and before != b"IDAT":
                raise damaged(what, "its image is in several pieces")
            image = image or at
        elif name in (b"PLTE", b"tRNS") and (image or name in others):
            raise damaged(what, f"its chunk {_words(name)} stands twice, or behind the image")
        elif b"A" <= name[:1] <= b"Z" and name not in _KNOWN:
            raise damaged(what, f"its chunk {_words(name)} is critical and unknown")
        elif name == b"eXIf" and name in others:
            raise turned_twice(what)
        elif name in _OTHERS:
            others.setdefault(name, data[start:end])
        before, at = name, end + 4
    if not image:
        raise damaged(what, "it has no image in it")
    if len(header) != 13:
        raise damaged(what, "its IHDR chunk is not 13 bytes long")
    width, height, depth, kind, *methods = struct.unpack(">IIBBBBB", header)
    return Chunks(height, width, depth, kind, (methods[0], methods[1], methods[2]), others, image)


def check_image(what: str, data: bytes, png: Chunks) -> None:
    """Hold header, palette and image data (11.2, 10, 13.9) against each other; the size was checked before.

    All is inflated and nothing kept. Raises InputError IMG-TRUNCATED where lines are missing, IMG-DAMAGED for a header
    that is none, a missing palette, a wrong checksum, and bytes behind the last line.
    """
    if png.depth not in _DEPTHS.get(png.kind, ()) or png.methods not in _METHODS:
        raise damaged(
            what,
            f"its header says colour type {png.kind} of {png.depth} bits, and methods {png.methods} of compression, "
            "filtering and interlacing",
        )
    if png.kind == PALETTE:
        colours, odd = divmod(len(png.others.get(b"PLTE", b"")), 3)
        if odd or not 0 < colours <= 1 << png.depth:
            raise damaged(what, "it has no palette, or one that does not fit its depth")
        if len(png.others.get(b"tRNS", b"")) > colours:
            raise damaged(what, "its palette has more opacities than colours")
    inflater = zlib.decompressobj()
    left = _inflated(png)
    try:
        for rest in _pieces(data, png.image):
            while rest and not inflater.eof:
                left -= len(inflater.decompress(rest, _PIECE))
                rest = inflater.unconsumed_tail
                if left < 0:
                    raise damaged(what, "its image data goes on behind the image")
            if rest or inflater.unused_data:
                raise damaged(what, "bytes stand behind its image data")
    except zlib.error as error:
        raise damaged(what, f"its image data cannot be inflated ({error})") from error
    if left or not inflater.eof:
        raise truncated(what)


def picture_alone(data: bytes, png: Chunks) -> bytes:
    """The file without what says nothing of its pixels: decoders stumble over metadata that nobody asked for."""
    end = png.image
    while data[end + 4 : end + 8] == b"IDAT":
        end += 12 + int.from_bytes(data[end : end + 4])
    names = (b"PLTE", b"tRNS") if png.kind == PALETTE else ()
    colours = b"".join(_chunk(name, png.others[name]) for name in names if name in png.others)
    header = data[len(SIGNATURE) : len(SIGNATURE) + 25]
    return SIGNATURE + header + colours + data[png.image : end] + _chunk(b"IEND", b"")


def _chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def _pieces(data: bytes, at: int) -> Iterator[bytes]:
    """The payloads of all IDAT, the first of which begins at ``at``, in pieces that an inflater may copy often."""
    while data[at + 4 : at + 8] == b"IDAT":
        end = at + 8 + int.from_bytes(data[at : at + 4])
        for start in range(at + 8, end, _PIECE):
            yield data[start : min(start + _PIECE, end)]
        at = end + 4


def _inflated(png: Chunks) -> int:
    """Bytes of all lines, each with its filter byte; an interlaced image has lines for each pass that is not empty."""
    bits = png.depth * _SAMPLES[png.kind]
    passes = _PASSES if png.methods[2] else ((0, 0, 1, 1),)
    sizes = [(-(-(png.height - y) // down), -(-(png.width - x) // across)) for x, y, across, down in passes]
    return sum(rows * (1 + (columns * bits + 7) // 8) for rows, columns in sizes if rows > 0 and columns > 0)


def damaged(what: str, cause: str) -> InputError:
    """The refusal of a PNG that is not whole in itself."""
    return InputError("IMG-DAMAGED", f"{what}: {cause}", "copy or export the file again")


def truncated(what: str) -> InputError:
    """The refusal of a picture that ends early."""
    return InputError("IMG-TRUNCATED", f"{what} ends before its image does", "copy the file again")


def _words(name: bytes) -> str:
    return name.decode("ascii", "replace")
