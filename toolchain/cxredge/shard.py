"""Shards: films cut by their patients, so that each part can be run on a machine of its own; the same cut on every one.

A patient's films stay together. Patients with most films are dealt first, each to the shard that has fewest films so
far, so that shards differ by no more films than one patient has.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError, counted, printable

MOST = 10_000
"""Shards of one run."""


@dataclass(frozen=True)
class Shard:
    """One of ``of`` parts; ``number`` counts from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_shard(text: str) -> Shard:
    """``2/4``. Raises InputError SHARD-NUMBER."""
    match = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
    number, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= of <= MOST:
        raise InputError(
            "SHARD-NUMBER",
            f"{printable(text)[:80]} names no shard",
            f"say which of how many: 1/4, 2/4, 3/4 or 4/4; at most {MOST:,}",
        )
    return Shard(number, of)


def cut(owners: Sequence[str], of: int) -> NDArray[np.intp]:
    """The patients that pictures belong to -> the number of each picture's shard, int[N], 1 to ``of``.

    Raises InputError SHARD-EMPTY: there are fewer patients than shards.
    """
    pictures = Counter(owners)
    if len(pictures) < of:
        raise InputError(
            "SHARD-EMPTY",
            f"{counted(len(owners), 'film')} of {counted(len(pictures), 'patient')} cannot be cut into {of:,} shards: "
            f"shard {len(pictures) + 1} would be empty, as a patient's films stay together",
            f"cut into at most {len(pictures):,}",
        )
    loads = [(0, number) for number in range(1, of + 1)]
    shard_of: dict[str, int] = {}
    for owner, count in sorted(pictures.items(), key=lambda one: (-one[1], one[0])):
        load, number = loads[0]
        shard_of[owner] = number
        heapq.heapreplace(loads, (load + count, number))
    return np.array([shard_of[owner] for owner in owners], np.intp)
