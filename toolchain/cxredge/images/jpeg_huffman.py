"""Huffman tables of JPEG (ITU-T T.81 Annex C) as look-up lists over the next 16 bits, and the bits themselves.

What a look-up gives is how far a symbol moves, not its value: the walkers of ``jpeg_scans`` count and decode nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import lru_cache

import numpy as np

USED = 63
"""Mask of a look-up's low six bits: bits that code and magnitude use. What stands above is the advance."""
INVALID = 1 << 20
"""Advance of 16 bits that begin with no code of the table; bits that they use, where there is no advance."""
END = 128
"""Advance of an end-of-block symbol: farther than any other symbol gets."""
NO_CODE = ~(15 << 5)
"""Entry of ``bands`` for 16 bits that begin with no code of the table."""

_WINDOW = 1 << 16
_LOOK_AHEAD = 16
"""Most coefficients that the symbols of one ``runs`` look-up pass over."""

Table = tuple[bytes, bytes]
"""DHT's counts of codes by length 1..16, and their symbols."""


def _look_up(table: Table, entry: Callable[[int, int], int], invalid: int) -> list[int]:
    """``entry(code length, symbol)`` for every 16 bits. Raises ValueError where there are more codes than fit."""
    counts, symbols = table
    entries: list[int] = []
    index = 0
    for bits in range(1, 17):
        for symbol in symbols[index : index + counts[bits - 1]]:
            entries += [entry(bits, symbol)] * (_WINDOW >> bits)
        index += counts[bits - 1]
        if len(entries) > _WINDOW:
            raise ValueError("a Huffman table has more codes than fit")
    return entries + [invalid] * (_WINDOW - len(entries))


@lru_cache(maxsize=8)
def differences(table: Table) -> list[int]:
    """Bits that a DC symbol and its magnitude use; ``INVALID`` where there is no code. T.81 F.1.2.1."""
    if max(table[1], default=0) > 15:
        raise ValueError("a Huffman table for DC has a category above 15")
    return _look_up(table, lambda bits, category: bits + category, INVALID)


@lru_cache(maxsize=8)
def coefficients(table: Table) -> list[int]:
    """One AC symbol of a sequential scan (T.81 F.1.2.2): coefficients that it passes << 6 | bits that it uses."""

    def entry(bits: int, symbol: int) -> int:
        run, category = symbol >> 4, symbol & 15
        advance = run + 1 if category or run == 15 else END
        return advance << 6 | bits + category

    return _look_up(table, entry, INVALID << 6)


@lru_cache(maxsize=4)
def runs(table: Table) -> list[int]:
    """As ``coefficients``, of all symbols whose codes lie whole in the 16 bits and pass ``_LOOK_AHEAD`` at most.

    An end of block is taken and ends the run: valid where 48 or fewer coefficients are done. It takes some 30 ms to
    make and saves half the time of a walk.
    """
    one = np.array(coefficients(table))
    length = np.array(_look_up(table, lambda bits, _: bits, _WINDOW))
    total = one.copy()
    live = np.flatnonzero(one >> 6 < _LOOK_AHEAD)
    while live.size:
        used = total[live] & USED
        live, used = live[used < 16], used[used < 16]
        ahead = live << used & _WINDOW - 1
        both = total[live] + one[ahead]
        fits = (used + length[ahead] <= 16) & (used + (one[ahead] & USED) <= USED)
        fits &= (both >> 6 <= _LOOK_AHEAD) | (one[ahead] >> 6 == END)
        live = live[fits]
        total[live] = both[fits]
        live = live[total[live] >> 6 < _LOOK_AHEAD]
    return total.tolist()


@lru_cache(maxsize=8)
def bands(table: Table) -> list[int]:
    """One AC symbol of a progressive scan (T.81 G.1.2): new coefficient (0, 1) << 11 | step << 6 | bits used.

    step: how many places on, among those whose coefficients are not known to differ from zero. Negative for the end of
    a band over 2**run blocks and more, where ``run`` further bits say how many more: ~(run << 5 | bits of the code);
    ``NO_CODE`` where no code is.
    """

    def entry(bits: int, symbol: int) -> int:
        run, category = symbol >> 4, symbol & 15
        if category == 0 and run < 15:
            return ~(run << 5 | bits)
        return (category > 0) << 11 | run + 1 << 6 | bits + category

    return _look_up(table, entry, NO_CODE)


SURPLUS = 4
"""Bytes behind the last code that some encoders leave."""


class Bits:
    """The bits of one entropy-coded segment, stuffing removed, in pieces: what is in memory does not grow with a film.

    ``word >> 8 - (at & 7) & 0xFFFF`` of ``words[at >> 3]`` are the 16 bits at ``at``.
    """

    _PIECE = 1 << 16
    # the longest step between two looks at the limit: ten blocks of 64 symbols with 31 bits each
    _SLACK = 4096

    def __init__(self, segment: bytes) -> None:
        self._segment = segment
        self._from = 0

    def more(self, at: int) -> tuple[array[int], int, int]:
        """Words that begin with bit ``at`` of the last ones, the place of that bit, and the last place to look from.

        Raises EOFError where ``at`` lies behind the segment's last bit.
        """
        self._from += at >> 3
        at &= 7
        left = 8 * (len(self._segment) - self._from)
        if at > left:
            raise EOFError("the coded data ends before the image does")
        piece = self._segment[self._from : self._from + self._PIECE + self._SLACK]
        padded = np.frombuffer(piece + bytes(self._SLACK), np.uint8).astype(np.uint32)
        words = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]
        return array("I", words.tobytes()), at, min(left, 8 * self._PIECE)

    def close(self, at: int) -> None:
        """Refuse what goes on behind bit ``at`` of the last words, by ValueError: the picture was larger than it says.

        Padding (zeros, ones) and ``SURPLUS`` further bytes pass.
        """
        if len(self._segment[self._from + (at + 7 >> 3) :].strip(b"\0\xff")) > SURPLUS:
            raise ValueError("the coded data goes on behind the image")
