"""Merging shards: their outputs files put together to the bytes that one run over all films writes.

Nothing is taken on trust: each folder is held against its own record, and the records against each other. Arrays are
copied a block of films at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError, counted, some_of
from cxredge.files import check_replaceable, fresh_directory, sha256_file
from cxredge.outputs_layout import record_of
from cxredge.outputs_stream import blocks, new_outputs, open_outputs
from cxredge.path_errors import shown
from cxredge.places import check_outputs
from cxredge.progress import track
from cxredge.shard_record import OutputsFolder, Part, Run, ShardRecord, foreign, open_folder, write_record


def merge_shards(folders: Sequence[Path], goal: Path) -> ShardRecord:
    """Put all shards of one run together in the folder ``goal``: the same bytes as the shard 1/1.

    Raises InputError SHARD-RECORD, SHARD-FILE, SHARD-OTHER (of another run), SHARD-TWICE, SHARD-MISSING, SHARD-OVERLAP,
    OUTPUTS-FORMAT, RUN-OUTPUT (NaN), OUTPUT-FOREIGN, and what ``check_outputs`` raises.
    """
    check_outputs([goal], folders)
    check_replaceable(goal, foreign)
    shards = [open_folder(folder) for folder in track(folders, "checking shards", len(folders))]
    check_together(shards)
    shards = sorted(shards, key=lambda one: one.record.shard)
    first = shards[0].record
    parts = tuple(_whole([one.record.parts[place] for one in shards]) for place in range(len(first.parts)))
    with fresh_directory(goal, foreign) as folder:
        files = {}
        wanted = [(place, run) for place, part in enumerate(parts) if part.places for run in first.runs]
        for place, run in track(wanted, "merging outputs", len(wanted)):
            part = parts[place]
            name = f"{part.stack}/{run.file}"
            (folder / part.stack).mkdir(exist_ok=True)
            _merge(folder / name, part, run, [(one, one.record.parts[place]) for one in shards])
            files[name] = sha256_file(folder / name)
        record = first.model_copy(update={"shard": 1, "of": 1, "parts": parts, "files": files})
        write_record(folder, record)
    return record


def check_together(shards: Sequence[OutputsFolder]) -> None:
    """Whether these are the shards of one run, each once, and their films are all films, each once.

    Raises InputError SHARD-OTHER, SHARD-TWICE, SHARD-MISSING, SHARD-OVERLAP.
    """
    first = shards[0]
    for other in shards[1:]:
        if (what := _differs(first.record, other.record)) is not None:
            raise InputError(
                "SHARD-OTHER",
                f"{shown(first.folder)} and {shown(other.folder)} are not shards of one run: {what}",
                "run all shards of one bundle and one list of films, with the same versions, and merge these",
            )
    by_number: dict[int, Path] = {}
    for one in shards:
        if (same := by_number.setdefault(one.record.shard, one.folder)) is not one.folder:
            raise InputError(
                "SHARD-TWICE",
                f"shard {one.record.which} is there twice: {shown(same)} and {shown(one.folder)}",
                "name each shard once",
            )
    of = first.record.of
    if lacking := [f"{number}/{of}" for number in range(1, of + 1) if number not in by_number]:
        raise InputError(
            "SHARD-MISSING",
            f"of {counted(of, 'shard')} {len(lacking)} {'is' if len(lacking) == 1 else 'are'} missing: "
            f"{some_of(lacking, most=5)}",
            f"run `cxredge verify` with --shard {lacking[0]}, and name its folder too",
        )
    for place, part in enumerate(first.record.parts):
        _check_cover(part, [(one.folder, one.record.parts[place]) for one in shards])


def _differs(one: ShardRecord, other: ShardRecord) -> str | None:
    """What two records of one run have in common and these two do not, in words."""
    if one.bundle != other.bundle:
        return f"one is of the bundle {one.bundle}, the other of {other.bundle}"
    if one.manifest_sha256 != other.manifest_sha256:
        return (
            f"both say that they are of the bundle {one.bundle}, and its manifest.json has SHA-256 "
            f"{one.manifest_sha256} in one and {other.manifest_sha256} in the other: a record or a bundle was changed"
        )
    if one.of != other.of:
        return f"one is of {counted(one.of, 'shard')}, the other of {other.of}"
    stacks = [[(part.stack, part.pictures) for part in record.parts] for record in (one, other)]
    if one.list_sha256 != other.list_sha256 or stacks[0] != stacks[1]:
        return "they are of different lists of films, or of other patients"
    if one.runs != other.runs:
        mine, others = ({f"{run.artifact} by {run.runtime}" for run in record.runs} for record in (one, other))
        return f"not the same was run: {', '.join(sorted(mine ^ others)) or 'other artifacts, or in another order'}"
    if one.versions != other.versions:
        names = sorted({*one.versions, *other.versions})
        moved = [
            f"{name} {one.versions.get(name)} and {other.versions.get(name)}"
            for name in names
            if one.versions.get(name) != other.versions.get(name)
        ]
        return f"they were run with {some_of(moved)}"
    return None


def _check_cover(part: Part, given: Sequence[tuple[Path, Part]]) -> None:
    """Every picture of a stack is in one shard. Raises InputError SHARD-OVERLAP, SHARD-MISSING."""
    owner = np.full(part.pictures, -1)
    for number, (folder, own) in enumerate(given):
        places = np.array([*own.places, *(one.place for one in own.unread)], np.intp)
        taken = places[owner[places] >= 0]
        if len(taken):
            raise InputError(
                "SHARD-OVERLAP",
                f"picture {taken[0] + 1} of {part.stack} is in {shown(given[owner[taken[0]]][0])} and in "
                f"{shown(folder)}, and {len(taken) - 1} more are",
                "run these shards again: a film is in one shard alone",
            )
        owner[places] = number
    absent = np.flatnonzero(owner < 0)
    if len(absent):
        raise InputError(
            "SHARD-MISSING",
            f"picture {absent[0] + 1} of {part.stack} is in no shard, and {len(absent) - 1} more are in none",
            "run all shards again: each film is in one",
        )


def _whole(given: Sequence[Part]) -> Part:
    """The parts of one stack, put together."""
    rows = sorted((place, one, at) for one, part in enumerate(given) for at, place in enumerate(part.places))
    return Part(
        stack=given[0].stack,
        pictures=given[0].pictures,
        places=tuple(place for place, _, _ in rows),
        sha256=tuple(given[one].sha256[at] for _, one, at in rows),
        sizes=tuple(given[one].sizes[at] for _, one, at in rows) if given[0].stack == "other" else (),
        unread=tuple(sorted((lost for part in given for lost in part.unread), key=lambda lost: lost.place)),
    )


def _merge(path: Path, whole: Part, run: Run, given: Sequence[tuple[OutputsFolder, Part]]) -> None:
    """Write one outputs file: the rows of all shards in the order of the stack.

    Raises InputError SHARD-OTHER: the arrays are not alike.
    """
    sources = [
        # where the shard's films stand among all that were read
        _Source(shard.file(part.stack, run), np.searchsorted(whole.places, part.places))
        for shard, part in given
        if part.places
    ]
    shapes = {name: (len(whole.places), *one) for name, one in sources[0].film.items()}
    for other in sources[1:]:
        if other.film != sources[0].film:
            raise InputError(
                "SHARD-OTHER",
                f"{shown(sources[0].path)} and {shown(other.path)} have arrays of other shapes",
                "run these shards again, of one bundle",
            )
    record = record_of(path, run.artifact, run.sha256, whole.digest, run.runtime)
    with new_outputs(path, record, shapes) as writer:
        for name, shape in shapes.items():
            for start, stop in blocks(shape):
                rows = np.empty((stop - start, *shape[1:]), np.float32)
                for source in sources:
                    first, last = (int(at) for at in np.searchsorted(source.at, [start, stop]))
                    if first < last:
                        rows[source.at[first:last] - start] = source.rows(name, first, last)
                writer.put(name, start, rows)


@dataclass(frozen=True, eq=False)
class _Source:
    """One shard's file, which is opened for each block: a process may not have a thousand open."""

    path: Path
    at: NDArray[np.intp]
    """Rows of the merged file that its films become."""

    @cached_property
    def film(self) -> dict[str, tuple[int, ...]]:
        """Shapes of one film's outputs."""
        with open_outputs(self.path) as reader:
            return {name: shape[1:] for name, shape in sorted(reader.layout.shapes.items())}

    def rows(self, name: str, first: int, last: int) -> NDArray[np.float32]:
        """Raises InputError SHARD-FILE: it was changed since it was checked; and what reading rows raises."""
        with open_outputs(self.path) as reader:
            if reader.layout.films != len(self.at) or reader.layout.shapes.get(name, ())[1:] != self.film[name]:
                raise InputError("SHARD-FILE", f"{shown(self.path)} was changed while it was read", "merge again")
            return reader.rows(name, first, last)
