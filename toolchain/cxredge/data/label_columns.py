"""Which columns of a data set's table hold its labels: found where there is one answer, else asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cxredge.data.folder_table import Table
from cxredge.errors import InputError, nearest
from cxredge.recipe_decision import Labels
from cxredge.vocabulary import LABEL, MAX_LABELS

DESCRIBING = ("file", "group", "split", "view", "sex", "age", "source", "licence", "licence_class")
"""Columns that say something of a film and are no labels, whatever they hold."""

SHOWN = 80
"""Characters of a column's name that a message shows."""


def labels_of(folder: Path, column: str | None, names: Sequence[str]) -> tuple[Labels, str | None]:
    """The labels of a folder set, and the text column that names them (single-label), or None (a 0/1 column each).

    column: the text column to use; names: the 0/1 columns to use. Neither: the table's only choice is taken, and
    several are asked for. Raises InputError INIT-LABELS, and what ``Table`` raises.
    """
    table = Table(folder)
    cells = {name: found for name, found in table.cells().items() if name not in DESCRIBING}
    flags = [name for name, found in cells.items() if found and found <= {"0", "1"} and _is_label(name)]
    texts = [name for name, found in cells.items() if 2 <= len(found) <= MAX_LABELS and all(map(_is_label, found))]
    choices = [*(f"--label-column {name}" for name in texts), *([f"--labels {','.join(flags)}"] if flags else [])]
    if column is not None and names:
        raise InputError("INIT-LABELS", "both --label-column and --labels are given", "give one of the two", choices)
    if column is None and not names:
        if not choices:
            raise InputError(
                "INIT-LABELS",
                f"{table.path}: no column holds labels",
                "give every label a column of 0 and 1, or every film its class in one column",
            )
        if len(choices) > 1:
            raise InputError(
                "INIT-LABELS",
                f"{table.path}: several columns could be its labels",
                "say which: 0/1 columns are independent findings, a text column has one class a film",
                choices,
            )
        column, names = (texts[0], ()) if texts else (None, flags)
    if column is not None:
        if column not in texts:
            raise InputError(
                "INIT-LABELS",
                f"{table.path}: {column[:SHOWN]!a} is no column with one class a film, of 2 to {MAX_LABELS} names "
                "that labels may have (letters, digits and _)",
                "name another column, or mend this one",
                nearest(column, texts),
            )
        return Labels(kind="single-label", names=tuple(sorted(cells[column]))), column
    for name in names:
        if name not in flags:
            raise InputError(
                "INIT-LABELS",
                f"{table.path}: {name[:SHOWN]!a} is no column of 0 and 1",
                "name others",
                nearest(name, flags),
            )
    if len(set(names)) != len(names) or len(names) > MAX_LABELS:
        raise InputError(
            "INIT-LABELS", f"{len(names)} labels, at most {MAX_LABELS} and each once", "name fewer", sorted(flags)
        )
    return Labels(names=tuple(names)), None


def _is_label(text: str) -> bool:
    return re.fullmatch(LABEL, text) is not None
