"""One shard of a verification: the reference and every artifact run on a part of the patients, and nothing judged.

Films are run one at a time, on one thread each, so what is said of a film does not depend on the shard that it is in.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.bundle.bundle import open_bundle
from cxredge.bundle.manifest import FILE as MANIFEST
from cxredge.data.other_sets import find_folder, open_other
from cxredge.files import check_replaceable, fresh_directory, sha256_file
from cxredge.images.readers import READERS
from cxredge.places import check_outputs
from cxredge.scratch import temporary
from cxredge.shard import Shard, cut
from cxredge.shard_record import (
    FORMAT,
    Part,
    Run,
    ShardRecord,
    StackName,
    UnreadAt,
    foreign,
    list_digest,
    write_record,
)
from cxredge.stages import Scratch, installed
from cxredge.targets import get_target
from cxredge.vocabulary import ArtifactName
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.jobs.run import OUTPUTS
from cxredge.workers.jobs.run_reference import EAGER, REFERENCE
from cxredge.workflows.bundled import Bundled
from cxredge.workflows.made_pictures import made_pictures
from cxredge.workflows.materialize import materialize
from cxredge.workflows.other_films import PIXELS, Asked
from cxredge.workflows.stages.films import Films
from cxredge.workflows.stages.other_films import OtherFilms, read_some
from cxredge.workflows.stages.outputs import ArtifactOutputs, Outputs, ReferenceOutputs
from cxredge.workflows.stages.pictures import Pictures, SomePictures
from cxredge.workflows.stages.student import EAGER_PACKAGES
from cxredge.workflows.verify import inputs_of, left_out, reference_weights


@dataclass(frozen=True, eq=False)
class Listed:
    """One stack of a whole list: its pictures' names, and the patients whose they are."""

    stack: StackName
    names: Sequence[str]
    owners: Sequence[str]


@dataclass(frozen=True, eq=False)
class Cut:
    """What one shard has of a list. pictures: stages to be run, by stack; none where a part is empty."""

    parts: tuple[Part, ...]
    pictures: dict[StackName, Pictures]


def verify_shard(
    bundle: Path,
    shard: Shard,
    goal: Path,
    asked: Asked | None = None,
    reference: Path | None = None,
    required: Sequence[ArtifactName] = (),
) -> ShardRecord:
    """Run one shard of the bundle's own films, or of those ``asked`` for, and write its outputs into the folder
    ``goal``.

    The same cut on every machine: the rest is run by others, and ``merge`` puts all together. reference, required: as
    ``verify_bundle`` has them. Raises InputError SHARD-EMPTY, OUTPUT-FOREIGN, and what ``verify_bundle`` or
    ``verify_elsewhere`` raise before they judge.
    """
    opened = open_bundle(bundle)
    data = None if asked is None else find_folder(asked.data)
    read = inputs_of(opened, reference) if data is None else (bundle, *([reference] if reference else []), data)
    check_outputs([goal], read)
    check_replaceable(goal, foreign)
    bundled = Bundled(opened, reference_weights(opened, reference), left_out(opened, required))
    with temporary("shard") as scratch, ForkServer() as server:
        store = Scratch(scratch)
        if asked is None or data is None:
            lists, found = _of_its_own(bundled, shard, store, server)
        else:
            server.start()  # its imports take as long as the films
            lists, found = _of_others(bundled, shard, data, asked, scratch)
        said = _run(bundled, found, shard, store, server)
        return _write(goal, bundled, shard, lists, found, said)


def _of_its_own(bundled: Bundled, shard: Shard, store: Scratch, server: ForkServer) -> tuple[list[Listed], Cut]:
    """The films that the bundle was judged on, and the pictures that go with them."""
    record, recipe = bundled.bundle.record.films, bundled.recipe
    films = {"evaluation": record.evaluation, "validation": record.validation}
    lists = [Listed(_name(w), [f.file for f in of.films], [f.patient for f in of.films]) for w, of in films.items()]
    made = made_pictures(bundled, store, server)
    lists += [Listed(stack, one.names, one.owners) for stack, one in made.items()]
    numbers = _numbers(lists, shard)
    parts, pictures = [], dict[StackName, Pictures]()
    for listed in lists:
        rows = np.flatnonzero(numbers[listed.stack] == shard.number)
        some: Pictures
        if listed.stack in made:
            some = SomePictures(made[listed.stack].pictures, rows.tolist())
            hashes: Sequence[str] = some.hashes(store)
        else:
            of = films[listed.stack]
            records = [of.films[row] for row in rows]
            some = Films(listed.stack, bundled.find(of.split, records), recipe.input, bundled.data.name, records)
            hashes = [film.sha256 for film in records]
        parts.append(_part(listed, rows, hashes))
        if len(rows):
            pictures[listed.stack] = some
    return lists, Cut(tuple(parts), pictures)


