"""``labels.csv`` of a folder set: one row a film, every cell checked before anything uses it."""

from __future__ import annotations

import csv
import re
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import SPLITS, Film
from cxredge.errors import InputError, nearest
from cxredge.recipe_decision import Labels

_SUM = re.compile(r"^([0-9a-f]{64})  (.+)$")


def read_table(folder: Path, labels: Labels, label_column: str | None) -> tuple[Film, ...]:
    """The films of a folder set, in the order of its ``labels.csv``; the files themselves are not opened.

    Columns: ``file``, ``group`` (the patient), ``split``, and one 0/1 column for every label (multi-label), or
    ``label_column`` with the label's name (single-label). Raises InputError DATA-MISSING, DATA-COLUMN, DATA-VALUE,
    DATA-DUPLICATE or DATA-PATH, with the row's line in the file.
    """
    table = folder / "labels.csv"
    if not table.is_file():
        _no_table(folder, table)
    header, rows = _rows(table)
    _check_columns(table, header, labels, label_column)
    sums = _sums(folder / "SHA256SUMS")
    own = {"file", "group", "split", *((label_column,) if label_column else labels.names)}
    home = folder.resolve()
    seen: dict[str, int] = {}
    films = []
    for line, row in rows:
        file = _inside(table, line, row["file"], folder, home)
        if file in seen:
            raise InputError(
                "DATA-DUPLICATE",
                f"{table} line {line}: {file} was listed before, in line {seen[file]}",
                "take one of the two rows out",
            )
        seen[file] = line
        if row["split"] not in SPLITS:
            raise _bad(table, line, "split", row["split"], "use one of the splits", nearest(row["split"], SPLITS))
        if not row["group"]:
            raise _bad(table, line, "group", "", "name the patient; films of one patient share the name")
        films.append(
            Film(
                file=file,
                path=folder / file,
                patient=row["group"],
                split=row["split"],
                targets=_targets(table, line, row, labels, label_column),
                columns={name: cell for name, cell in row.items() if name not in own},
                expected_sha256=sums.get(file),
            )
        )
    return tuple(films)


def _no_table(folder: Path, table: Path) -> None:
    root = folder.parent
    sets = sorted(p.name for p in root.iterdir() if (p / "labels.csv").is_file()) if root.is_dir() else []
    raise InputError(
        "DATA-MISSING",
        f"{table if folder.is_dir() else folder} is not there",
        "put the data set there, set CXR_DATA, or choose another set in data.name",
        nearest(folder.name, sets),
    )


def _rows(table: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            rows = []
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise InputError(
                        "DATA-VALUE",
                        f"{table} line {reader.line_num}: {len(cells)} cells under {len(header)} columns",
                        "quote cells that hold a comma, and give every row a cell for every column",
                    )
                rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "DATA-VALUE", f"{table} is not a UTF-8 CSV file: {error}", "save it as CSV in UTF-8"
        ) from error
    return header, rows


def _check_columns(table: Path, header: list[str], labels: Labels, label_column: str | None) -> None:
    if labels.kind == "single-label" and label_column is None:
        raise InputError(
            "DATA-COLUMN",
            "labels.kind is single-label, and data.label_column is not set",
            "set data.label_column to the column with the label's name",
            header,
        )
    if labels.kind == "multi-label" and label_column is not None:
        raise InputError(
            "DATA-COLUMN",
            f"data.label_column is {label_column!r}, and multi-label sets have one 0/1 column a label instead",
            "take data.label_column out, or set labels.kind: single-label",
        )
    for name in ("file", "group", "split", *((label_column,) if label_column else labels.names)):
        if header.count(name) != 1:
            what = "has no column" if name not in header else "has twice the column"
            raise InputError(
                "DATA-COLUMN",
                f"{table} {what} {name!r}",
                "name the columns file, group, split and the labels as the recipe does",
                nearest(name, sorted(set(header))),
            )


def _targets(
    table: Path, line: int, row: dict[str, str], labels: Labels, label_column: str | None
) -> NDArray[np.float32]:
    if label_column is not None:
        label = row[label_column]
        if label not in labels.names:
            raise _bad(
                table,
                line,
                label_column,
                label,
                "use a label of the recipe, or add it there",
                nearest(label, labels.names),
            )
        return np.array([name == label for name in labels.names], np.float32)
    for name in labels.names:
        if row[name] not in ("0", "1"):
            raise _bad(table, line, name, row[name], "use 0 or 1", ("0", "1"))
    return np.array([row[name] == "1" for name in labels.names], np.float32)


def _inside(table: Path, line: int, file: str, folder: Path, home: Path) -> str:
    """The row's file, normalised; a file outside the folder, links followed, is refused."""
    where = f"{table} line {line}, column file: {file!r}"
    place = PurePosixPath(file)
    if "\0" in file or not place.parts:
        raise InputError("DATA-PATH", f"{where} is no file name", "name a file inside the set's folder")
    if place.is_absolute() or ".." in place.parts:
        raise InputError("DATA-PATH", f"{where} leaves the set's folder", "use a path below the folder, without ..")
    if not (folder / place).resolve().is_relative_to(home):
        raise InputError("DATA-PATH", f"{where} is a link out of the set's folder", "copy the file into the folder")
    return str(place)


def _sums(path: Path) -> dict[str, str]:
    """Hash by file from ``SHA256SUMS``; empty without one. Raises InputError DATA-VALUE for a line of another form."""
    if not path.is_file():
        return {}
    sums = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = _SUM.match(line)
        if match is None:
            raise InputError(
                "DATA-VALUE", f"{path} line {number} is not 'hash  file'", "write the file anew with sha256sum"
            )
        sums[match[2]] = match[1]
    return sums


def _bad(
    table: Path, line: int, column: str, cell: str, fix: str, choices: tuple[str, ...] | list[str] = ()
) -> InputError:
    return InputError("DATA-VALUE", f"{table} line {line}, column {column}: {cell!r} cannot be used", fix, choices)
