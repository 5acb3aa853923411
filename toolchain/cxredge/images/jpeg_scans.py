"""Walk through the Huffman-coded data of a JPEG scan and count its blocks: ITU-T T.81 F.2 (sequential), G.2.

A decoder draws grey where coded data ends early, and only warns. Each walker here uses exactly the bits that a decoder
would, and raises EOFError where they are not there, ValueError where they are no code.
"""

from __future__ import annotations

from array import array

import numpy as np

from cxredge.images.jpeg_huffman import END, INVALID, NO_CODE, USED, Bits, Table, bands, coefficients, differences, runs

History = list[int]
"""For each block of a component, in rows: bit k is set where coefficient k (zigzag order) is known not to be zero."""


def sequential(segment: bytes, blocks: list[tuple[Table, Table]], units: int, large: bool) -> None:
    """``units`` MCUs; blocks: the DC and the AC table of each block of an MCU; large: is ``runs`` worth making."""
    plan = [(differences(dc), (runs if large else coefficients)(ac), coefficients(ac)) for dc, ac in blocks]
    bits = Bits(segment)
    words, at, limit = bits.more(0)
    for _ in range(units):
        for difference, several, one in plan:
            at += difference[words[at >> 3] >> 8 - (at & 7) & 0xFFFF]
            if at >= INVALID:
                raise ValueError("the coded data has a code that is in no table")
            k = 1
            while k < 48:
                step = several[words[at >> 3] >> 8 - (at & 7) & 0xFFFF]
                at += step & USED
                k += step >> 6
            while k < 64:
                step = one[words[at >> 3] >> 8 - (at & 7) & 0xFFFF]
                at += step & USED
                k += step >> 6
            if at > limit:
                words, at, limit = bits.more(at)
            if k > 64 and not END < k < INVALID:
                raise _no_block(k)
    bits.close(at)


def first_dc(segment: bytes, tables: list[Table], units: int) -> None:
    """``units`` MCUs of a progressive scan's first DC bits; tables: of each block of an MCU."""
    plan = [differences(table) for table in tables]
    bits = Bits(segment)
    words, at, limit = bits.more(0)
    for _ in range(units):
        for difference in plan:
            at += difference[words[at >> 3] >> 8 - (at & 7) & 0xFFFF]
            if at >= INVALID:
                raise ValueError("the coded data has a code that is in no table")
        if at > limit:
            words, at, limit = bits.more(at)
    bits.close(at)


def next_dc(segment: bytes, count: int) -> None:
    """``count`` blocks of a progressive scan that refines DC: one bit each."""
    bits = Bits(segment)
    _, at, _ = bits.more(count)
    bits.close(at)


def first_ac(segment: bytes, table: Table, history: History, blocks: tuple[int, int], band: tuple[int, int]) -> None:
    """Blocks from..to (exclusive) of a progressive scan that begins the coefficients of ``band``, both included."""
    symbols = bands(table)
    bits = Bits(segment)
    words, at, limit = bits.more(0)
    first, last = band
    block, end = blocks
    while block < end:
        k, found, here = first, 0, block
        while k <= last:
            symbol = symbols[words[at >> 3] >> 8 - (at & 7) & 0xFFFF]
            if symbol < 0:
                more, at = _end_of_band(bits, words, at, symbol)
                block += more
                break
            at += symbol & USED
            k += symbol >> 6 & 31
            found |= (symbol >> 11) << k
        if at > limit:
            words, at, limit = bits.more(at)
        if k > last + 1:
            raise _no_block(k)
        if found:
            history[here] |= found >> 1
        block += 1
    bits.close(at)


def next_ac(segment: bytes, table: Table, history: History, blocks: tuple[int, int], band: tuple[int, int]) -> None:
    """As ``first_ac``, of a scan that refines: every coefficient known not to be zero takes one bit more."""
    symbols = bands(table)
    bits = Bits(segment)
    words, at, limit = bits.more(0)
    first, last = band
    block, end = start, _ = blocks
    mask = (2 << last) - (1 << first)
    known = np.bitwise_count(np.array(history[start:end], np.uint64) & np.uint64(mask))
    before = [0, *np.cumsum(known, dtype=np.int64).tolist()]
    piece = range(0)
    while block < end:
        if block not in piece:
            piece = range(block, min(block + _PIECE, end))
            behind, places = _places(history[piece.start : piece.stop], band)
        here, place = block, places[block - piece.start] - 1
        k, found, seen = first, 0, history[block] & mask
        # what is passed over and known takes a bit each: with k places, k - (places stepped over) bits
        ahead = at - k
        while k <= last:
            at = ahead + k
            symbol = symbols[words[at >> 3] >> 8 - (at & 7) & 0xFFFF]
            if symbol < 0:
                more, at = _end_of_band(bits, words, at, symbol)
                block += more
                at += (seen >> k).bit_count() + before[min(block + 1, end) - start] - before[here + 1 - start]
                break
            step = symbol >> 6 & 31
            ahead += (symbol & USED) - step
            place += step
            k = behind[place]
            found |= (symbol >> 11) << k
        else:
            at = ahead + k
        if at > limit:
            words, at, limit = bits.more(at)
        if k > last + 1:
            raise _no_block(k)
        if found:
            history[here] |= found >> 1
        block += 1
    bits.close(at)


_PIECE = 4096
"""Blocks whose places are listed at a time."""


def _places(history: History, band: tuple[int, int]) -> tuple[bytes, list[int]]:
    """One behind each coefficient of the band that may be zero, block after block, and where each block's begin.

    Behind a block's own stand 16 more beyond the band, the longest step.
    """
    first, last = band
    known = np.unpackbits(np.array(history, "<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    free = np.ones((len(history), 80), bool)
    free[:, : last + 1] = known[:, : last + 1] == 0
    free[:, :first] = False
    counts = np.count_nonzero(free, axis=1)
    return (np.nonzero(free)[1] + 1).astype(np.uint8).tobytes(), (np.cumsum(counts) - counts).tolist()


def _no_block(k: int) -> ValueError:
    """What a walk says that came to coefficient ``k``."""
    if k >= INVALID:
        return ValueError("the coded data has a code that is in no table")
    return ValueError("the coded data has a coefficient beyond its block")


def _end_of_band(bits: Bits, words: array[int], at: int, symbol: int) -> tuple[int, int]:
    """Further blocks that an end-of-band symbol at bit ``at`` ends, and where its bits end."""
    if symbol == NO_CODE:
        bits.more(at)
        raise ValueError("the coded data has a code that is in no table")
    run, code = ~symbol >> 5, ~symbol & 31
    at += code
    return (1 << run) - 1 + (words[at >> 3] >> 24 - (at & 7) - run & (1 << run) - 1), at + run
