"""``cxredge data check``: reads every film of a set once, and says what would make figures on it untrue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.data.check_record import (
    Bounds,
    DataCheck,
    FilmAt,
    LabelCount,
    Pair,
    PairKind,
    PatientLeak,
    Refused,
    Shortcut,
    SplitCount,
)
from cxredge.data.check_rows import Listed, Row, read_rows
from cxredge.data.film import SPLITS
from cxredge.data.film_facts import SIDE, FilmFacts, film_facts
from cxredge.data.folder_table import SUMS, TABLE
from cxredge.data.mask_files import MasksOf
from cxredge.data.near import NEAR, near_pairs
from cxredge.data.other_sets import MAX_FILES
from cxredge.data.shortcuts import GIVEN_AWAY, find_shortcuts, properties, ring
from cxredge.errors import InputError, printable
from cxredge.images.claims import claims_film
from cxredge.path_errors import shown
from cxredge.progress import track
from cxredge.trees import TooManyFiles, walk

NO_FILMS = "no films"


def check_data(folder: Path, column: str | None = None, names: Sequence[str] = ()) -> DataCheck:
    """What is wrong with a set: leaks between splits, duplicates, films that cannot be read, shortcuts.

    column, names: which columns are labels, as ``read_rows`` takes them. Films are read one by one, and of each a
    kilobyte is kept. Raises what ``read_rows`` raises, and InputError FILMS-MANY; films that cannot be read are told.
    """
    listed = read_rows(folder, column, names)
    rows = listed.rows
    others, more = _not_listed(folder, rows)
    missing, unreadable = [], []
    read: list[int] = []
    facts: list[FilmFacts] = []
    for at, row in enumerate(track(rows, "films", total=len(rows))):
        if not os.path.isfile(row.path):
            missing.append(_refused(row, InputError("IMG-MISSING", f"{row.file} is not there", "")))
            continue
        try:
            facts.append(film_facts(row.source))
            read.append(at)
        except InputError as error:
            unreadable.append(_refused(row, error))
    thumbnails = np.stack([film.thumbnail for film in facts]) if facts else np.zeros((0, SIDE, SIDE), np.uint8)
    kept = [rows[at] for at in read]
    pairs, bound = _pairs(kept, facts, thumbnails, list(listed.labels))
    found, too_few = _shortcuts(listed, read, facts, thumbnails)
    return DataCheck(
        folder=str(folder),
        table_sha256=listed.table_sha256,
        rows=len(rows),
        patients=len({row.key for row in rows}),
        read=len(read),
        colour=sum(film.colour for film in facts),
        labels=dict(listed.labels),
        not_taken=dict(listed.not_taken),
        set_aside=listed.set_aside,
        splits=(splits := _splits(listed)),
        without_positives=_without_positives(splits),
        patient_leaks=_patient_leaks(rows),
        pairs=pairs,
        unreadable=tuple(unreadable),
        missing=tuple(missing),
        not_listed=others,
        other_files=more,
        shortcuts=found,
        too_few=too_few,
        bounds=Bounds(near=round(bound, 4), given_away=GIVEN_AWAY),
    )


def _refused(row: Row, error: InputError) -> Refused:
    return Refused(line=row.line, file=row.file, code=error.code, cause=error.cause)


def _not_listed(folder: Path, rows: Sequence[Row]) -> tuple[tuple[str, ...], int]:
    """Films that no row names, and how many other files there are, masks of films among them.

    Raises InputError FILMS-MANY.
    """
    named = {row.file for row in rows}
    try:
        files = [path for path, error in walk(folder, MAX_FILES + 2 * len(rows)) if error is None]
    except TooManyFiles as error:
        raise InputError(
            "FILMS-MANY",
            f"{shown(folder)} holds far more files than its table has rows",
            "move what is not of the set to another folder",
        ) from error
    names = {path.relative_to(folder).as_posix(): path for path in files}
    left = {name: path for name, path in names.items() if name not in named and name not in (TABLE, SUMS)}
    masks = MasksOf(named)
    films = tuple(printable(name) for name, path in left.items() if name not in masks and claims_film(path))
    return films, len(left) - len(films)


def _splits(listed: Listed) -> dict[str, SplitCount]:
    counts = {}
    for split in SPLITS:
        rows = [row for row in listed.rows if row.split == split]
        if rows:
            counts[split] = SplitCount(
                films=len(rows),
                patients=len({row.key for row in rows}),
                labels={name: _count(rows, c) for c, name in enumerate(listed.labels)},
            )
    return counts


def _count(rows: Sequence[Row], c: int) -> LabelCount:
    """A patient counts once: positive if one film is, else negative if one film is."""
    told = [int(row.labels[c]) for row in rows]
    best: dict[object, int] = {}
    for row, value in zip(rows, told, strict=True):
        best[row.key] = max(best.get(row.key, -1), value)
    patients = list(best.values())
    return LabelCount(
        positives=told.count(1),
        negatives=told.count(0),
        unlabelled=told.count(-1),
        positive_patients=patients.count(1),
        negative_patients=patients.count(0),
        unlabelled_patients=patients.count(-1),
    )


def _without_positives(splits: dict[str, SplitCount]) -> tuple[str, ...]:
    found = [f"{split}: {NO_FILMS}" for split in SPLITS if split not in splits]
    for split, count in splits.items():
        found += [f"{split}: {label}" for label, of in count.labels.items() if not of.positives]
    return tuple(found)


def _patient_leaks(rows: Sequence[Row]) -> tuple[PatientLeak, ...]:
    films: dict[object, list[Row]] = {}
    for row in rows:
        films.setdefault(row.key, []).append(row)
    return tuple(
        PatientLeak(
            names=tuple(dict.fromkeys(row.patient for row in of)),
            splits={split: count for split in SPLITS if (count := sum(row.split == split for row in of))},
        )
        for of in films.values()
        if len({row.split for row in of}) > 1
    )


def _pairs(
    rows: Sequence[Row], facts: Sequence[FilmFacts], thumbnails: NDArray[np.uint8], labels: Sequence[str]
) -> tuple[tuple[Pair, ...], float]:
    """Each film that was there before, with the first of another split where there is one; then near duplicates, and
    the correlation from which on films are called so."""

    def pair(kind: PairKind, i: int, j: int, correlation: float | None = None) -> Pair:
        one, other = rows[i], rows[j]
        differ = tuple(
            name
            for name, mine, theirs in zip(labels, one.labels, other.labels, strict=True)
            if mine != theirs and min(mine, theirs) >= 0
        )
        rounded = None if correlation is None else round(correlation, 4)
        return Pair(kind=kind, one=_at(one), other=_at(other), correlation=rounded, labels_differ=differ)

    found: list[Pair] = []
    first: dict[bytes, dict[str, int]] = {}
    for at, film in enumerate(facts):
        same = first.setdefault(film.pixel_digest, {})
        if same:
            # one of another split, where there is one: that is what leaks
            i = next((i for split, i in same.items() if split != rows[at].split), next(iter(same.values())))
            found.append(pair("bytes" if facts[i].file_digest == film.file_digest else "pixels", i, at))
        same.setdefault(rows[at].split, at)
    numbers = {name: k for k, name in enumerate(dict.fromkeys(row.key for row in rows))}
    # copies are told above: of each picture one film is compared, and one more for each patient who has it
    chosen: dict[tuple[bytes, int], int] = {}
    for at, film in enumerate(facts):
        chosen.setdefault((film.pixel_digest, numbers[rows[at].key]), at)
    alone = list(chosen.values())
    bound = NEAR
    if len(alone) > 1:
        near, bound = near_pairs(thumbnails[alone], [numbers[rows[at].key] for at in alone])
        for i, j, correlation in near:
            if facts[alone[i]].pixel_digest != facts[alone[j]].pixel_digest:
                found.append(pair("near", alone[i], alone[j], correlation))
    return tuple(sorted(found, key=lambda one: not one.leaks)), bound


def _at(row: Row) -> FilmAt:
    return FilmAt(line=row.line, file=row.file, split=row.split, patient=row.patient)


def _shortcuts(
    listed: Listed, read: Sequence[int], facts: Sequence[FilmFacts], thumbnails: NDArray[np.uint8]
) -> tuple[tuple[Shortcut, ...], tuple[str, ...]]:
    if not read or not listed.labels:
        return (), tuple(listed.labels)
    keys = ["\0".join(listed.rows[at].key) for at in read]
    return find_shortcuts(
        np.stack([listed.rows[at].labels for at in read]),
        list(listed.labels),
        keys,
        properties(facts),
        ring(thumbnails),
        {name: [cells[at] for at in read] for name, cells in listed.columns.items()},
    )
