"""``labels.csv`` of a folder set: one row a film, every cell checked before anything uses it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import SPLITS, Film
from cxredge.data.folder_table import TABLE, Table, bad_cell, sets_in
from cxredge.data.label_cells import SPELLINGS, SURE, Said, read_cell
from cxredge.data.patients import fault
from cxredge.errors import InputError, nearest
from cxredge.recipe_decision import Labels, UncertainAs
from cxredge.vocabulary import MAX_LABELS

UNTOLD = math.nan
"""Target of a label that a training film does not tell."""


def read_table(folder: Path, labels: Labels, label_column: str | None) -> tuple[Film, ...]:
    """The films of a folder set, in the order of its ``labels.csv``; the files themselves are not opened.

    Columns: ``file``, ``group`` (the patient), ``split``, and one 0/1 column for every label that is judged
    (multi-label), or ``label_column`` with the class's name. Of independent findings such a column tells those that are
    among its classes: a film has the one that it names. Of labels that are not judged no column is read, and their
    targets are 0. Cells are those of ``label_cells``. A training film may have -1 or nothing in the place of 0 or 1,
    where the recipe says what that means: its target is then the one said, or NaN. Where ``SHA256SUMS`` lies beside it,
    it must list every film.
    Raises InputError DATA-MISSING, DATA-FILE, DATA-COLUMN, DATA-VALUE, DATA-UNCERTAIN, DATA-DUPLICATE, DATA-PATH or
    DATA-HASH, with the row's line in the file.
    """
    if not os.path.lexists(folder / TABLE):
        _no_table(folder)
    table = Table(folder)
    _check_columns(table, labels, label_column)
    own = {"file", "group", "split", *((label_column,) if label_column else labels.told)}
    seen: dict[Path, tuple[int, str]] = {}
    films = []
    for line, row in table:
        file, real = table.file(line, row["file"])
        if real in seen:
            before, other = seen[real]
            raise InputError(
                "DATA-DUPLICATE",
                f"{table.path} line {line}: {file} was listed before, in line {before} as {other}",
                "take one of the two rows out",
            )
        seen[real] = line, file
        check_split_and_patient(table, line, row)
        films.append(
            Film(
                file=file,
                path=folder / file,
                patient=row["group"],
                split=row["split"],
                targets=_targets(table, line, row, labels, label_column),
                columns={name: cell for name, cell in row.items() if name not in own},
                expected_sha256=table.sha256(line, file),
            )
        )
    return tuple(films)


def check_split_and_patient(table: Table, line: int, row: Mapping[str, str]) -> None:
    """Raises InputError DATA-VALUE: the row's split is none, or its group no name of a patient."""
    if row["split"] not in SPLITS:
        raise bad_cell(
            table, line, "split", row["split"], "use one of the splits", tuple(nearest(row["split"], SPLITS))
        )
    if (wrong := fault(row["group"])) is not None:
        raise bad_cell(table, line, "group", row["group"], wrong)


def _no_table(folder: Path) -> None:
    raise InputError(
        "DATA-MISSING",
        f"{folder / TABLE if folder.is_dir() else folder} is not there",
        "put the data set there, set CXR_DATA, or choose another set in data.name",
        nearest(folder.name, sets_in(folder.parent)),
    )


def _check_columns(table: Table, labels: Labels, label_column: str | None) -> None:
    if labels.kind == "single-label" and label_column is None:
        raise InputError(
            "DATA-COLUMN",
            "labels.kind is single-label, and data.label_column is not set",
            "set data.label_column to the column with the label's name",
            table.header,
        )
    table.check_columns(("file", "group", "split", *((label_column,) if label_column else labels.told)))
    if labels.kind == "multi-label" and label_column is not None:
        classes = table.cells()[label_column]
        for name in labels.told:
            if name not in classes:
                raise InputError(
                    "DATA-COLUMN",
                    f"{table.path}, column {label_column!r}, calls no film {name}",
                    "name a class that is in the column, list the label in not_judged, or take data.label_column out",
                    nearest(name, sorted(classes)[:MAX_LABELS]),
                )


def _targets(
    table: Table, line: int, row: dict[str, str], labels: Labels, label_column: str | None
) -> NDArray[np.float32]:
    if label_column is not None:
        label = row[label_column]
        if labels.kind == "single-label" and label not in labels.names:
            fix = "use a label of the recipe, or add it there"
            raise bad_cell(table, line, label_column, label, fix, tuple(nearest(label, labels.names)))
        return np.array([name == label and name in labels.told for name in labels.names], np.float32)
    found = {name: _target(table, line, name, row[name], labels, row["split"] == "train") for name in labels.told}
    return np.array([found.get(name, 0) for name in labels.names], np.float32)


def _target(table: Table, line: int, name: str, cell: str, labels: Labels, train: bool) -> float:
    """0, 1, or NaN of a training film that does not tell it."""
    said = read_cell(cell)
    if said in (Said.ABSENT, Said.PRESENT):
        return float(said)
    if said is None:
        if not train:
            raise bad_cell(table, line, name, cell, "write whether the finding is there, or take the row out", SURE)
        raise bad_cell(
            table,
            line,
            name,
            cell,
            "use one of these, or leave the cell empty; labels.uncertain and labels.unlabelled of the recipe say what "
            "-1 and an empty cell count as",
            SPELLINGS,
        )
    if not train:
        if said == Said.NOTHING:
            fix = (
                "films in val and test tell what is true: write what was found, take the row out or leave the label out"
            )
            raise bad_cell(table, line, name, cell, fix)
        raise InputError(
            "DATA-UNCERTAIN",
            f"{table.path} line {line}, column {name}: {cell}, uncertain, of a film in val or test, which tell what is "
            "true",
            "have the film read again and write what was found, take the row out, or leave the label out; "
            "labels.uncertain is for training films alone",
        )
    if said == Said.NOTHING:
        if labels.unlabelled == "ignore":
            return UNTOLD
        raise bad_cell(
            table,
            line,
            name,
            cell,
            "say labels.unlabelled: ignore in the recipe if the film does not tell it, or write what was found",
        )
    policy = labels.uncertain.of(name) if labels.uncertain else None
    if policy is None:
        raise InputError(
            "DATA-UNCERTAIN",
            f"{table.path} line {line}, column {name}: {cell}, uncertain, and the recipe does not say what that counts "
            "as",
            f"say it in the recipe's labels.uncertain, as default or in labels for {name}",
            get_args(UncertainAs),
        )
    return {"ones": 1.0, "zeros": 0.0, "ignore": UNTOLD}[policy]
