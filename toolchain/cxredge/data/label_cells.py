"""What a cell of a label's column says, and how it may be written: as 0 and 1, or as CheXpert's tables have them."""

from __future__ import annotations

from collections.abc import Set
from enum import StrEnum


class Said(StrEnum):
    """What a film's row says of one finding."""

    ABSENT = "0"
    PRESENT = "1"
    UNCERTAIN = "-1"
    """Whoever labelled the film would neither call it present nor absent."""
    NOTHING = ""


_WRITTEN = {f"{said}{end}": said for said in Said if said for end in ("", ".0")} | {"": Said.NOTHING}
SPELLINGS = tuple(f"{said} or {said}.0" for said in Said if said)
"""How a message lists what may stand in a cell; a cell may also be empty."""
SURE = SPELLINGS[:2]


def read_cell(cell: str) -> Said | None:
    """What a cell says; None: it is written in no way that is known."""
    return _WRITTEN.get(cell)


def says_labels(cells: Set[str]) -> bool:
    """Whether a column with these different cells tells a finding, of some films at least."""
    said = {read_cell(cell) for cell in cells}
    return None not in said and bool(said & {Said.ABSENT, Said.PRESENT})


def says_all(cells: Set[str]) -> bool:
    """Whether it tells the finding of every film."""
    return bool(cells) and {read_cell(cell) for cell in cells} <= {Said.ABSENT, Said.PRESENT}
