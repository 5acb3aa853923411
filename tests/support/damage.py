"""Bytes damaged by lot: what fails in a copy, on a card or in an attacker's hands."""

from __future__ import annotations

import random
from collections.abc import Callable

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def _flip(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _number(rng: random.Random, data: bytes) -> bytes:
    size = rng.choice((1, 2, 4))
    at = rng.randrange(len(data))
    value = rng.choice(EXTREMES) % (1 << 8 * size)
    return data[:at] + value.to_bytes(size, rng.choice(("big", "little"))) + data[at + size :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _block(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data))
    return start, min(len(data), start + rng.choice((1, 2, 4, 16, 100, 1000)))


def _leave_out(rng: random.Random, data: bytes) -> bytes:
    start, end = _block(rng, data)
    return data[:start] + data[end:]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start, end = _block(rng, data)
    return data[:end] + data[start:end] * rng.choice((1, 2, 30)) + data[end:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    (a, b), (c, d) = sorted((_block(rng, data), _block(rng, data)))
    b = min(b, c)
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 8, 40))) + data[at:]


def _append(rng: random.Random, data: bytes) -> bytes:
    return data + rng.choice((b"\0", b"\n", b" ", b"\r\n", b"\t", rng.randbytes(9)))


CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_flip, _number, _cut, _leave_out, _repeat, _swap, _insert, _append),
)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """``data``, not empty, changed once to three times; always another."""
    out = data
    for _ in range(rng.choice((1, 1, 2, 3))):
        out = rng.choice(CHANGES)(rng, out or data)
    return out if out != data else _flip(rng, data)
