"""``cxredge import``: from a network that was trained elsewhere to a recipe folder whose student is proven to be it."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import CxrError, EnvironmentProblem, InputError, printable
from cxredge.files import canonical_json, fresh_directory, sha256_bytes, write_bytes, write_text
from cxredge.importing.plan import Films, Found, ListedFilm, Source, Wanted
from cxredge.path_errors import reading, shown
from cxredge.places import check_outputs
from cxredge.progress import live
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels
from cxredge.scratch import temporary
from cxredge.stages import cache_folder
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.jobs.import_network import ANSWERS, FOUND, PATIENCE, PROGRAM, ImportNetwork
from cxredge.workers.pool import run_tasks
from cxredge.workers.task import AnyJob, Task
from cxredge.workflows.recipe_text import environment

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.data.film import Film
    from cxredge.distill.thresholds import Thresholds
    from cxredge.importing.import_record import ImportRecord
    from cxredge.recipe import FolderData, PhantomData

ZOO = Path("model_zoo")
RECIPE, RECORD = "model.yaml", "import.json"
CALIBRATION = 128
"""Films that set INT8 ranges, where there are as many."""
NAME = re.compile(r"^[a-z][a-z0-9-]{0,39}$")
VERSIONED = ("torch", "torchvision", "timm", "numpy", "safetensors")


@dataclass(frozen=True)
class Request:
    """What ``cxredge import`` is asked for."""

    source: Source
    wanted: Wanted
    labels: tuple[str, ...]
    data: str
    name: str
    label_column: str | None = None
    kind: Any = None
    """``multi-label`` or ``single-label``; None: what the table tells."""
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

    if not NAME.fullmatch(request.name):
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
        _check_logits(_answers(made / ANSWERS))
        imported = _judged(request, found, data, labels, films, _answers(made / ANSWERS), (made / PROGRAM).read_bytes())
        recipe, record, text = imported
        with fresh_directory(folder) as fresh:
            write_bytes(fresh / recipe.weights.file, (made / PROGRAM).read_bytes())
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
            f"the network has {found.count} outputs, and {len(labels.names)} labels are named",
            "name every output in its order (--labels)",
        )
    of = {"sigmoid": "multi-label", "softmax": "single-label", "log-softmax": "single-label"}
    said = of.get(found.probability or "", labels.kind)
    if said != labels.kind:
        raise InputError(
            "IMPORT-KIND",
            f"the network ends in a {found.probability}, which is for {said}, and the labels are {labels.kind}",
            "name labels and a set of the network's kind",
        )


def _check_logits(answers: Mapping[str, NDArray[np.float32]]) -> None:
    """Raises InputError IMPORT-PROBABILITY: what was taken for logits are probabilities, by all that is seen."""
    said = np.concatenate([answers[f"{split}.logits"].reshape(-1) for split in ("val", "test")])
    if float(said.min()) >= 0 and float(said.max()) <= 1:
        raise InputError(
            "IMPORT-PROBABILITY",
            "every answer lies between 0 and 1, and the network ends in no sigmoid or softmax that could be taken off",
            "name the output that gives logits (--output), or return them before they become probabilities (--code)",
        )


def _judged(
    request: Request,
    found: Found,
    data: FolderData | PhantomData,
    labels: Labels,
    films: DataSet,
    answers: Mapping[str, NDArray[np.float32]],
    program: bytes,
) -> tuple[Recipe, ImportRecord, str]:
    """Thresholds by the rules, the proof, and the recipe as it is written."""
    from cxredge.distill.evaluate import Answers
    from cxredge.distill.thresholds import fitted
    from cxredge.importing.import_record import Answer, ImportRecord
    from cxredge.importing.proof import proven
    from cxredge.parity.chance import chance
    from cxredge.parity.decisions import rule_of
    from cxredge.recipe_file import parse_recipe
    from cxredge.recipe_student import OriginalProof

    written = {
        "name": request.name,
        "found": found,
        "normalise": found.normalise.model_dump(mode="json"),
        "labels": labels,
        "data": data.model_dump(mode="json", exclude_none=True),
        "sha256": sha256_bytes(program),
        "licence": "EDIT: the licence of these weights",
        "summary": f"{found.read.network}, trained elsewhere; imported from {found.read.file}.",
        "limitations": _limitations(found, labels, films),
        **_uses(films),
        "novelty": {"threshold": 1.0, "rule": "none yet"} if found.novelty_rank else None,
        "least_margin": {"log_odds": 0.0, "rule": "none yet"},
        "points": {name: {"logit": 0.0, "rule": _no_point(name, labels)} for name in labels.names},
        "proof": OriginalProof(films=1, decisions=1, max_abs=0, flips=0).model_dump(mode="json"),
    }
    first = parse_recipe(rendered(written).encode(), RECIPE)
    val = films.films("val")
    targets = np.stack([film.targets for film in val])
    chosen: Thresholds = fitted(first, targets, Answers(answers["val.logits"], answers.get("val.novelty")))
    written["points"] = {
        **written["points"],
        **{name: point.model_dump(mode="json") for name, point in chosen.points.items()},
    }
    if chosen.margin is not None:
        written["least_margin"] = chosen.margin.model_dump(mode="json")
    if chosen.novelty is not None:
        written["novelty"] = chosen.novelty.model_dump(mode="json")
    decided = parse_recipe(rendered(written).encode(), RECIPE)
    splits = ["test"] if request.transform else ["test", "val"]
    both = {
        name: np.concatenate([answers[f"{split}.{name}"] for split in splits]) for name in ("original", "logits")
    } | ({"own": answers["test.own"]} if request.transform else {})
    proof = proven(labels.names, decided.decision, both, found.probability, _without_folder(request.transform))
    written["proof"] = proof.model_dump(mode="json")
    text = rendered(written)
    shown_films = [film for split in splits for film in films.films(split)]
    tested = films.films("test")
    known = np.array([name in labels.told for name in labels.names])
    truth = np.stack([film.targets for film in tested]) > 0.5
    rule = rule_of(labels.names, decided.decision)
    record = ImportRecord(
        name=request.name,
        chance=chance(rule, truth, answers["test.logits"], [film.patient for film in tested], known),
        data=films.name,
        labels=labels,
        found=found,
        proof=proof,
        student_sha256=sha256_bytes(program),
        versions={package: importlib.metadata.version(package) for package in VERSIONED},
        answers=tuple(
            Answer(film=film.sha256(), said=tuple(float(x) for x in said))
            for film, said in zip(shown_films, both["original"], strict=True)
        ),
    )
    return parse_recipe(text.encode(), RECIPE), record, text


def _without_folder(transform: str | None) -> str | None:
    """Words for the original's own preprocessing: of code its file's name, and not where that lies."""
    file, sign, factory = (transform or "").rpartition(":")
    return f"{Path(file).name}:{factory}" if sign else transform


def rendered(values: Mapping[str, Any]) -> str:
    """The recipe's text."""
    return environment().get_template("import.yaml.j2").render(values)


