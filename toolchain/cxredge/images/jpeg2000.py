"""What decoding a JPEG 2000 stream would take, counted from its headers before a decoder sees it.

A stream of a few hundred bytes can announce tiles, precincts and code blocks by the million, and a decoder makes a
record of each before it looks at the first coded bit. Counted as in ISO/IEC 15444-1 (T.800) Annex B, with the settings
of the main header for every tile, and those of each tile-part header that has its own on top.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.images.codestream import ends_alone

MAX_BITS = 16
"""Most bits of a sample: a film's words have no more."""
MAX_LEVELS = 32
"""Most decompositions (T.800 A.6.1)."""
LEAST_TILES, PIXELS_A_TILE = 64, 64 * 64
"""So many tiles are always taken, and one more for so many pixels."""
LEAST_BLOCKS, PIXELS_A_BLOCK = 65_536, 64
"""So many precincts and code blocks are always taken, and one more for so many pixels; a block has 1,024 or more in any
stream that was made to be small."""
MAX_STYLES = 256
"""Most tile-parts with a coding style of their own: writers give one to all tiles."""
LEAST_PACKETS = 1_048_576
"""So many packets (layer by resolution by component by precinct) are always taken, and one more a pixel."""

_SOC_SIZ = b"\xff\x4f\xff\x51"
_COD, _COC, _SOT, _SOD, _EOC = 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFFD9
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Coding:
    """How one component is coded. precincts: exponents (x, y) by resolution, the lowest first."""

    levels: int
    reversible: bool
    block: tuple[int, int]
    precincts: tuple[tuple[int, int], ...]

    def exponents(self, resolution: int) -> tuple[int, int]:
        return self.precincts[resolution] if self.precincts else (15, 15)


@dataclass(frozen=True)
class _Style:
    """Coding of all components, those with one of their own by number, and the layers."""

    layers: int = 0
    all: _Coding | None = None
    own: tuple[tuple[int, _Coding], ...] = ()

    def of(self, component: int) -> _Coding | None:
        return dict(self.own).get(component, self.all)

    def reversible(self, components: int) -> bool:
        codings = [self.of(component) for component in range(components)]
        return all(coding is not None and coding.reversible for coding in codings)


def check_jpeg_2000(what: str, stream: bytes) -> bool:
    """Refuse a stream that would take more memory or work than its pixels warrant; whether its transform is reversible.

    And one that has no part of a tile, ends within one, or has anything but padding behind its end. Raises InputError
    IMG-SIZE (beyond the bounds above), IMG-DEPTH (more than 16 bits), IMG-TRUNCATED, IMG-DAMAGED (no such stream).
    """
    if not stream.startswith(_SOC_SIZ) or len(stream) < 6:
        raise _damaged(what)
    try:
        return _Stream(what, stream).check()
    except (struct.error, IndexError) as error:
        raise _damaged(what) from error


