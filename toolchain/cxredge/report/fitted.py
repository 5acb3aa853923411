"""Tables that fit a terminal: as they are where there is room, else with cells over several lines, else stacked."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from cxredge.report.table import NARROWEST as NARROWEST_COLUMN
from cxredge.report.table import as_text, as_wrapped_text

GAP = 2
"""Spaces between columns."""
NARROWEST = 20
"""Characters of the narrowest terminal that is kept to."""
TALLEST = 6
"""Lines of a cell in a table; where one would have more, a stack is easier to read."""


def as_fitted_text(header: Sequence[str], cells: Sequence[Sequence[str]], width: int | None) -> str:
    """A table in lines of at most ``width`` characters; None: of whatever length they have.

    Columns of words give way first: their cells go on below. Where columns of single words do not fit beside each
    other, every row becomes a block of lines, one a column.
    """
    whole = as_text(header, cells)
    if width is None or all(len(line) <= width for line in whole.split("\n")):
        return whole
    room = max(width, NARROWEST)
    least = [max(map(_longest, column)) for column in zip(header, *cells, strict=True)]
    gaps = GAP * (len(header) - 1)
    beside = None if sum(least) + gaps > room else _wrapped([header, *cells], least, room - gaps)
    return beside or "\n".join(_stacked(header, row, room) for row in cells)


def as_listed_text(header: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> str:
    """``as_wrapped_text``; stacked where ``width`` has no room for that. A cell may hold lines of its own."""
    if width >= len(header) * (NARROWEST_COLUMN + GAP):
        return as_wrapped_text(header, cells, width)
    return "\n\n".join(_stacked(header, row, max(width, NARROWEST)) for row in cells)


def _longest(cell: str) -> int:
    return max((len(word) for word in cell.split()), default=0)


def _wrapped(rows: Sequence[Sequence[str]], least: Sequence[int], room: int) -> str | None:
    """Columns as wide as they want, the widest cut down first, none below its longest word.

    None where a cell would become too tall.
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    while sum(widths) > room:
        widest = max((i for i in range(len(widths)) if widths[i] > least[i]), key=lambda i: widths[i])
        widths[widest] -= 1
    last = len(widths) - 1
    lines = []
    for row in rows:
        parts = [textwrap.wrap(cell, w, break_on_hyphens=False) for cell, w in zip(row, widths, strict=True)]
        if max(map(len, parts)) > TALLEST:
            return None
        for line in zip_longest(*parts, fillvalue=""):
            placed = [
                part.ljust(w) if i in (0, last) else part.rjust(w)
                for i, (part, w) in enumerate(zip(line, widths, strict=True))
            ]
            lines.append((" " * GAP).join(placed).rstrip())
    return "\n".join(lines)


def _stacked(header: Sequence[str], row: Sequence[str], room: int) -> str:
    """The row's first cell, and below it a line for each column; what is empty is left out."""
    names = max((len(name) for name in header[1:]), default=0) + GAP
    lines = _cut(row[0], room, "    ")
    for name, cell in zip(header[1:], row[1:], strict=True):
        if not cell:
            continue
        beside = room - GAP - names >= NARROWEST // 2
        start = f"{' ' * GAP}{name.ljust(names)}" if beside else f"{' ' * GAP}{name}: "
        lines += _cut(start + cell.replace("\n", "; "), room, " " * (GAP + names if beside else 2 * GAP))
    return "\n".join(lines)


def _cut(text: str, room: int, indent: str) -> list[str]:
    """Spaces inside of ``text`` stay where no line ends."""
    return textwrap.wrap(text, room, subsequent_indent=indent, break_on_hyphens=False) or [text]
