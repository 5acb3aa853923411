"""The elements of a DICOM file that count, found under bounds before pydicom sees anything.

A header can say "two hundred thousand items" in three kilobytes, and whatever builds an object of each is lost. So the
data set is walked once (PS3.5 7) without building anything, up to its pixels; where the elements lie that an image
needs is noted, and the rest is passed over. An element that counts stands in a data set once, and before the pixels
(7.1); of two, readers take either. What else stands behind the pixels may be anything. The Kotlin twin walks alike.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cxredge.errors import InputError
from cxredge.images.refuse import MAX_PIXELS

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

MAX_PIXEL_BYTES = 3 * MAX_PIXELS + 65_536
"""Most bytes of pixels that are not compressed: three samples of 8 bits, or one of 16, and some padding."""

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"

PIXELS = 0x7FE00010
LUTS = (0x00283000, 0x00283010)
"""Modality LUT, VOI LUT."""
LUT_DESCRIPTOR, LUT_DATA = 0x00283002, 0x00283006
VR = {
    0x00080016: b"UI",  # SOP class
    **dict.fromkeys((0x00080060, 0x00180015, 0x00185101), b"CS"),  # modality, body part, view
    **dict.fromkeys((0x00280002, 0x00280006, 0x00280010, 0x00280011), b"US"),  # samples, planes, rows, columns
    **dict.fromkeys((0x00280100, 0x00280101, 0x00280102, 0x00280103), b"US"),  # bits and sign
    **{0x00280004: b"CS", 0x00280008: b"IS"},  # photometric interpretation, frames
    **dict.fromkeys((0x00281050, 0x00281051, 0x00281052, 0x00281053), b"DS"),  # window, rescale
    **dict.fromkeys((0x00281056, 0x20500020), b"CS"),  # VOI function, presentation LUT shape
    **dict.fromkeys((*LUTS, 0x20500010, 0x52009229, 0x52009230), b"SQ"),  # presentation LUT, functional groups
    **{LUT_DESCRIPTOR: b"US", LUT_DATA: b"OW"},
    **dict.fromkeys((0x7FE00001, 0x7FE00002), b"OV"),  # extended offset table
}
"""The elements that count, and their value representations (PS3.6); of several, the one for implicit elements."""
FLOAT_PIXELS = {0x7FE00008: b"OF", 0x7FE00009: b"OD"}
_SEQUENCES = frozenset(tag for tag, vr in VR.items() if vr == b"SQ")
_VALUES = VR.keys() - _SEQUENCES
_ONCE = VR.keys() | FLOAT_PIXELS.keys() | {PIXELS}
LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
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


@dataclass(frozen=True)
class Element:
    """An element that counts. start, end: of its value; vr: None where it is implicit.

    items: of a sequence, the elements that count of its first two items.
    """

    tag: int
    vr: bytes | None
    start: int
    end: int
    items: tuple[tuple[Element, ...], ...] = ()


def truncated(what: str) -> InputError:
    """The refusal of a DICOM file that ends early."""
    return InputError("IMG-TRUNCATED", f"{what} ends before its pixel data does", "copy the file again")


def name(tag: int) -> str:
    """As documents write it."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