def _limitations(found: Found, labels: Labels, films: DataSet) -> list[str]:
    lines = [
        "Trained elsewhere: what it learnt from is not known to this toolchain.",
        "Not clinically validated, and not a medical device.",
    ]
    if labels.not_judged:
        lines.append(f"The films of {films.name} tell nothing of {', '.join(labels.not_judged)}: not judged.")
    if not found.novelty_rank:
        lines.append("It has no novelty score: a picture of anything gets an answer like any other.")
    return lines


def _uses(films: DataSet) -> dict[str, Any]:
    """What val and test are for: INT8 ranges are set on one, and artifacts judged on the other.

    Training films set no ranges: what a student has seen excites it otherwise. Raises InputError IMPORT-FEW.
    """
    from cxredge.recipe_calibration import MIN_CALIBRATION_FILMS

    for split, other in (("val", "test"), ("test", "val")):
        count = len(films.films(split))
        if count >= MIN_CALIBRATION_FILMS:
            return {"calibration": {"split": split, "count": min(count, CALIBRATION)}, "evaluation": {"split": other}}
    raise InputError(
        "IMPORT-FEW",
        f"{films.name} has fewer than {MIN_CALIBRATION_FILMS} films in val and in test",
        "bring more: INT8 ranges are set on films that nothing is judged on",
    )


def _no_point(name: str, labels: Labels) -> str:
    if name in labels.not_judged:
        return "not fitted, no ground truth: a probability of one half"
    return "not fitted, too few films with or without it on val: a probability of one half"
