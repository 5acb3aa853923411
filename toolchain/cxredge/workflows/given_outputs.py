"""Judging a bundle by a folder of outputs that was written before, here or elsewhere: nothing is run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cxredge.bundle.assemble import reference_file
from cxredge.bundle.bundle import Bundle, open_bundle
from cxredge.bundle.manifest import FILE as MANIFEST
from cxredge.data.data_sets import data_folders
from cxredge.data.film import Film
from cxredge.errors import InputError, printable, some_of
from cxredge.evidence_other_films import Unread
from cxredge.files import sha256_file
from cxredge.path_errors import reading, shown
from cxredge.places import check_outputs
from cxredge.progress import track
from cxredge.results import FilmRecord
from cxredge.scratch import temporary
from cxredge.shard_record import REFERENCE, OutputsFolder, Part, StackName, list_digest, open_folder
from cxredge.stages import Scratch
from cxredge.vocabulary import ArtifactName
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.jobs.run import OUTPUTS
from cxredge.workflows.bundled import Bundled
from cxredge.workflows.made_pictures import made_pictures
from cxredge.workflows.merge import check_together
from cxredge.workflows.stages.other_films import ReadFilms, check_any
from cxredge.workflows.stages.outputs import ArtifactOutputs, Outputs, ReferenceOutputs
from cxredge.workflows.stages.pictures import Pictures
from cxredge.workflows.verify import Verified, check_required, judge_said


def verify_outputs(
    bundle: Path, folder: Path, required: Sequence[ArtifactName] = (), outputs: Sequence[Path] = ()
) -> Verified:
    """Judge what was said of the bundle's own films, as ``verify_bundle`` judges what it runs itself.

    The films are needed, for what they tell and to be held against their hashes; no artifact is opened. required,
    outputs: as ``verify_bundle`` has them. Raises InputError BUNDLE-*, MANIFEST-*, SHARD-RECORD, SHARD-FILE,
    VERIFY-OUTPUTS, VERIFY-REQUIRE, VERIFY-FILMS, VERIFY-STRANGERS, DATA-*, and what ``check_outputs`` raises.
    """
    opened = open_bundle(bundle)
    check_outputs(outputs, (bundle, folder, *data_folders(opened.record.recipe.data)))
    given, aside = open_whole(folder, opened, required)
    bundled = Bundled(opened, opened.folder / reference_file(opened.record.recipe), aside)
    with temporary("verify") as scratch, ForkServer() as server:
        store, trial = Scratch(scratch), bundled.trial
        made = made_pictures(bundled, store, server)
        wanted: dict[StackName, tuple[Pictures | None, str]] = {
            "evaluation": (trial.evaluation, trial.evaluation.films_sha256),
            "validation": (trial.validation, "" if trial.validation is None else trial.validation.films_sha256),
        }
        beside = {"out-of-distribution": trial.out_of_distribution, "accidents": trial.accidents}
        wanted |= {stack: (beside[stack], one.pictures.digest(store)) for stack, one in made.items()}
        stacks = {}
        for stack, (pictures, digest) in wanted.items():
            if pictures is not None:
                check_part(given, stack, digest)
                stacks[stack] = pictures
        fill(given, bundled, stacks, store)
        return judge_said(bundled, store)


def open_whole(
    folder: Path, bundle: Bundle, required: Sequence[ArtifactName]
) -> tuple[OutputsFolder, Mapping[ArtifactName, str]]:
    """A folder of outputs of all films of a run of ``bundle``, and the bundle's artifacts that it holds nothing of.

    Raises InputError SHARD-RECORD, SHARD-FILE, SHARD-MISSING, VERIFY-REQUIRE, VERIFY-OUTPUTS: it is one of several
    shards, of another bundle, or, where nothing is ``required`` by name, not of all artifacts.
    """
    check_required(bundle, required)
    given = open_folder(folder)
    record = given.record
    if record.of != 1:
        raise _refuse(given, f"is shard {record.which} alone", "put all shards together with `cxredge merge`")
    if record.manifest_sha256 != (manifest := sha256_file(bundle.folder / MANIFEST)):
        alike = f": its manifest.json has SHA-256 {record.manifest_sha256} there, {manifest} here"
        raise _refuse(
            given,
            f"is of the bundle {printable(record.bundle)}, not of {bundle.manifest.id}"
            f"{alike if record.bundle == bundle.manifest.id else ''}",
            "name the bundle that was run, or run this one",
        )
    check_together([given])
    known = {entry.name: entry.sha256 for entry in bundle.manifest.artifacts}
    weights = bundle.record.recipe.weights.sha256
    for run in record.runs:
        if run.sha256 != (weights if run.artifact == REFERENCE else known.get(ArtifactName(run.artifact))):
            raise _refuse(given, f"is of a {run.artifact} that the bundle does not hold", "run this bundle's artifacts")
    said = {run.artifact for run in record.runs}
    aside = {name: "the outputs are not of it" for name in known if name not in said}
    if aside and not required:
        raise _refuse(
            given, f"is not of {some_of(list(aside))}", "run all artifacts, or say which are to be judged: --require"
        )
    return given, aside


def check_part(given: OutputsFolder, stack: StackName, digest: str) -> Part:
    """The record's part of a stack, which has to be of the pictures named by ``digest``.

    Raises InputError VERIFY-OUTPUTS.
    """
    part = given.record.part(stack)
    if part is None and given.record.part("other") is not None:
        raise _refuse(given, "is of films that the bundle was not built with", "say which: --data")
    if part is None or not part.places or part.digest != digest:
        raise _refuse(given, f"is not of the bundle's {stack} films", "run the films that are to be judged")
    return part


def read_before(films: Sequence[Film], given: OutputsFolder) -> ReadFilms:
    """Films of another place as they were when ``given`` was written, each held against its hash.

    Raises InputError VERIFY-OUTPUTS (another list, or other patients), VERIFY-FILMS (other bytes), FILMS-UNREAD (none
    could be read), DATA-FILE or DATA-HASH.
    """
    part = given.record.part("other")
    if part is None:
        raise _refuse(given, "is of the films that the bundle was built with", "leave --data out")
    listed = list_digest([("other", [film.file for film in films], [film.patient for film in films])])
    if given.record.list_sha256 != listed or part.pictures != len(films):
        raise _refuse(
            given,
            "is of another list of films, or they belong to other patients",
            "name the folder, and the columns, that were run",
        )
    unread = tuple(Unread(film=films[one.place].file, code=one.code, cause=printable(one.cause)) for one in part.unread)
    kept = tuple(films[place] for place in part.places)
    check_any(kept, unread)
    records = []
    for film, sha256 in track(zip(kept, part.sha256, strict=True), "checking films", len(kept)):
        if film.sha256() != sha256:
            raise InputError(
                "VERIFY-FILMS",
                f"film {film.file} has other bytes than when it was run",
                "judge on the films that were run, or run these",
            )
        records.append(FilmRecord(file=film.file, sha256=sha256, patient=film.patient))
    return ReadFilms(kept, tuple(records), np.array(part.sizes, np.int64), unread, part.places)


def fill(given: OutputsFolder, bundled: Bundled, stacks: Mapping[StackName, Pictures], store: Scratch) -> None:
    """Put the outputs into ``store``, as if they had been run here; copied, so that nobody changes them meanwhile.

    Raises InputError SHARD-FILE: one was changed since it was checked.
    """
    artifacts = {str(one.artifact): one for one in bundled.artifacts}
    for stack, pictures in stacks.items():
        for run in given.record.runs:
            stage: Outputs
            if run.artifact == REFERENCE:
                stage = ReferenceOutputs(bundled.recipe, bundled.weights, pictures)
            elif run.artifact in artifacts:
                stage = ArtifactOutputs(artifacts[run.artifact], pictures)
            else:
                continue
            file = given.file(stack, run)
            with store.fill(stage) as place:
                with reading(file), file.open("rb") as source, (place / OUTPUTS).open("xb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
                if sha256_file(place / OUTPUTS) != given.record.files[f"{stack}/{run.file}"]:
                    raise InputError("SHARD-FILE", f"{shown(file)} was changed while it was read", "leave it in peace")


def _refuse(given: OutputsFolder, what: str, fix: str) -> InputError:
    return InputError("VERIFY-OUTPUTS", f"{shown(given.folder)} {what}", fix)