class Walk:
    """One walk over a data set.

    kept: what counts; pixels: their element, whose end lies behind the end of a file that is cut; fragments: where
    those of compressed pixels lie, the table of offsets first; end: behind the pixels. Raises InputError IMG-SIZE
    (beyond the bounds above), IMG-TRUNCATED (fragments that end early), IMG-DAMAGED (no sequence of items where one is
    announced, or of another length, a value above ``MAX_VALUE``, a delimiter outside of any sequence, an element that
    counts twice in one data set or item, or behind the pixels, or that readers take for another one: an implicit one
    among explicit ones, or a value representation that is none).
    """

    def __init__(self, what: str, body: memoryview, syntax: str) -> None:
        self.kept: list[Element] = []
        self.pixels: Element | None = None
        self.fragments: list[tuple[int, int]] | None = None
        self.end = 0
        self.order = ">" if syntax == BIG_ENDIAN else "<"
        self._what = what
        self._body = body
        self._implicit = syntax == IMPLICIT
        self._native = syntax in (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)
        self._at = 0
        self._counted = 0

    def data_set(self) -> None:
        """Walk to the pixels, or to the end where there are none."""
        guess = True
        seen: set[int] = set()
        try:
            while True:
                lead = self._lead(self._implicit, guess)
                if guess:
                    self._implicit = lead.vr is None
                guess = False
                if lead.tag >> 16 == 0xFFFE:
                    raise self._damaged("a delimiter stands outside of any sequence")
                self._once(lead.tag, seen)
                self._explicit(lead, self._implicit or lead.tag not in _ONCE)
                if lead.tag == PIXELS:
                    self._to_the_end_of_pixels(lead)
                    return
                element = self._pass(lead, self._implicit, 0)
                if element is not None:
                    self.kept.append(element)
        except _End:
            return

    def hold_behind(self, behind: memoryview) -> None:
        """Refuse elements that count behind the pixels."""
        walk = Walk(self._what, behind, "")
        walk.order, walk._implicit = self.order, self._implicit
        try:
            while (lead := walk._lead(walk._implicit)).tag not in _ONCE:
                walk._pass(lead, walk._implicit, 0)
        except (_End, InputError):
            return
        raise self._damaged(f"its element {name(lead.tag)} stands behind its pixels, where readers differ")

    def _to_the_end_of_pixels(self, lead: _Lead) -> None:
        start = self._at
        end = None if lead.length == _UNDEFINED else start + lead.length
        if self._native and end is None:
            raise self._damaged("its pixels have no length, and are not compressed")
        if self._native and lead.length > MAX_PIXEL_BYTES:
            raise self._large(f"announces {lead.length} bytes of pixels")
        if not self._native:
            self.fragments = self._pass_fragments(end)
            end = self._at
        self.end = end or 0
        self.pixels = Element(PIXELS, lead.vr, start, self.end)

    def _pass_fragments(self, end: int | None) -> list[tuple[int, int]]:
        """Values of the items of compressed pixels (PS3.5 A.4); a file may end behind the last without a delimiter."""
        found = []
        while self._at != len(self._body) if end is None else self._at < end:
            if self._at + 8 > len(self._body):
                raise truncated(self._what)
            head = self._body[self._at : self._at + 8]
            group, element, length = struct.unpack(f"{self.order}HHI", head)
            self._count()
            self._at += 8
            if (group << 16 | element) == _SEQUENCE_END:
                break
            if (group << 16 | element) != _ITEM or length == _UNDEFINED:
                raise self._damaged("its compressed pixels are not in fragments")
            if self._at + length > len(self._body):
                raise truncated(self._what)
            found.append((self._at, self._at + length))
            self._at += length
        return found

    def _lead(self, implicit: bool, guess: bool = False) -> _Lead:
        """An element's head.

        A value representation that is not two capitals means an implicit element, and the first element of a data set
        says which of the two the whole of it is (``guess``), whatever the syntax: both kinds of wrong files exist.
        """
        head = self._bytes(8)
        group, element = struct.unpack(f"{self.order}HH", head[:4])
        tag = group << 16 | element
        if tag not in (_ITEM_END, _SEQUENCE_END):
            self._count()
        vr = bytes(head[4:6])
        capitals = vr.isalpha() and vr.isupper()
        if group != 0xFFFE and not (implicit or guess or capitals) and b"AA" <= vr <= b"ZZ":
            raise self._damaged("one of its elements has a value representation that is none")
        if group == 0xFFFE or not capitals or (implicit and not guess):
            return _Lead(tag, None, struct.unpack(f"{self.order}I", head[4:])[0])
        if vr in LONG:
            return _Lead(tag, vr, struct.unpack(f"{self.order}I", self._bytes(4))[0])
        return _Lead(tag, vr, struct.unpack(f"{self.order}H", head[6:])[0])

    def _pass(self, lead: _Lead, implicit: bool, depth: int, counts: bool = False) -> Element | None:
        """Go behind an element; sequences are looked through, for what is in them counts towards the bounds."""
        start = self._at
        items: tuple[tuple[Element, ...], ...] = ()
        if lead.length == _UNDEFINED and lead.tag in _VALUES:
            raise self._damaged(f"its element {name(lead.tag)} has no length")
        if lead.vr == b"SQ" or (lead.vr in (None, b"UN") and (lead.tag in _SEQUENCES or lead.length == _UNDEFINED)):
            items = self._sequence(lead, implicit, depth, counts)
        elif lead.length == _UNDEFINED:
            self._opaque()
        elif lead.tag in VR and lead.length > MAX_VALUE:
            raise self._damaged(f"one of its elements has {lead.length} bytes")
        else:
            self._skip(lead.length)
        return Element(lead.tag, lead.vr, start, self._at, items) if lead.tag in _ONCE else None

    def _opaque(self) -> None:
        """Fragments of whatever it is (a compressed icon, say): what is in them is no element."""
        while True:
            item = self._lead(implicit=True)
            if item.tag == _SEQUENCE_END:
                return
            if item.tag != _ITEM or item.length == _UNDEFINED:
                raise self._damaged("one of its elements has neither a length nor fragments")
            self._skip(item.length)

    def _sequence(self, lead: _Lead, implicit: bool, depth: int, counts: bool) -> tuple[tuple[Element, ...], ...]:
        if depth == MAX_DEPTH:
            raise self._large(f"nests sequences more than {MAX_DEPTH} deep")
        end = None if lead.length == _UNDEFINED else self._at + lead.length
        # PS3.5 6.2.2: an unknown value of undefined length is implicit inside
        inside = implicit or lead.vr == b"UN"
        counts = counts or lead.tag in _SEQUENCES
        items: list[tuple[Element, ...]] = []
        while end is None or self._at < end:
            item = self._lead(implicit=True)
            if item.tag == _SEQUENCE_END:
                break
            if item.tag != _ITEM:
                raise self._damaged("one of its sequences holds something else than items")
            behind = None if item.length == _UNDEFINED else self._at + item.length
            seen: set[int] = set()
            kept = []
            while behind is None or self._at < behind:
                inner = self._lead(inside)
                if inner.tag == _ITEM_END:
                    break
                self._once(inner.tag, seen)
                self._explicit(inner, inside or not counts)
                if (element := self._pass(inner, inside, depth + 1, counts)) is not None:
                    kept.append(element)
            self._hold_end(behind)
            if len(items) < 2:
                items.append(tuple(kept))
        self._hold_end(end)
        return tuple(items)

    def _hold_end(self, end: int | None) -> None:
        if end is not None and self._at != end:
            raise self._damaged("one of its sequences or items has another length than it says")

    def _explicit(self, lead: _Lead, any_way: bool) -> None:
        if lead.vr is None and not any_way:
            raise self._damaged("it mixes explicit and implicit elements")

    def _once(self, tag: int, seen: set[int]) -> None:
        if tag in seen:
            raise self._damaged(f"its element {name(tag)} stands twice in one place, where readers differ")
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
