"""What counts of a DICOM file, written anew in one spelling: whatever the file's was, no reader reads it in two ways.

pydicom parses what is written here, and nothing of the file itself: it guesses where a header contradicts itself, and
hostile files are made so that it guesses other elements than those that were walked over.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from cxredge.errors import InputError
from cxredge.images.dicom_elements import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    FLOAT_PIXELS,
    IMPLICIT,
    LONG,
    LUT_DATA,
    LUT_DESCRIPTOR,
    LUTS,
    MAX_BEHIND,
    MAX_HEADER_BYTES,
    VR,
    Element,
    Walk,
    name,
    truncated,
)
from cxredge.images.refuse import MAX_FILE_BYTES

_ALSO = {LUT_DESCRIPTOR: (b"SS", b"OW", b"OB"), LUT_DATA: (b"US", b"SS", b"OB")}
"""Further ones that are written for the numbers of a LUT, whose sign hangs on none of them."""
_TEXT = (b"CS", b"DS", b"IS", b"UI")
_NUMBER = {
    b"DS": re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?(?:nan|inf|infinity)", re.IGNORECASE),
    b"IS": re.compile(rb"[+-]?[0-9]+"),
}
"""PS3.5 6.2, and what is not finite, which has a code of its own."""


@dataclass(frozen=True)
class Cut:
    """header: a DICOM file of the elements that count, without pixels, explicit, with the file's byte order.

    pixels: their bytes as they lie in the file, of which there may be fewer than the header says; None where there are
    none. fragments: of compressed pixels, the table of offsets first; pixel_vr: OB or OW.
    """

    header: bytes
    pixels: memoryview | None
    fragments: list[memoryview]
    pixel_vr: str


def cut_out(what: str, data: bytes, at: int, syntax: str) -> Cut:
    """What counts of a file. data: all of it; at: where its data set begins; syntax: its transfer syntax.

    Raises what ``Walk`` raises, and InputError IMG-SIZE (unpacking to ``MAX_FILE_BYTES``), IMG-TRUNCATED (a data set
    that ends early), IMG-DAMAGED (a representation that is not the element's, a number that is none).
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if syntax == DEFLATED else None
    body = memoryview(data)[at:] if inflater is None else memoryview(inflater.decompress(data[at:], MAX_HEADER_BYTES))
    walk = Walk(what, body, syntax)
    walk.data_set()
    if inflater is not None:
        body = memoryview(_inflate_on(what, inflater, bytes(body), walk.end + MAX_BEHIND))
    written = b"".join(_written(what, walk.order, body, element) for element in walk.kept)
    uid = (BIG_ENDIAN if syntax == BIG_ENDIAN else EXPLICIT if syntax in (IMPLICIT, DEFLATED) else syntax).encode()
    uid += b"\0" * (len(uid) % 2)
    header = b"\0" * 128 + b"DICM\x02\x00\x10\x00UI" + struct.pack("<H", len(uid)) + uid + written
    if walk.pixels is None:
        return Cut(header, None, [], "OW")
    if walk.end > len(body):
        raise truncated(what)
    walk.hold_behind(body[walk.end : walk.end + MAX_BEHIND])
    if any(element.tag in FLOAT_PIXELS for element in walk.kept):
        raise _damaged(what, "it has floating-point pixels and others")
    # bytes of unknown words are turned round by some readers of big-endian files, and left by others
    if walk.pixels.vr not in (None, b"OB", b"OW", b"UN") or (walk.pixels.vr == b"UN" and walk.order == ">"):
        raise _representation(what, walk.pixels)
    fragments = [body[start:end] for start, end in walk.fragments or ()]
    return Cut(header, body[walk.pixels.start : walk.end], fragments, "OB" if walk.pixels.vr == b"OB" else "OW")


def _inflate_on(what: str, inflater: zlib._Decompress, head: bytes, wanted: int) -> bytes:
    """Inflate to the end, keeping ``wanted`` bytes only."""
    parts, size = [head], len(head)
    while True:
        if size >= MAX_FILE_BYTES:
            raise InputError("IMG-SIZE", f"{what} unpacks to {MAX_FILE_BYTES} bytes or more", "give one film")
        if inflater.eof:
            return b"".join(parts)
        part = inflater.decompress(inflater.unconsumed_tail, 1 << 20)
        if not (part or inflater.unconsumed_tail or inflater.eof):
            raise truncated(what)
        if size < wanted:
            parts.append(part)
        size += len(part)


def _written(what: str, order: str, body: memoryview, element: Element) -> bytes:
    """One element in explicit form; nothing for one that is empty, which is as if absent."""
    if element.tag in FLOAT_PIXELS:
        return _explicit(order, element.tag, FLOAT_PIXELS[element.tag], b"")
    vr = VR[element.tag]
    if element.vr in _ALSO.get(element.tag, ()):
        vr = element.vr or vr
    elif element.vr not in (None, b"UN", vr):
        raise _representation(what, element)
    if vr == b"SQ":
        return _sequence(what, order, body, element)
    value = bytes(body[element.start : element.end])
    if vr in _TEXT:
        if not _bare(value):
            return b""
        if vr in _NUMBER and not all(_NUMBER[vr].fullmatch(v) for v in map(_bare, value.split(b"\\")) if v):
            raise _damaged(what, f"its element {name(element.tag)} is no number")
        value += b" " * (len(value) % 2)
    if len(value) > 0xFFFE and vr not in LONG:
        raise _damaged(what, f"its element {name(element.tag)} has {len(value)} bytes")
    return _explicit(order, element.tag, vr, value) if value else b""


def _bare(value: bytes) -> bytes:
    return value.lstrip(b" ").rstrip(b" \0")


def _sequence(what: str, order: str, body: memoryview, element: Element) -> bytes:
    """A LUT's items with what counts of them; of others, whether there is an item."""
    items = element.items if element.tag in LUTS else tuple(() for _ in element.items)
    inside = b"".join(
        _item(order, b"".join(_written(what, order, body, e) for e in item if e.tag in _ALSO)) for item in items
    )
    return _explicit(order, element.tag, b"SQ", inside)


def _item(order: str, inside: bytes) -> bytes:
    return struct.pack(f"{order}HHI", 0xFFFE, 0xE000, len(inside)) + inside


def _explicit(order: str, tag: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack(f"{order}HH2s", tag >> 16, tag & 0xFFFF, vr)
    length = struct.pack(f"{order}HI", 0, len(value)) if vr in LONG else struct.pack(f"{order}H", len(value))
    return head + length + value


def _representation(what: str, element: Element) -> InputError:
    vr = (element.vr or b"").decode("ascii", "replace")
    return _damaged(what, f"its element {name(element.tag)} has the value representation {vr}")


def _damaged(what: str, cause: str) -> InputError:
    return InputError("IMG-DAMAGED", f"{what}: {cause}", "export the film again")
