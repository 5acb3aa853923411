"""Bytes damaged by lot: what fails in a copy, on a card or in an attacker's hands."""

from __future__ import annotations

import random
from collections.abc import Callable

from numpy.random import PCG64, Generator

Change = Callable[[Generator, bytes], bytes]
Place = Callable[[Generator, bytes, int], int]
"""Where so many bytes of some data are to be changed."""
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def anywhere(rng: Generator, data: bytes, size: int = 1) -> int:
    """Any place is as likely as any other."""
    return int(rng.integers(0, max(1, len(data) - size)))


def flip(rng: Generator, data: bytes, place: Place = anywhere) -> bytes:
    """One to four bits turned over."""
    out = bytearray(data)
    for _ in range(1 + rng.integers(0, 4)):
        if out:
            out[place(rng, data, 1)] ^= 1 << int(rng.integers(8))
    return bytes(out)


def extreme(rng: Generator, data: bytes, place: Place = anywhere) -> bytes:
    """A byte, a word or a double word set to an extreme, in either byte order: lengths, sizes and counts among them."""
    size = int(rng.choice((1, 2, 4)))
    value = EXTREMES[rng.integers(len(EXTREMES))] % (1 << 8 * size)
    at = place(rng, data, size)
    return data[:at] + value.to_bytes(size, "big" if rng.random() < 0.5 else "little") + data[at + size :]


def block(rng: Generator, data: bytes, place: Place = anywhere) -> tuple[int, int]:
    """Start and end of a piece."""
    start = place(rng, data, 1)
    return start, min(len(data), start + int(rng.choice((1, 2, 4, 8, 12, 30, 100, 1000))))


def repeat(rng: Generator, data: bytes, place: Place = anywhere) -> bytes:
    """A piece again, once or often."""
    start, end = block(rng, data, place)
    return data[:end] + data[start:end] * int(rng.choice((1, 2, 30))) + data[end:]


def leave_out(rng: Generator, data: bytes, place: Place = anywhere) -> bytes:
    """A piece less."""
    start, end = block(rng, data, place)
    return data[:start] + data[end:]


def swap(rng: Generator, data: bytes, place: Place = anywhere) -> bytes:
    """Two pieces in each other's place."""
    (a, b), (c, d) = sorted((block(rng, data, place), block(rng, data, place)))
    b = min(b, c)
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _cut(rng: Generator, data: bytes) -> bytes:
    return data[: anywhere(rng, data)]


def _insert(rng: Generator, data: bytes) -> bytes:
    at = int(rng.integers(0, len(data) + 1))
    return data[:at] + rng.bytes(int(rng.choice((1, 2, 8, 40)))) + data[at:]


def _append(rng: Generator, data: bytes) -> bytes:
    tails = (b"\0", b"\n", b" ", b"\r\n", b"\t", rng.bytes(9))
    return data + tails[rng.integers(len(tails))]


CHANGES: tuple[Change, ...] = (flip, extreme, _cut, leave_out, repeat, swap, _insert, _append)


def damaged(lot: random.Random, data: bytes) -> bytes:
    """``data``, not empty, changed once to three times; always another."""
    rng = Generator(PCG64(lot.getrandbits(64)))
    out = data
    for _ in range(int(rng.choice((1, 1, 2, 3)))):
        out = CHANGES[rng.integers(len(CHANGES))](rng, out or data)
    return out if out != data else bytes([data[0] ^ 1]) + data[1:]