class _Stream:
    def __init__(self, what: str, stream: bytes) -> None:
        self._what = what
        self._stream = stream
        # SIZ (A.5.1): capabilities, then X, Y, offsets, tiles and their offsets, components, three bytes for each
        self._components = struct.unpack_from(">H", stream, 40)[0]
        x, y, x0, y0, tx, ty, tx0, ty0 = struct.unpack_from(">8I", stream, 8)
        depths = [stream[42 + 3 * i : 45 + 3 * i] for i in range(self._components)]
        if not (tx > 0 and ty > 0 and tx0 <= x0 < x and ty0 <= y0 < y and x0 < tx0 + tx and y0 < ty0 + ty):
            raise _damaged(what)
        if not depths or any(len(depth) < 3 or depth[1:] != b"\x01\x01" for depth in depths):
            raise InputError("IMG-DAMAGED", f"{what}: its components differ in size", "export the film again")
        if any((depth[0] & 0x7F) + 1 > MAX_BITS for depth in depths):
            raise InputError("IMG-DEPTH", f"{what} has samples of more than {MAX_BITS} bits", "export it with 16")
        self._pixels = (x - x0) * (y - y0)
        tiles = -(-(x - tx0) // tx) * -(-(y - ty0) // ty)
        if tiles > LEAST_TILES + self._pixels // PIXELS_A_TILE:
            raise self._large(f"{tiles} tiles")
        self._columns = _edges(x0, x, tx0, tx)
        self._rows = _edges(y0, y, ty0, ty)

    def check(self) -> bool:
        """Count, main header first, tile-part headers on top."""
        end = self._stream.rfind(b"\xff\xd9") + 2
        if not ends_alone(self._stream, end):
            raise _damaged(self._what)
        at, main = self._header(2, _Style())
        reversible = main.reversible(self._components)
        blocks, packets = self._count(main, self._columns, self._rows)
        self._hold(blocks, packets)
        there: set[int] = set()
        styles = 0
        for start, end, tile in self._tile_parts(at):
            if tile >= len(self._columns) * len(self._rows):
                raise _damaged(self._what)
            _, style = self._header(start, main, end)
            if style is main:
                there.add(tile)
                continue
            styles += 1
            # only a tile's first part may have one (A.6.1)
            if tile in there:
                raise _damaged(self._what)
            if styles > MAX_STYLES:
                raise self._large(f"a coding style of its own for each of more than {MAX_STYLES} tiles")
            there.add(tile)
            reversible = reversible and style.reversible(self._components)
            row, column = divmod(tile, len(self._columns))
            more = self._count(style, self._columns[column : column + 1], self._rows[row : row + 1])
            blocks, packets = blocks + more[0], packets + more[1]
            self._hold(blocks, packets)
        if len(there) < len(self._columns) * len(self._rows):
            raise self._truncated()
        return reversible

    def _hold(self, blocks: int, packets: int) -> None:
        if blocks > LEAST_BLOCKS + self._pixels // PIXELS_A_BLOCK:
            raise self._large(f"{blocks} precincts and code blocks")
        if packets > LEAST_PACKETS + self._pixels:
            raise self._large(f"{packets} packets")

    def _header(self, at: int, style: _Style, end: int | None = None) -> tuple[int, _Style]:
        """Coding after the segments from ``at`` on, and where the first is that is no header segment."""
        while end is None or at < end:
            marker, length = struct.unpack_from(">HH", self._stream, at)
            if marker in (_SOT, _SOD, _EOC):
                break
            if marker < 0xFF00 or length < 2 or at + 2 + length > len(self._stream):
                raise _damaged(self._what)
            style = self._with(style, marker, self._stream[at + 4 : at + 2 + length])
            at += 2 + length
        return at, style

    def _with(self, style: _Style, marker: int, segment: bytes) -> _Style:
        """A later segment replaces what an earlier one said; a component's own outlives one for all (A.6.1, A.6.2)."""
        if marker == _COD:
            layers = struct.unpack_from(">H", segment, 2)[0]
            return replace(style, layers=layers, all=self._coding(segment[5:], segment[0]))
        if marker == _COC:
            wide = 2 if self._components > 256 else 1
            component = int.from_bytes(segment[:wide])
            coding = self._coding(segment[wide + 1 :], segment[wide])
            if component >= self._components:
                raise _damaged(self._what)
            return replace(style, own=(*((c, s) for c, s in style.own if c != component), (component, coding)))
        return style

    def _coding(self, spec: bytes, flags: int) -> _Coding:
        levels, block = spec[0], (spec[1] + 2, spec[2] + 2)
        if levels > MAX_LEVELS or max(block) > 10 or sum(block) > 12:
            raise _damaged(self._what)
        sizes = spec[5 : 6 + levels] if flags & 1 else b""
        if flags & 1 and len(sizes) != levels + 1:
            raise _damaged(self._what)
        return _Coding(levels, spec[4] == 1, block, tuple((size & 15, size >> 4) for size in sizes))

    def _tile_parts(self, at: int) -> Iterator[tuple[int, int, int]]:
        """(start of its header behind SOT, end of the tile-part, tile) of each tile-part (A.4.2)."""
        last = self._stream.rfind(b"\xff\xd9")
        while at < last:
            marker, length, tile, size = struct.unpack_from(">HHHI", self._stream, at)
            end = last if size == 0 else at + size
            if marker != _SOT or length != 10 or end < at + 12:
                raise _damaged(self._what)
            if end > last:
                raise self._truncated()
            yield at + 12, end, tile
            at = end

    def _count(self, style: _Style, columns: Ints, rows: Ints) -> tuple[int, int]:
        """Precincts and code blocks, and packets, of the tiles between those edges, int64[n, 2] on either axis."""
        codings = [style.of(component) for component in range(self._components)]
        blocks = most = deepest = 0
        for coding in codings:
            if coding is None:
                raise _damaged(self._what)
            deepest = max(deepest, coding.levels + 1)
            for resolution in range(coding.levels + 1):
                px, py = coding.exponents(resolution)
                down = coding.levels - resolution
                across, along = _ceil(columns, down), _ceil(rows, down)
                precincts = _cells(across, px) * _cells(along, py)
                most = max(most, int(_cells_each(across, px).max() * _cells_each(along, py).max()))
                # above the lowest, a resolution has three bands of half its size, and so have its precincts
                bands, half = (3, 1) if resolution else (1, 0)
                bx, by = (min(coding.block[i], max(e - half, 0)) for i, e in enumerate((px, py)))
                blocks += bands * (precincts + _cells(_halved(across, half), bx) * _cells(_halved(along, half), by))
        tiles = len(columns) * len(rows)
        return blocks, tiles * style.layers * most * self._components * deepest

    def _truncated(self) -> InputError:
        return InputError(
            "IMG-TRUNCATED", f"{self._what}: its compressed image ends before its tiles do", "copy the film again"
        )

    def _large(self, count: str) -> InputError:
        return InputError(
            "IMG-SIZE",
            f"{self._what}: its compressed image announces {count}, too many for {self._pixels} pixels",
            "export the film again, as one tile or without compression",
        )


def _edges(start: int, end: int, first: int, step: int) -> Ints:
    """Start and end of every tile on one axis, int64[n, 2] (B.3)."""
    lines = np.arange(first, end, step, dtype=np.int64)
    return np.stack([np.maximum(lines, start), np.minimum(lines + step, end)], 1)


def _ceil(edges: Ints, exponent: int) -> Ints:
    """Edges of a resolution that is so many times halved (B.5)."""
    return -(-edges >> exponent)


def _halved(edges: Ints, times: int) -> Ints:
    """A band's edges, at most a sample too wide (B.5)."""
    return np.stack([edges[:, 0] >> times, -(-edges[:, 1] >> times)], 1)


def _cells_each(edges: Ints, exponent: int) -> Ints:
    """Cells of a grid of 2**exponent that each part meets (B.6, B.7)."""
    count = -(-edges[:, 1] >> exponent) - (edges[:, 0] >> exponent)
    return np.where(edges[:, 1] > edges[:, 0], count, 0)


def _cells(edges: Ints, exponent: int) -> int:
    return int(_cells_each(edges, exponent).sum())


def _damaged(what: str) -> InputError:
    return InputError(
        "IMG-DAMAGED", f"{what}: the headers of its JPEG 2000 stream cannot be read", "export the film again"
    )