def _of_others(bundled: Bundled, shard: Shard, data: Path, asked: Asked, scratch: Path) -> tuple[list[Listed], Cut]:
    """Films of another place, as far as they can be read."""
    spec = bundled.recipe.input
    found = open_other(data, bundled.recipe, asked.names, asked.labels)
    listed = Listed("other", [film.file for film in found.films], [film.patient for film in found.films])
    rows = np.flatnonzero(_numbers([listed], shard)["other"] == shard.number)
    read = read_some([found.films[row] for row in rows], spec, scratch / PIXELS)
    kept = set(read.places)
    lost = [int(row) for place, row in enumerate(rows) if place not in kept]
    part = Part(
        stack="other",
        pictures=len(found.films),
        places=tuple(int(rows[place]) for place in read.places),
        sha256=tuple(film.sha256 for film in read.records),
        sizes=tuple((int(h), int(w)) for h, w in read.sizes),
        unread=tuple(
            UnreadAt(place=place, code=one.code, cause=one.cause) for place, one in zip(lost, read.unread, strict=True)
        ),
    )
    films = OtherFilms(read, spec, found.name, scratch / PIXELS)
    return [listed], Cut((part,), {"other": films} if read.films else {})


def list_sha256(lists: Sequence[Listed]) -> str:
    """Names the whole list."""
    return list_digest((one.stack, one.names, one.owners) for one in lists)


def _name(stack: str) -> StackName:
    return "evaluation" if stack == "evaluation" else "validation"


def _numbers(lists: Sequence[Listed], shard: Shard) -> dict[StackName, NDArray[np.intp]]:
    """Number of the shard that each picture is in, by stack: of one patient all are in one."""
    numbers = cut([owner for one in lists for owner in one.owners], shard.of)
    ends = np.cumsum([len(one.owners) for one in lists])
    return {one.stack: part for one, part in zip(lists, np.split(numbers, ends[:-1]), strict=True)}


def _part(listed: Listed, rows: NDArray[np.intp], hashes: Sequence[str]) -> Part:
    return Part(stack=listed.stack, pictures=len(listed.names), places=tuple(rows.tolist()), sha256=tuple(hashes))


def _run(
    bundled: Bundled, found: Cut, shard: Shard, store: Scratch, server: ForkServer
) -> dict[tuple[StackName, Run], Path]:
    """Outputs files by stack and by who was run."""
    stages: dict[tuple[StackName, Run], Outputs] = {}
    for stack, pictures in found.pictures.items():
        for run, artifact in _runs(bundled).items():
            stages[stack, run] = (
                ReferenceOutputs(bundled.recipe, bundled.weights, pictures)
                if artifact is None
                else ArtifactOutputs(bundled.artifact(artifact), pictures)
            )
    what = f"running shard {shard} of {bundled.bundle.manifest.id}"
    materialize([*found.pictures.values(), *stages.values()], store, server, what)
    return {key: store.folder(stage) / OUTPUTS for key, stage in stages.items()}


def _runs(bundled: Bundled) -> dict[Run, ArtifactName | None]:
    """The reference, then every artifact that is asked."""
    reference = Run(artifact=REFERENCE, sha256=bundled.recipe.weights.sha256, runtime=EAGER)
    artifacts = (bundled.bundle.artifact(one.artifact) for one in bundled.artifacts)
    return {reference: None} | {
        Run(artifact=one.name, sha256=one.sha256, runtime=get_target(one.name.target).runtime().name): one.name
        for one in artifacts
    }


def _versions(bundled: Bundled) -> dict[str, str]:
    """What decides the bytes of outputs here: packages that read and run, and the kind of processor."""
    targets = {one.artifact.target for one in bundled.artifacts}
    packages = {*READERS, *EAGER_PACKAGES, *(name for one in targets for name in get_target(one).run_packages)}
    found = {name: version for name in packages if (version := installed(name)) is not None}
    return dict(sorted({**found, "processor": platform.machine()}.items()))


def _write(
    goal: Path,
    bundled: Bundled,
    shard: Shard,
    lists: Sequence[Listed],
    found: Cut,
    said: dict[tuple[StackName, Run], Path],
) -> ShardRecord:
    """The folder, beside ``goal`` and then in its place."""
    opened = bundled.bundle
    with fresh_directory(goal, foreign) as folder:
        files = {}
        for (stack, run), file in said.items():
            place = folder / stack / run.file
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, place)
            files[f"{stack}/{run.file}"] = sha256_file(place)
        record = ShardRecord(
            format=FORMAT,
            bundle=opened.manifest.id,
            manifest_sha256=sha256_file(opened.folder / MANIFEST),
            list_sha256=list_sha256(lists),
            shard=shard.number,
            of=shard.of,
            versions=_versions(bundled),
            runs=tuple(_runs(bundled)),
            parts=found.parts,
            files=files,
        )
        write_record(folder, record)
    return record
