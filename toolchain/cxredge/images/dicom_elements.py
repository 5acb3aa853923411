"""The elements of a DICOM file that count, cut out under bounds before pydicom sees anything.

A header can say "two hundred thousand items" in three kilobytes, and whatever builds an object of each is lost. So the
data set is walked once (PS3.5 7) without building anything, up to its pixels; what an image needs is copied, and the
rest is passed over. An element that counts stands in a data set once, and before the pixels (7.1); of two, readers take
either. What else stands behind the pixels may be anything. The Kotlin twin walks alike.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from cxredge.errors import InputError
from cxredge.images.refuse import MAX_FILE_BYTES

MAX_ELEMENTS = 100_000
"""Most elements and items of a header, those of sequences counted too: a film's has some hundred."""
MAX_DEPTH = 16
"""Most sequences inside one another."""
MAX_HEADER_BYTES = 64 * 1024 * 1024
"""Most bytes before the pixels, unpacked."""
MAX_VALUE = 1 << 20
"""Most bytes of one value that counts: a LUT has 65,536 entries of two bytes at most."""

MAX_BEHIND = 1 << 20
"""Most bytes behind the pixels that are looked at for what should stand before them."""

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"

PIXELS = 0x7FE00010
_FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)
_SEQUENCES = frozenset({0x00283000, 0x00283010, 0x20500010, 0x52009229, 0x52009230})
"""Modality LUT, VOI LUT, presentation LUT, shared and per-frame functional groups."""
_COUNTS = _SEQUENCES | frozenset(
    {
        *(0x00080016, 0x00080060, 0x00180015, 0x00185101),  # SOP class, modality, body part, view
        *(0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011),  # samples to columns
        *(0x00280100, 0x00280101, 0x00280102, 0x00280103),  # bits and sign
        *(0x00281050, 0x00281051, 0x00281052, 0x00281053, 0x00281056),  # window, rescale, VOI function
        *(0x00283002, 0x00283006),  # of a LUT: descriptor, data
        0x20500020,  # presentation LUT shape
        *(0x7FE00001, 0x7FE00002),  # extended offset table
    }
)
_ONCE = _COUNTS | {*_FLOAT_PIXELS, PIXELS}
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""Value representations whose length takes four bytes (PS3.5 7.1.2)."""
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF


class _End(Exception):
    """The bytes end inside an element."""


@dataclass(frozen=True)
class _Lead:
    tag: int
    vr: bytes | None
    length: int


def cut_out(what: str, data: bytes, at: int, syntax: str) -> bytes:
    """A DICOM file of the elements that count, and of the pixels as they are; deflated becomes explicit little endian.

    data: a whole file; at: where its data set begins; syntax: its transfer syntax. Of a file that is cut, what is left.
    Raises InputError IMG-SIZE (beyond the bounds above, or unpacking to ``MAX_FILE_BYTES``), IMG-TRUNCATED (deflated
    data that ends early), IMG-DAMAGED (no sequence of items where one is announced, or of another length, a value above
    ``MAX_VALUE``, an element that counts twice in one data set or item, or behind the pixels, or that pydicom could
    take for another one: an implicit one among explicit ones, or a value representation that is none).
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if syntax == DEFLATED else None
    body = memoryview(data[at:] if inflater is None else inflater.decompress(data[at:], MAX_HEADER_BYTES))
    walk = _Walk(what, body, syntax)
    walk.data_set()
    if inflater is not None:
        body = memoryview(_inflate_on(what, inflater, bytes(body), walk.pixels_end + MAX_BEHIND))
    kept = [bytes(body[start:end]) for start, end in walk.kept]
    if walk.pixels is not None:
        walk.hold_behind(body[walk.pixels_end : walk.pixels_end + MAX_BEHIND])
        kept.append(bytes(body[walk.pixels : walk.pixels_end]))
    uid = (EXPLICIT if inflater is not None else syntax).encode()
    uid += b"\0" * (len(uid) % 2)
    meta = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(uid)) + uid
    return b"\0" * 128 + b"DICM" + meta + walk.first() + b"".join(kept)


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


def truncated(what: str) -> InputError:
    """The refusal of a DICOM file that ends early."""
    return InputError("IMG-TRUNCATED", f"{what} ends before its pixel data does", "copy the file again")


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


