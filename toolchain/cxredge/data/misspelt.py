"""Whether a label is almost surely another name's misspelling: such a label would be exported and judged on nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

LETTERS = {8: 2, 3: 1}
"""Wrong letters that a misspelling has at most, by the shorter name's length: Empyema is no misspelt Emphysema."""


def meant(label: str, names: Iterable[str]) -> list[str]:
    """The ``names`` that ``label`` is almost surely meant to be, nearest first: none where it is one of them.

    They differ in capitals, blanks, ``-`` and ``_`` alone, or in as many letters as LETTERS says.
    """
    known = list(dict.fromkeys(names))
    if label in known:
        return []
    said = plain(label)
    apart = [(letters_apart(said, plain(name)), min(len(said), len(plain(name))), name) for name in known]
    return [name for far, length, name in sorted(apart) if far <= _most(length)]


def _most(length: int) -> int:
    return next((wrong for least, wrong in LETTERS.items() if length >= least), 0)


def letters_apart(one: str, other: str) -> int:
    """Letters to add, to drop, to change, or neighbours to swap, until ``one`` is ``other`` (optimal string alignment).

    Source: Boytsov, "Indexing methods for approximate dictionary searching", 2011, section 2.
    """
    before, row = [], list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1]


def plain(name: str) -> str:
    """Without capitals, blanks, ``-`` and ``_``."""
    return re.sub(r"[\s_-]+", "", name).casefold()
