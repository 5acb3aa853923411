"""``cxredge import``: from a network that was trained elsewhere to a recipe folder whose student is proven to be it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import CxrError, EnvironmentProblem, InputError, counted, printable
from cxredge.files import canonical_json, fresh_directory, write_bytes, write_text
from cxredge.importing.plan import KINDS, Films, Found, ListedFilm, Source, Wanted
from cxredge.path_errors import reading, shown
from cxredge.places import check_outputs
from cxredge.progress import live
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels
from cxredge.recipe_file import ZOO
from cxredge.scratch import temporary
from cxredge.stages import cache_folder
from cxredge.vocabulary import SLUG
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.jobs.import_network import ANSWERS, FOUND, PATIENCE, PROGRAM, ImportNetwork
from cxredge.workers.pool import run_tasks
from cxredge.workers.task import AnyJob, Task
from cxredge.workflows.imported_recipe import RECIPE, check_logits, judged

if TYPE_CHECKING:
    from cxredge.data.film import Film
    from cxredge.importing.import_record import ImportRecord
    from cxredge.statistics.probabilities import Kind

RECORD = "import.json"


@dataclass(frozen=True)
class Request:
    """What ``cxredge import`` is asked for."""

    source: Source
    wanted: Wanted
    labels: tuple[str, ...]
    data: str
    name: str
    label_column: str | None = None
    kind: Kind | None = None
    """None: what the table tells."""
    novelty: bool = True
    transform: str | None = None


@dataclass(frozen=True)
class Imported:
    """What an import found and wrote."""

    folder: Path
    record: ImportRecord
    recipe: Recipe


def look(source: Source, wanted: Wanted, labels: int, patience: float = PATIENCE) -> Found:
    """Read, build, divide and export, without films: what ``--dry-run`` tells. Writes nothing that stays.

    patience: seconds in which the network has to be made. Raises what reading and exporting it raises, and InputError
    IMPORT-CRASHED.
    """
    with temporary("import") as work:
        job = ImportNetwork(
            name="import",
            out=str(work / "out"),
            source=source,
            wanted=wanted,
            labels=labels,
            novelty=False,
            patience=patience,
        )
        _run(job, work)
        return Found.model_validate_json((work / "out" / FOUND).read_bytes())


def import_network(request: Request) -> Imported:
    """Import, prove, and write ``model_zoo/<name>/``.

    Raises InputError IMPORT-*, LABELS-*, PROGRAM-*, DATA-*, ProofFailed IMPORT-DIFFERS, and what reading films raises.
    """
    from cxredge.data.data_sets import data_folders, open_data
    from cxredge.data.labelled import labelled

    if not re.fullmatch(SLUG, request.name):
        raise InputError(
            "IMPORT-NAME",
            f"{printable(request.name)} is no name of a recipe",
            "give one with --name: small letters, digits and -, a letter first, at most 40",
        )
    folder = ZOO / request.name
    data, labels = labelled(request.data, request.labels, request.label_column, request.kind)
    given = [Path(place) for place in (request.source.file, request.source.code) if place is not None]
    for place in given:  # before films are read or drawn
        with reading(place):
            place.stat()
    check_outputs([folder], [*given, *data_folders(data)])
    if folder.exists():
        raise InputError(
            "IMPORT-EXISTS", f"{shown(folder)} is there already", "give another --name, or move that folder away"
        )
    films = open_data(data, labels, cache_folder())
    with temporary("import") as work:
        job = ImportNetwork(
            name="import",
            out=str(work / "out"),
            source=request.source,
            wanted=request.wanted,
            labels=len(labels.names),
            novelty=request.novelty,
            transform=request.transform,
            films=Films(**{split: _listed(films.films(split)) for split in ("train", "val", "test")}),
        )
        _run(job, work)
        made = work / "out"
        found = Found.model_validate_json((made / FOUND).read_bytes())
        _check_kind(found, labels)
        answers, program = _answers(made / ANSWERS), (made / PROGRAM).read_bytes()
        check_logits(answers, labels.kind)
        transform = _without_folder(request.transform)
        recipe, record, text = judged(request.name, transform, found, data, labels, films, answers, program)
        with fresh_directory(folder) as fresh:
            write_bytes(fresh / recipe.weights.file, program)
            write_text(fresh / RECORD, canonical_json(record.model_dump(mode="json")))
            write_text(fresh / RECIPE, text)
    return Imported(folder, record, recipe)


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


def _check_kind(found: Found, labels: Labels) -> None:
    """Raises InputError IMPORT-KIND or IMPORT-LABELS: the network's end is not of these labels."""
    if found.count != len(labels.names):
        raise InputError(
            "IMPORT-LABELS",
            f"the network has {counted(found.count, 'output')}, and {counted(len(labels.names), 'label')} "
            f"{'is' if len(labels.names) == 1 else 'are'} named",
            "name every output in its order (--labels)",
        )
    said = KINDS.get(found.probability or "", labels.kind)
    if said != labels.kind:
        raise InputError(
            "IMPORT-KIND",
            f"the network ends in a {found.probability}, which is for {said}, and the labels are {labels.kind}",
            "name labels and a set of the network's kind",
        )


def _without_folder(transform: str | None) -> str | None:
    """Words for the original's own preprocessing: of code its file's name, and not where that lies."""
    file, sign, factory = (transform or "").rpartition(":")
    return f"{Path(file).name}:{factory}" if sign else transform
