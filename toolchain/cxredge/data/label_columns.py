"""Which columns of a data set's table hold its labels: found where there is one answer, else asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from cxredge.data.folder_table import Table
from cxredge.data.label_cells import Said, read_cell, says_labels
from cxredge.data.misspelt import plain
from cxredge.errors import InputError, nearest
from cxredge.recipe_decision import Labels
from cxredge.vocabulary import LABEL, MAX_LABELS

DESCRIBING = ("file", "group", "split", "view", "sex", "age", "source", "licence", "licence_class")
"""Columns that say something of a film and are no labels, whatever they hold."""

ABSENCE = ("nofinding", "nofindings", "normal", "none", "healthy")
"""Columns that say that there is no finding, however they are written: true where all others are 0, and no finding."""

SHOWN = 80
"""Characters of a column's name that a message shows."""


def labels_of(folder: Path, column: str | None, names: Sequence[str]) -> tuple[Labels, str | None, tuple[str, ...]]:
    """The labels of a folder set; the text column that names them (single-label), or None (a 0/1 column each); and the
    columns of ABSENCE that were left out.

    column: the text column to use; names: the 0/1 columns to use. Neither: the table's only choice is taken, without
    the columns of ABSENCE, and several are asked for. Raises InputError INIT-LABELS, and what ``Table`` raises.
    """
    table = Table(folder)
    cells = table.cells()
    flags, texts = usable_columns(cells)
    left_out = tuple(name for name in flags if plain(name) in ABSENCE)
    findings = [name for name in flags if name not in left_out]
    choices = [*(f"--label-column {name}" for name in texts), *([f"--labels {','.join(findings)}"] if findings else [])]
    given = bool(names)
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
        column, names = (texts[0], ()) if texts else (None, findings)
    if column is not None:
        if column not in texts:
            raise InputError(
                "INIT-LABELS",
                f"{table.path}: {column[:SHOWN]!a} is no column with one class a film, of 2 to {MAX_LABELS} names "
                "that labels may have (letters, digits and _)",
                "name another column, or mend this one",
                nearest(column, texts),
            )
        return Labels(kind="single-label", names=tuple(sorted(cells[column]))), column, ()
    for name in names:
        if name not in flags:
            raise InputError(
                "INIT-LABELS",
                f"{table.path}: {name[:SHOWN]!a} is no column of 0 and 1, of -1 (uncertain) or nothing besides",
                "name others",
                nearest(name, flags),
            )
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise InputError("INIT-LABELS", f"{twice[0]} is named twice", "name each label once")
    if len(names) > MAX_LABELS:
        raise InputError(
            "INIT-LABELS", f"{len(names)} labels, and at most {MAX_LABELS} are taken", "name fewer (--labels)", flags
        )
    return Labels(names=tuple(names)), None, () if given else left_out


def usable_columns(cells: Mapping[str, Set[str]]) -> tuple[list[str], list[str]]:
    """The columns of 0 and 1, some of them uncertain or empty, and the columns with one class a film, by ``cells``."""
    asked = {name: found for name, found in cells.items() if name not in DESCRIBING}
    flags = [name for name, found in asked.items() if says_labels(found) and is_label(name)]
    texts = [name for name, found in asked.items() if 2 <= len(found) <= MAX_LABELS and all(map(is_label, found))]
    return flags, texts


def left_open(table: Table, labels: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """By label the train films that are uncertain of it, and those that say nothing; labels without any are absent."""
    rows = [row for _, row in table if row.get("split") == "train"]

    def films(said: Said) -> dict[str, int]:
        counts = {name: sum(read_cell(row[name]) == said for row in rows) for name in labels}
        return {name: count for name, count in counts.items() if count}

    return films(Said.UNCERTAIN), films(Said.NOTHING)


def is_label(text: str) -> bool:
    """Whether a label may be called so."""
    return re.fullmatch(LABEL, text) is not None
