"""A pickle's instructions, looked through without building anything: which globals it names, in which protocol."""

from __future__ import annotations

import io
import pickletools
from dataclasses import dataclass

MAGIC = 0x1950A86A20F9469CFC6C
"""What torch's form before version 1.6 begins with."""
LEGACY_PICKLES = 5
"""Magic number, version, system, object, keys of storages: torch's form before version 1.6."""


class TooManyError(Exception):
    """A pickle has more instructions than are read."""


@dataclass(frozen=True)
class Instructions:
    """names: globals, ``module.name``, each once, in order. protocols: as announced. magic: it is torch's."""

    names: tuple[str, ...]
    protocols: frozenset[object]
    magic: bool


def look_through(data: bytes, most: int, legacy: bool) -> Instructions:
    """The instructions of one pickle, or of all pickles of torch's legacy form where ``data`` begins with its number.

    Raises ValueError, IndexError, OverflowError where it is no whole pickle, TooManyError above ``most`` instructions.
    """
    stream = io.BytesIO(data)
    names: dict[str, None] = {}
    protocols: set[object] = set()
    magic = False
    count = 0
    pickles = 1
    while pickles:
        pickles -= 1
        words: list[str] = []
        memo: dict[object, str] = {}
        last = ""
        for step, value, _ in pickletools.genops(stream):
            count += 1
            if count > most:
                raise TooManyError
            kind = step.name
            if legacy and count == 2 and kind == "LONG1" and value == MAGIC:
                magic, pickles = True, LEGACY_PICKLES - 1
            if kind in ("GLOBAL", "INST") and isinstance(value, str):
                names[".".join(value.split(" ", 1))] = None
            elif kind == "STACK_GLOBAL":
                names[".".join(words[-2:])] = None
            elif kind == "PROTO":
                protocols.add(value)
            elif kind == "MEMOIZE" or kind.endswith("PUT"):
                memo[len(memo) if value is None else value] = last
                continue
            # the two words before STACK_GLOBAL may have been kept and fetched again
            last = memo.get(value, "") if kind.endswith("GET") else value if isinstance(value, str) else ""
            if last:
                words = [*words[-1:], last]
    return Instructions(tuple(names), frozenset(protocols), magic)
