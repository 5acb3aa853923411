"""Films that a bundle was not built with: a folder anywhere, with a table of labels or without one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxredge.data.film import Film
from cxredge.data.folder_table import SUMS, TABLE, Table, sets_in
from cxredge.data.mask_files import MasksOf
from cxredge.data.other_labels import Told, labels_told, renamed_columns
from cxredge.data.patients import fault, key
from cxredge.data.root import data_root
from cxredge.errors import InputError, counted, nearest, printable
from cxredge.files import sha256_file
from cxredge.path_errors import shown
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels
from cxredge.trees import TooManyFiles, walk

MAX_FILMS = 500_000
"""Of a set: more than the largest public ones have. What is told of films, and their logits, are held in memory."""
MAX_FILES = 1_000_000
"""Files and folders below its folder that are looked at."""
SPLIT = "other"
PATIENT = "group"


@dataclass(frozen=True, eq=False)
class OtherSet:
    """Films as a folder lists them; none was read yet."""

    folder: Path
    films: tuple[Film, ...]
    labels: Labels
    """The bundle's, with those that the table does not tell as not judged."""
    table_sha256: str | None
    patients_named: bool
    not_listed: int
    """Other files of the folder, but for masks of its films; 0 without a table."""

    @property
    def name(self) -> str:
        """Of the folder."""
        return printable(self.folder.resolve().name)


def find_folder(data: str) -> Path:
    """The folder that is meant by a path, or by the name of a set in ``CXR_DATA``.

    Raises InputError FILMS-FOLDER (there is no such folder, or it is a file), FILMS-TWICE (both, and they are two).
    """
    here, known = Path(data), _set(data)
    if data and here.is_dir():
        if known is not None and not known.samefile(here):
            raise InputError(
                "FILMS-TWICE",
                f"{shown(here)} is a folder here, and a set in the folder of data sets",
                "name one by its path",
                [os.path.join(".", data), str(known)],
            )
        return here
    if known is not None:
        return known
    try:
        sets = sets_in(data_root())
    except InputError:
        sets = []
    if data and os.path.lexists(here):
        raise InputError("FILMS-FOLDER", f"{shown(here)} is no folder", "name the folder that the films are in")
    raise InputError(
        "FILMS-FOLDER",
        f"there is no folder {shown(data)}, and no such set in the folder of data sets",
        "name a folder with films, or a set in CXR_DATA",
        nearest(data, sets),
    )


def _set(name: str) -> Path | None:
    """The set of that name in the folder of data sets, where there is one."""
    if name != os.path.basename(name) or name in ("", ".", ".."):
        return None
    try:
        folder = data_root() / name
    except InputError:
        return None
    return folder if folder.is_dir() else None


def open_other(folder: Path, recipe: Recipe, names: Mapping[str, str], labels: bool = True) -> OtherSet:
    """The films of a folder, with what its table says of the recipe's labels.

    A table has the column ``file``, and may have ``group`` (the patient), view, sex, age, source, and labels as the
    recipe's own set has them. Of ``split`` nothing is asked: all films are taken. names: what the table calls a column,
    or a class, and what the recipe does (``--map``). labels: False: a table's labels are left aside. Without a table
    every file in the folder is taken for a film, hidden ones left out.

    Raises InputError FILMS-EMPTY, FILMS-MANY, FILMS-MAP, FILMS-LABELS, FILMS-COLUMN, DATA-FILE, DATA-COLUMN,
    DATA-VALUE, DATA-DUPLICATE, DATA-PATH or DATA-HASH.
    """
    if not os.path.lexists(folder / TABLE):
        if names:
            raise InputError(
                "FILMS-MAP", f"{shown(folder)} has no {TABLE}, so nothing is to be renamed", "leave --map out"
            )
        return _unlisted(folder, recipe)
    table = Table(folder)
    columns, classes = renamed_columns(table, recipe, names)
    rows = [(line, {columns[head]: cell for head, cell in row.items()}) for line, row in table]
    heads = [columns[head] for head in table.header]
    if heads.count("file") != 1 or heads.count(PATIENT) > 1:
        raise InputError(
            "DATA-COLUMN",
            f"{table.path} needs one column file, with each film's place in the folder, and at most one group",
            "name them so, or say what they are called: --map THEIRS=file",
            nearest("file", table.header),
        )
    if len(rows) > MAX_FILMS:
        raise _many(folder, len(rows))
    if not rows:
        raise InputError("FILMS-EMPTY", f"{table.path} lists no film", "list the films, or name another folder")
    told = labels_told(table, recipe, heads, rows, classes) if labels else Told.nothing(recipe.labels)
    films: list[Film] = []
    patients: dict[tuple[str, ...], str] = {}
    places: dict[Path, int] = {}
    for line, row in rows:
        file, real = table.file(line, row["file"])
        if real in places:
            raise InputError(
                "DATA-DUPLICATE",
                f"{table.path} line {line}: {file} was listed before, in line {places[real]}",
                "take one of the two rows out",
            )
        places[real] = line
        patient = row.get(PATIENT, file)
        if PATIENT in row and (wrong := fault(patient)) is not None:
            raise InputError("DATA-VALUE", f"{table.path} line {line}, column {PATIENT}: {patient[:80]!r}", wrong)
        films.append(
            Film(
                file=printable(file),
                path=folder / file,
                # one patient whose name is written in two ways is one patient
                patient=patients.setdefault(key(patient), patient) if PATIENT in row else file,
                split=SPLIT,
                targets=told.targets(line, row),
                columns={name: cell for name, cell in row.items() if name not in told.read},
                expected_sha256=table.sha256(line, file),
            )
        )
    return OtherSet(
        folder, tuple(films), told.labels, sha256_file(table.path), PATIENT in heads, _others(folder, films)
    )


def _unlisted(folder: Path, recipe: Recipe) -> OtherSet:
    try:
        found = walk(folder, MAX_FILES)
    except TooManyFiles as error:
        raise _many(folder, None) from error
    if not found:
        raise InputError("FILMS-EMPTY", f"the folder {shown(folder)} holds no file", "name a folder with films")
    if len(found) > MAX_FILMS:
        raise _many(folder, len(found))
    names = [path.relative_to(folder).as_posix() for path, _ in found]
    none = np.zeros(len(recipe.labels.names), np.float32)
    films = tuple(
        Film(file=printable(name), path=path, patient=name, split=SPLIT, targets=none)
        for name, (path, _) in zip(names, found, strict=True)
    )
    return OtherSet(folder, films, Told.nothing(recipe.labels).labels, None, False, 0)


def _many(folder: Path, films: int | None) -> InputError:
    return InputError(
        "FILMS-MANY",
        f"{shown(folder)} holds "
        f"{counted(films, 'film') if films else f'more than {MAX_FILES:,} files and folders'}; at "
        f"most {MAX_FILMS:,} films are judged at once",
        "choose some of them at random, whole patients at a time",
    )


def _others(folder: Path, films: Sequence[Film]) -> int:
    """Files in a set's folder that its table does not list, but for masks of its films; of very many none is told."""
    try:
        files = [path for path, error in walk(folder, MAX_FILES) if error is None]
    except TooManyFiles:
        return 0
    masks = MasksOf(film.file for film in films)
    own = (TABLE, SUMS)
    left = [place for path in files if (place := path.relative_to(folder).as_posix()) not in own and place not in masks]
    return max(0, len(left) - len(films))