class _Walk:
    """One walk over a data set.

    kept: what counts, as (start, end); pixels: where their element begins; pixels_end: where it ends, which lies behind
    the end of a file that is cut.
    """

    def __init__(self, what: str, body: memoryview, syntax: str) -> None:
        self.kept: list[tuple[int, int]] = []
        self.pixels: int | None = None
        self.pixels_end = 0
        self._what = what
        self._body = body
        self._order = ">" if syntax == BIG_ENDIAN else "<"
        self._implicit = syntax == IMPLICIT
        self._native = syntax in (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)
        self._at = 0
        self._counted = 0

    def first(self) -> bytes:
        """An element that says nothing: pydicom takes from the first one whether all others are implicit."""
        vr = struct.pack(f"{self._order}I", 4) if self._implicit else b"UL" + struct.pack(f"{self._order}H", 4)
        return struct.pack(f"{self._order}HH", 0x0008, 0x0000) + vr + bytes(4)

    def hold_behind(self, behind: memoryview) -> None:
        """Refuse elements that count behind the pixels."""
        walk = _Walk(self._what, behind, "")
        walk._order, walk._implicit = self._order, self._implicit
        try:
            while (lead := walk._lead(walk._implicit)).tag not in _ONCE:
                walk._pass(lead, walk._implicit, 0)
        except (_End, InputError):
            return
        raise self._damaged(f"its element {_name(lead.tag)} stands behind its pixels, where readers differ")

    def data_set(self) -> None:
        """Walk to the pixels, or to the end where there are none."""
        try:
            guess = True
            seen: set[int] = set()
            while self.pixels is None:
                start = self._at
                lead = self._lead(self._implicit, guess)
                if guess:
                    self._implicit = lead.vr is None
                guess = False
                self._once(lead.tag, seen)
                if lead.tag == PIXELS:
                    self.pixels = start
                    undefined = lead.length == _UNDEFINED
                    if undefined and self._native:
                        raise self._damaged("its pixels have no length, and are not compressed")
                    self.pixels_end = self._behind_fragments() if undefined else self._at + lead.length
                    return
                self._explicit(lead, self._implicit or lead.tag not in _ONCE)
                self._pass(lead, self._implicit, 0)
                if lead.tag in _ONCE:
                    self.kept.append((start, self._at))
        except _End:
            return

    def _behind_fragments(self) -> int:
        """End of encapsulated pixels (PS3.5 A.4), or of the file where what ends them is missing."""
        at = self._at
        while at + 8 <= len(self._body):
            group, element, length = struct.unpack(f"{self._order}HHI", self._body[at : at + 8])
            self._count()
            at += 8
            if (group << 16 | element) == _SEQUENCE_END:
                return at
            if (group << 16 | element) != _ITEM:
                break
            at += length
        return len(self._body)

    def _lead(self, implicit: bool, guess: bool = False) -> _Lead:
        """An element's head.

        A value representation that is not two capitals means an implicit element, and the first element of a data set
        says which of the two the whole of it is (``guess``), whatever the syntax: both kinds of wrong files exist.
        """
        head = self._bytes(8)
        group, element = struct.unpack(f"{self._order}HH", head[:4])
        tag = group << 16 | element
        if tag not in (_ITEM_END, _SEQUENCE_END):
            self._count()
        vr = bytes(head[4:6])
        capitals = vr.isalpha() and vr.isupper()
        if group != 0xFFFE and not (implicit or guess or capitals) and b"AA" <= vr <= b"ZZ":
            raise self._damaged("one of its elements has a value representation that is none")
        if group == 0xFFFE or not capitals or (implicit and not guess):
            return _Lead(tag, None, struct.unpack(f"{self._order}I", head[4:])[0])
        if vr in _LONG:
            return _Lead(tag, vr, struct.unpack(f"{self._order}I", self._bytes(4))[0])
        return _Lead(tag, vr, struct.unpack(f"{self._order}H", head[6:])[0])

    def _pass(self, lead: _Lead, implicit: bool, depth: int, counts: bool = False) -> None:
        """Go behind an element; sequences are looked through, for what is in them counts towards the bounds."""
        unsaid = lead.vr in (None, b"UN")
        sequence = lead.vr == b"SQ" or (unsaid and lead.tag in _SEQUENCES)
        if sequence or lead.length == _UNDEFINED:
            self._sequence(lead, implicit, depth, counts)
            return
        if lead.tag in _COUNTS and lead.length > MAX_VALUE:
            raise self._damaged(f"one of its elements has {lead.length} bytes")
        self._skip(lead.length)

    def _sequence(self, lead: _Lead, implicit: bool, depth: int, counts: bool) -> None:
        if depth == MAX_DEPTH:
            raise self._large(f"nests sequences more than {MAX_DEPTH} deep")
        end = None if lead.length == _UNDEFINED else self._at + lead.length
        # PS3.5 6.2.2: an unknown value of undefined length is implicit inside
        inside = implicit or lead.vr == b"UN"
        counts = counts or lead.tag in _SEQUENCES
        while end is None or self._at < end:
            item = self._lead(implicit=True)
            if item.tag == _SEQUENCE_END:
                break
            if item.tag != _ITEM:
                raise self._damaged("one of its sequences holds something else than items")
            behind = None if item.length == _UNDEFINED else self._at + item.length
            seen: set[int] = set()
            while behind is None or self._at < behind:
                inner = self._lead(inside)
                if inner.tag == _ITEM_END:
                    break
                self._once(inner.tag, seen)
                self._explicit(inner, inside or not counts)
                self._pass(inner, inside, depth + 1, counts)
            self._hold_end(behind)
        self._hold_end(end)

    def _hold_end(self, end: int | None) -> None:
        if end is not None and self._at != end:
            raise self._damaged("one of its sequences or items has another length than it says")

    def _explicit(self, lead: _Lead, any_way: bool) -> None:
        if lead.vr is None and not any_way:
            raise self._damaged("it mixes explicit and implicit elements")

    def _once(self, tag: int, seen: set[int]) -> None:
        if tag in seen:
            raise self._damaged(f"its element {_name(tag)} stands twice in one place, where readers differ")
        if tag in _ONCE:
            seen.add(tag)

    def _count(self) -> None:
        self._counted += 1
        if self._counted > MAX_ELEMENTS:
            raise self._large(f"has more than {MAX_ELEMENTS} elements and items")

    def _bytes(self, count: int) -> memoryview:
        start = self._at
        self._skip(count)
        return self._body[start : start + count]

    def _skip(self, count: int) -> None:
        self._at += count
        if self._at > MAX_HEADER_BYTES:
            raise self._large(f"has more than {MAX_HEADER_BYTES} bytes before its pixels")
        if self._at > len(self._body):
            raise _End

    def _large(self, how: str) -> InputError:
        return InputError(
            "IMG-SIZE",
            f"{self._what}: its header {how}",
            "export the film alone, without what was added to its header",
        )

    def _damaged(self, cause: str) -> InputError:
        return InputError("IMG-DAMAGED", f"{self._what}: {cause}", "export the film again")
