"""Rows of a set's table without a recipe: every column that may hold labels is read, and what leaks is not refused."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.data.folder_table import TABLE, Table, sets_in
from cxredge.data.label_cells import Said, read_cell, says_labels
from cxredge.data.label_columns import DESCRIBING, SHOWN, is_label
from cxredge.data.labels_table import check_split_and_patient
from cxredge.data.patients import Key, key
from cxredge.errors import InputError, nearest, some_of
from cxredge.files import sha256_file
from cxredge.images.film_file import FilmFile
from cxredge.path_errors import shown
from cxredge.vocabulary import MAX_LABELS

RESTATING = ("label", "labels", "class", "subtype", "finding", "findings", "diagnosis", "report", "annotated")
"""Columns that say again what labels say: they give them away, and are no shortcut."""
OF_THE_FILE = ("width", "height", "rows", "columns", "bytes", "file_sha256")
"""Columns that say what the file says: that is asked itself."""
MOST_VALUES = 64
"""Different cells of a column that is tried as a shortcut; one of numbers may have more."""
MOST_ODD = 6
"""Different cells that are no label's, of a column that is taken for one of 0 and 1 with slips; more are a measure."""


@dataclass(frozen=True)
class Row:
    """One film as the table lists it. labels: 1, 0, or -1 where it is not told, in the order of ``Listed.labels``."""

    line: int
    file: str
    path: Path
    patient: str
    key: Key
    split: str
    labels: NDArray[np.int8]
    sha256: str | None

    @property
    def source(self) -> FilmFile:
        """The file to read, with the hash that it must have where one is known."""
        return FilmFile(self.path, self.sha256)


@dataclass(frozen=True)
class Listed:
    """A table. labels: the column of each; columns: the cells of those that are tried as shortcuts, in row order.

    not_taken: columns that look like labels and are none, and why.
    """

    rows: tuple[Row, ...]
    labels: Mapping[str, str]
    not_taken: Mapping[str, str]
    columns: Mapping[str, tuple[str, ...]]
    set_aside: tuple[str, ...]
    table_sha256: str


def read_rows(folder: Path, column: str | None = None, names: Sequence[str] = ()) -> Listed:
    """The rows of a set's ``labels.csv``; the files themselves are not opened.

    column: the text column that tells the classes; names: the 0/1 columns that are labels. Neither: every column that
    can be either. Cells of a label are those of ``label_cells``; empty or -1: not told. Raises InputError DATA-MISSING,
    DATA-FILE, DATA-COLUMN, DATA-VALUE, DATA-PATH or DATA-HASH, with the row's line.
    """
    if not os.path.lexists(folder / TABLE):
        raise InputError(
            "DATA-MISSING",
            f"{shown(folder / TABLE)} is not there",
            "put a table there: the columns file, group (the patient), split, and the labels",
            nearest(folder.name, sets_in(folder)),
        )
    table = Table(folder)
    table.check_columns(("file", "group", "split"))
    cells = table.cells()
    flags, texts = _label_columns(table, cells, column, names)
    told = _labels(flags, {name: cells[name] for name in texts})
    rows = []
    others: dict[str, list[str]] = {
        name: []
        for name in table.header
        if name and name not in ("file", "group", "split", *OF_THE_FILE, *flags, *texts)
    }
    for line, row in table:
        file, _ = table.file(line, row["file"])
        check_split_and_patient(table, line, row)
        labels = np.array([_told(row[head], value) for head, value in told.values()], np.int8)
        rows.append(
            Row(
                line=line,
                file=file,
                path=folder / file,
                patient=row["group"],
                key=key(row["group"]),
                split=row["split"],
                labels=labels,
                sha256=table.sha256(line, file),
            )
        )
        for name, column_cells in others.items():
            column_cells.append(row[name])
    if not rows:
        raise InputError("DATA-VALUE", f"{table.path} has no rows", "give every film a row")
    tried, aside = _tried(others)
    return Listed(
        rows=tuple(rows),
        labels={name: head for name, (head, _) in told.items()},
        not_taken={} if column is not None or names else _not_taken(table, cells, {*flags, *texts}),
        columns={name: tuple(others[name]) for name in tried},
        set_aside=aside,
        table_sha256=sha256_file(table.path),
    )


