"""``cxredge import``: from a network that was trained elsewhere to a recipe folder whose student is proven to be it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import SPLITS
from cxredge.errors import CxrError, EnvironmentProblem, InputError, printable
from cxredge.files import canonical_json, fresh_directory, write_bytes, write_text
from cxredge.importing.plan import Films, Found, ListedFilm, Source, Wanted
from cxredge.path_errors import reading, shown
from cxredge.places import check_outputs
from cxredge.progress import live
from cxredge.recipe_file import ZOO
from cxredge.scratch import temporary
from cxredge.stages import cache_folder
from cxredge.vocabulary import SLUG
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.jobs.import_network import ANSWERS, FOUND, PATIENCE, PROGRAM, ImportNetwork
from cxredge.workers.pool import run_tasks
from cxredge.workers.task import AnyJob, Task
from cxredge.workflows.imported_recipe import RECIPE, Written, check_logits, judged, uses_of

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.data.film import Film
    from cxredge.recipe_data import FolderData, PhantomData
    from cxredge.recipe_decision import Labels
    from cxredge.statistics.probabilities import Kind

RECORD = "import.json"


@dataclass(frozen=True)
class Request:
    """What ``cxredge import`` is asked for; a dry run may lack labels, or data."""

    source: Source
    wanted: Wanted
    labels: tuple[str, ...]
    data: str | None
    name: str
    label_column: str | None = None
    kind: Kind | None = None
    """None: what the table tells."""
    novelty: bool = True
    quality: bool = True
    transform: str | None = None


@dataclass(frozen=True)
class Tried:
    """What a dry run found."""

    found: Found
    labels: Labels | None
    """None: labels, or data that tell them, are not said yet."""
    remark: str | None
    """As in ``Written``."""


@dataclass(frozen=True)
class Imported:
    """What an import found and wrote."""

    folder: Path
    written: Written


@dataclass(frozen=True)
class _Plan:
    """What is known of an import before the network is touched."""

    folder: Path
    data: FolderData | PhantomData
    labels: Labels
    films: DataSet


def look(
    source: Source,
    wanted: Wanted,
    labels: int,
    patience: float = PATIENCE,
    transform: str | None = None,
    label_kind: Kind | None = None,
) -> Found:
    """Read, build, divide and export, without films. Writes nothing that stays.

    labels: how many are named, or 0; label_kind: what they are, where that is known. patience: seconds in which the
    network has to be made. transform: the original's own preprocessing, which is made and not run. Raises what reading
    and exporting it raises, and InputError IMPORT-CRASHED.
    """
    with temporary("import") as work:
        job = ImportNetwork(
            name="import",
            out=str(work / "out"),
            source=source,
            wanted=wanted,
            labels=labels,
            novelty=False,
            label_kind=label_kind,
            transform=transform,
            patience=patience,
        )
        _run(job, work)
        return Found.model_validate_json((work / "out" / FOUND).read_bytes())


def try_import(request: Request) -> Tried:
    """All that an import would refuse without running films, by the same code: what ``--dry-run`` tells.

    Writes nothing that stays. Raises what ``import_network`` raises before it runs films.
    """
    from cxredge.data.labelled import check_names, set_folder
    from cxredge.recipe_data import FolderData

    plan, remark = None, None
    if request.data is not None and request.labels:
        plan = _planned(request, request.data)
        if isinstance(plan.data, FolderData):  # phantoms are enough, and would have to be drawn
            remark = uses_of(plan.films, request.transform is not None, request.novelty).remark
    else:
        _free(request)
        check_names(request.labels)
        if request.data is not None:
            set_folder(request.data)
    kind = plan.labels.kind if plan is not None else request.kind
    found = look(request.source, request.wanted, len(request.labels), transform=request.transform, label_kind=kind)
    return Tried(found, plan.labels if plan is not None else None, remark)


def import_network(request: Request) -> Imported:
    """Import, prove, and write ``model_zoo/<name>/``.

    Raises InputError IMPORT-*, LABELS-*, PROGRAM-*, DATA-*, ProofFailed IMPORT-DIFFERS, and what reading films raises.
    """
    for value, option, what in (
        (request.labels, "--labels", "what its outputs mean"),
        (request.data, "--data", "films to prove it on"),
    ):
        if not value:
            raise InputError(
                "IMPORT-LACKS", f"{option} is not said: {what}", f"add {option}; --dry-run tells what the file says"
            )
    assert request.data is not None
    plan = _planned(request, request.data)
    uses_of(plan.films, request.transform is not None, request.novelty)
    with temporary("import") as work:
        job = ImportNetwork(
            name="import",
            out=str(work / "out"),
            source=request.source,
            wanted=request.wanted,
            labels=len(plan.labels.names),
            novelty=request.novelty,
            quality=request.quality,
            transform=request.transform,
            label_kind=plan.labels.kind,
            films=Films(**{split: _listed(plan.films.films(split)) for split in SPLITS}),
        )
        _run(job, work)
        made = work / "out"
        found = Found.model_validate_json((made / FOUND).read_bytes())
        answers, program = _answers(made / ANSWERS), (made / PROGRAM).read_bytes()
        check_logits(answers, plan.labels.kind)
        transform = _without_folder(request.transform)
        written = judged(request.name, transform, found, plan.data, plan.labels, plan.films, answers, program)
        with fresh_directory(plan.folder) as fresh:
            write_bytes(fresh / written.recipe.weights.file, program)
            write_text(fresh / RECORD, canonical_json(written.record.model_dump(mode="json")))
            write_text(fresh / RECIPE, written.text)
    return Imported(plan.folder, written)


def _planned(request: Request, name: str) -> _Plan:
    """The recipe's folder, data and labels; the films are listed, and none is read or drawn."""
    from cxredge.data.data_sets import data_folders, open_data
    from cxredge.data.labelled import labelled

    folder = _free(request)
    data, labels = labelled(name, request.labels, request.label_column, request.kind)
    check_outputs([folder], [*_given(request), *data_folders(data)])
    return _Plan(folder, data, labels, open_data(data, labels, cache_folder()))


