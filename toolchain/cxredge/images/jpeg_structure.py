"""A JPEG or JPEG-LS stream taken apart: its frame, its scans, and where their coded data lies (ITU-T T.81 Annex B)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cxredge.images.codestream import FRAME_MARKERS, MAX_SEGMENTS, SOS
from cxredge.images.jpeg_huffman import Table
from cxredge.images.jpeg_scans import History

LOSSLESS, JPEG_LS = 0xC3, 0xF7
_DHT, _EOI, _DNL, _DRI = 0xC4, 0xD9, 0xDC, 0xDD
RESTARTS = range(0xD0, 0xD8)
MAX_INTERVALS = 1 << 16
"""Most pieces that restart markers cut all scans into: writers set them a row of blocks apart, seldom closer."""
# possessive throughout: a run of FF is passed over once, however long it is
_MARKER = re.compile(rb"\xff++([\x01-\xfe])")
_NEXT_FF = re.compile(rb"[^\xff]*+(\xff++)(.)", re.DOTALL)


@dataclass
class Component:
    """A component of the frame, and what the scans have sent of it."""

    across: int
    down: int
    units: int
    """MCUs of a scan of this component alone: 8x8 blocks, or samples where the process is lossless."""
    sent: list[int] = field(default_factory=lambda: [-1] * 64)
    """Lowest bit sent of each coefficient; -1 before the first (T.81 G.1.1.1)."""
    history: History = field(default_factory=list)


@dataclass(frozen=True)
class Frame:
    """The frame header."""

    process: int
    """Its marker's second byte: C0 baseline, C1 extended, C2 progressive, C3 lossless, F7 JPEG-LS, ..."""
    components: dict[int, Component]
    units: int
    """MCUs of a scan of several components."""


@dataclass(frozen=True)
class Scan:
    """A scan header, and the coded data behind it."""

    components: list[Component]
    selectors: list[int]
    """Of each component: the destinations of its tables, DC << 4 | AC."""
    band: tuple[int, int]
    bits: tuple[int, int]
    """Lowest bit sent before (0: none) and with this scan."""
    interval: int
    """MCUs from one restart marker to the next; 0: there are none."""
    tables: dict[int, Table]
    """By class << 4 | destination, as DHT writes it."""
    segments: list[tuple[int, int, int]]
    """Of coded data: start and end in the stream, and the second byte of the marker behind."""


def parse(stream: bytes) -> tuple[Frame, list[Scan], int]:
    """The frame and its scans, in order, up to the end marker, and where that ends; what lies behind is not looked at.

    Raises EOFError where the stream ends first; ValueError or LookupError where it is no such structure, has a second
    frame header, or gives its height behind the first scan (DNL); OverflowError above ``MAX_SEGMENTS`` and
    ``MAX_INTERVALS``.
    """
    frame: Frame | None = None
    scans: list[Scan] = []
    tables: dict[int, Table] = {}
    interval, at = 0, 2
    intervals = segments = 0
    while True:
        marker = _MARKER.match(stream, at)
        if marker is None:
            if at + 1 >= len(stream):
                raise EOFError("the compressed image has no end marker")
            raise ValueError("the compressed image has bytes between its segments")
        kind, at = marker[1][0], marker.end()
        if kind == _EOI:
            if frame is None or not scans:
                raise EOFError("the compressed image ends before its first scan")
            return frame, scans, at
        if kind in RESTARTS and scans:  # one too many behind a scan
            continue
        segments += 1
        if segments > MAX_SEGMENTS:
            raise OverflowError(f"the compressed image has more than {MAX_SEGMENTS} segments")
        length = int.from_bytes(stream[at : at + 2])
        payload = stream[at + 2 : at + length]
        if at + max(length, 2) > len(stream):
            raise EOFError("the compressed image ends within its headers")
        if length < 2:
            raise ValueError("the compressed image has a segment without a length")
        at += length
        if kind == _DHT:
            _tables(payload, tables)
        elif kind == _DRI:
            interval = int.from_bytes(payload)
        elif kind == _DNL:
            raise ValueError("the compressed image gives its height behind its first scan (DNL)")
        elif kind in FRAME_MARKERS:
            if frame is not None:
                raise ValueError("the compressed image has two frame headers")
            frame = _frame(kind, payload)
        elif kind == SOS:
            if frame is None:
                raise ValueError("the compressed image has a scan before its frame header")
            coded = _coded(stream, at, 0x80 if frame.process == JPEG_LS else 1, MAX_INTERVALS - intervals)
            intervals += len(coded)
            scans.append(_scan(payload, frame, interval, dict(tables), coded))
            at = coded[-1][1]


def _coded(stream: bytes, at: int, least: int, most: int) -> list[tuple[int, int, int]]:
    """At most so many segments of coded data from ``at`` on; least: the second byte that a marker has at least.

    FF 00 is a byte FF of coded data, and further FF before a marker are fill bytes (T.81 B.1.1). JPEG-LS stuffs a zero
    bit behind FF instead (T.87 A.1), so that there only a byte with its top bit set makes a marker.
    """
    segments: list[tuple[int, int, int]] = []
    start = at
    while found := _NEXT_FF.match(stream, at):
        at = found.end()
        marker = stream[at - 1]
        if marker < least:
            continue
        if len(segments) == most:
            raise OverflowError(f"restart markers cut the compressed image into more than {MAX_INTERVALS} pieces")
        segments.append((start, found.start(1), marker))
        if marker not in RESTARTS:
            return segments
        start = at
    raise EOFError("the compressed image has no end marker")


def _tables(payload: bytes, tables: dict[int, Table]) -> None:
    at = 0
    while at < len(payload):
        counts = payload[at + 1 : at + 17]
        symbols = payload[at + 17 : at + 17 + sum(counts)]
        if len(counts) != 16 or len(symbols) != sum(counts):
            raise ValueError("the compressed image has a Huffman table that ends early")
        tables[payload[at]] = counts, symbols
        at += 17 + len(symbols)


def _frame(process: int, payload: bytes) -> Frame:
    height, width = int.from_bytes(payload[1:3]), int.from_bytes(payload[3:5])
    factors = {payload[at]: (payload[at + 1] >> 4, payload[at + 1] & 15) for at in range(6, len(payload) - 2, 3)}
    if (
        len(payload) != 6 + 3 * len(factors)
        or len(factors) != payload[5]
        or not all(1 <= n <= 4 for both in factors.values() for n in both)
    ):
        raise ValueError("the compressed image has a frame header whose components are wrong")
    side = 1 if process in (LOSSLESS, JPEG_LS) else 8
    widest, tallest = (max(factors[selector][i] for selector in factors) for i in (0, 1))

    def units(across: int, down: int) -> int:
        return _up(_up(width * across, widest), side) * _up(_up(height * down, tallest), side)

    components = {
        selector: Component(across, down, units(across, down)) for selector, (across, down) in factors.items()
    }
    return Frame(process, components, _up(width, side * widest) * _up(height, side * tallest))


def _scan(
    payload: bytes, frame: Frame, interval: int, tables: dict[int, Table], segments: list[tuple[int, int, int]]
) -> Scan:
    count = payload[0]
    if not 1 <= count <= 4 or len(payload) != 4 + 2 * count:
        raise ValueError("the compressed image has a scan header of a wrong length")
    components = [frame.components[selector] for selector in payload[1 : 1 + 2 * count : 2]]
    first, last, bits = payload[-3:]
    selectors = list(payload[2 : 2 + 2 * count : 2])
    return Scan(components, selectors, (first, last), (bits >> 4, bits & 15), interval, tables, segments)


def _up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