def _label_columns(
    table: Table, cells: Mapping[str, Set[str]], column: str | None, names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Columns of 0 and 1, and columns with a class a film. Raises InputError DATA-COLUMN."""
    asked = {name: found for name, found in cells.items() if name not in DESCRIBING and table.header.count(name) == 1}
    flags = [name for name, found in asked.items() if says_labels(found) and is_label(name)]
    texts = [name for name, found in asked.items() if 2 <= len(found - {""}) <= MAX_LABELS and _all_classes(found)]
    for name, usable, what in (
        *((name, flags, "0 and 1") for name in names),
        *(((column, texts, "one class a film"),) if column is not None else ()),
    ):
        if name not in usable:
            raise InputError(
                "DATA-COLUMN",
                f"{table.path} has no column {name!r} of {what}",
                "name a column that is there, or leave the option out: all columns of labels are then looked at",
                nearest(name, usable),
            )
    if column is not None or names:
        return list(dict.fromkeys(names)), [] if column is None else [column]
    return flags, texts


def _all_classes(cells: Set[str]) -> bool:
    return all(map(is_label, cells - {""}))


def _not_taken(table: Table, cells: Mapping[str, Set[str]], taken: Set[str]) -> dict[str, str]:
    """Columns that hold what labels hold, or little else, and were not ``taken``; with what is in the way."""
    found = {}
    for name, different in cells.items():
        odd = sorted(cell for cell in different if read_cell(cell) is None)
        sure = {read_cell(cell) for cell in different} & {Said.ABSENT, Said.PRESENT}
        if name in taken or name in (*DESCRIBING, *OF_THE_FILE) or not sure or (odd and len(sure) < 2):
            continue
        if table.header.count(name) > 1:
            found[name] = "the column stands twice"
        elif len(odd) > MOST_ODD:
            continue
        elif odd:
            found[name] = f"it also holds {some_of([ascii(cell[:SHOWN]) for cell in odd])}"
        else:
            found[name] = "no label may be called so: letters, digits and _, a letter first"
    return found


def _labels(flags: Sequence[str], texts: Mapping[str, Set[str]]) -> dict[str, tuple[str, str]]:
    """Each label's column, and the cell that says yes; a class is named with its column where names would be twice."""
    several = len(texts) > 1
    told = {name: (name, str(Said.PRESENT)) for name in flags}
    for head, found in texts.items():
        for value in sorted(found - {""}):
            told[f"{head}={value}" if several or value in told else value] = (head, value)
    return told


def _told(cell: str, value: str) -> int:
    """1, 0, or -1: not told. value: the class that the label is of its column, or ``PRESENT`` of 0 and 1."""
    if value != Said.PRESENT:
        return -1 if cell == "" else int(cell == value)
    return {Said.PRESENT: 1, Said.ABSENT: 0}.get(read_cell(cell) or Said.NOTHING, -1)


def _tried(others: Mapping[str, Sequence[str]]) -> tuple[list[str], tuple[str, ...]]:
    """Columns with several values, few of them or numbers; those of ``RESTATING`` aside.

    A number that is another for almost every film names the film, and is left out as other names are.
    """
    tried: list[str] = []
    aside: list[str] = []
    for name, cells in others.items():
        different = set(cells)
        if len(different) < 2 or (len(different) > MOST_VALUES and not numbers(cells)):
            continue
        if len(different) > MOST_VALUES and len(different) > len(cells) // 2:
            continue
        (aside if name.lower() in RESTATING else tried).append(name)
    return tried, tuple(aside)


def numbers(cells: Sequence[str]) -> bool:
    """Whether all cells are numbers, or empty."""
    return all(re.fullmatch(r"(-?\d{1,15}(\.\d{1,15})?)?", cell) for cell in cells)