def _free(request: Request) -> Path:
    """Where the recipe goes. Raises InputError IMPORT-NAME, IMPORT-EXISTS, PATH-READ: a file is not there."""
    if not re.fullmatch(SLUG, request.name):
        raise InputError(
            "IMPORT-NAME",
            f"{printable(request.name)} is no name of a recipe",
            "give one with --name: small letters, digits and -, a letter first, at most 40",
        )
    folder = ZOO / request.name
    for place in _given(request):
        with reading(place):
            place.stat()
    check_outputs([folder], _given(request))
    if folder.exists():
        raise InputError(
            "IMPORT-EXISTS", f"{shown(folder)} is there already", "give another --name, or move that folder away"
        )
    return folder


def _given(request: Request) -> list[Path]:
    return [Path(place) for place in (request.source.file, request.source.code) if place is not None]


def _run(job: ImportNetwork, work: Path) -> None:
    """Do the job in a process of its own. Raises what it raises, and InputError IMPORT-CRASHED."""
    failed: list[CxrError] = []

    def ended(_: AnyJob, error: CxrError | None) -> None:
        if error is not None:
            failed.append(error)

    task = Task(name="import", folder=str(work / "task"), jobs=(job,))
    with ForkServer() as server, live("importing") as say:
        run_tasks([task], say, ended, server)
    for error in failed:
        if isinstance(error, EnvironmentProblem) and error.code == "EXPORTER-CRASHED":
            raise InputError(
                "IMPORT-CRASHED", error.cause, "try the network alone, on the CPU, and correct what ends it"
            ) from error
        raise error


def _listed(films: tuple[Film, ...]) -> tuple[ListedFilm, ...]:
    return tuple(ListedFilm(path=str(film.path.absolute()), sha256=film.sha256()) for film in films)


def _answers(file: Path) -> dict[str, NDArray[np.float32]]:
    from safetensors.numpy import load_file

    found: dict[str, NDArray[np.float32]] = load_file(file)
    return found


def _without_folder(transform: str | None) -> str | None:
    """Words for the original's own preprocessing: of code its file's name, and not where that lies."""
    file, sign, factory = (transform or "").rpartition(":")
    return f"{Path(file).name}:{factory}" if sign else transform
