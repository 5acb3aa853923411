"""The recipe of an imported student: thresholds by the rules, the proof of the root, and the text that is written."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import SPLITS
from cxredge.errors import InputError, counted
from cxredge.files import sha256_bytes
from cxredge.importing.plan import ACCIDENTS, Found
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels
from cxredge.text_templates import templates

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.distill.record import QualityScore
    from cxredge.distill.thresholds import Thresholds
    from cxredge.importing.import_record import ImportRecord
    from cxredge.recipe_data import FolderData, PhantomData
    from cxredge.statistics.probabilities import Kind

RECIPE = "model.yaml"
TEMPLATES = Path(__file__).parent / "templates"
VERSIONED = ("torch", "torchvision", "timm", "numpy", "safetensors")
SUM = 1e-3
"""By which the probabilities of exclusive classes may miss 1."""


def check_logits(answers: Mapping[str, NDArray[np.float32]], kind: Kind) -> None:
    """Raises InputError IMPORT-PROBABILITY: what was taken for logits are probabilities, or may as well be.

    kind: of the labels. Answers for exclusive classes are probabilities where those of every film add up to 1. Others
    have no such sum, and between 0 and 1 they may be either.
    """
    said = np.concatenate([answers[f"{split}.logits"] for split in ("val", "test")])
    if float(said.min()) < 0 or float(said.max()) > 1:
        return
    before = "name the output that gives logits (--output), or return them before they become probabilities (--code)"
    if kind == "multi-label" or said.shape[1] == 1:
        raise InputError(
            "IMPORT-PROBABILITY",
            f"every answer lies between 0 and 1 ({said.min():.3g} to {said.max():.3g}), and the network ends in no "
            "sigmoid that could be taken off: nothing tells whether these are logits or probabilities",
            f"if they are probabilities, {before}; if they are logits, train it further: those of a trained network "
            "leave that range",
        )
    if float(np.abs(said.sum(1) - 1).max()) <= SUM:
        raise InputError(
            "IMPORT-PROBABILITY",
            "the answers of every film lie between 0 and 1 and add up to 1: they are probabilities, and the network "
            "ends in no softmax that could be taken off",
            before,
        )


@dataclass(frozen=True)
class Written:
    """An import's recipe, judged and as text."""

    recipe: Recipe
    record: ImportRecord
    text: str
    largest_logit: float
    """Of the student, and 1 at least: what the bound of the proof is a share of."""
    remark: str | None
    """Which splits have other uses than in most recipes, and why."""
    quality: QualityScore | None
    """How many films held or exported wrongly the student finds; None: it has no such output."""


def judged(
    name: str,
    transform: str | None,
    found: Found,
    data: FolderData | PhantomData,
    labels: Labels,
    films: DataSet,
    answers: Mapping[str, NDArray[np.float32]],
    program: bytes,
) -> Written:
    """Thresholds by the rules, the proof, and the recipe as it is written.

    transform: the original's own preprocessing, in words, where ``answers`` has what it said behind it.
    Raises InputError IMPORT-FEW, ProofFailed IMPORT-DIFFERS.
    """
    from cxredge.data.accidents import accident_films
    from cxredge.distill.evaluate import Answers
    from cxredge.distill.quality_head import score_of
    from cxredge.distill.thresholds import fitted
    from cxredge.importing.import_record import Answer, ImportRecord
    from cxredge.importing.proof import proven
    from cxredge.parity.chance import student_chance
    from cxredge.recipe_file import parse_recipe
    from cxredge.recipe_student import OriginalProof

    uses = uses_of(films, transform is not None, found.novelty_rank is not None)
    written: dict[str, Any] = {
        "name": name,
        "found": found,
        "normalise": found.normalise.model_dump(mode="json"),
        "labels": labels,
        "data": data.model_dump(mode="json", exclude_none=True),
        "sha256": sha256_bytes(program),
        "licence": "EDIT: the licence of these weights",
        "summary": f"{found.read.network}, trained elsewhere; imported from {found.read.file}.",
        "limitations": _limitations(found, labels, films, uses.remark),
        "calibration": {"split": uses.calibration, "count": uses.count},
        "evaluation": {"split": uses.evaluation},
        "remark": uses.remark,
        "novelty": {"threshold": 1.0, "rule": "none yet"} if found.novelty_rank else None,
        "quality": None if found.no_quality else {},
        "least_margin": {"log_odds": 0.0, "rule": "none yet"},
        "points": {name: {"logit": 0.0, "rule": _no_point(name, labels)} for name in labels.names},
        "proof": OriginalProof(films=1, decisions=1, max_abs=0, flips=0).model_dump(mode="json"),
    }
    first = parse_recipe(rendered(written).encode(), RECIPE)
    val = films.films("val")
    targets = np.stack([film.targets for film in val])
    said = Answers(answers["val.logits"], answers.get("val.novelty"), answers.get("val.quality"))
    chosen: Thresholds = fitted(first, targets, said)
    written["points"] = {
        **written["points"],
        **{name: point.model_dump(mode="json") for name, point in chosen.points.items()},
    }
    if chosen.margin is not None:
        written["least_margin"] = chosen.margin.model_dump(mode="json")
    if chosen.novelty is not None:
        written["novelty"] = chosen.novelty.model_dump(mode="json")
    if chosen.quality is not None:
        written["quality"] = chosen.quality.model_dump(mode="json")
    decided = parse_recipe(rendered(written).encode(), RECIPE)
    splits: tuple[Literal["val", "test"], ...] = ("test",) if transform else ("val", "test")
    both = {
        name: np.concatenate([answers[f"{split}.{name}"] for split in splits]) for name in ("original", "logits")
    } | ({"own": answers["test.own"]} if transform else {})
    proof = proven(labels.names, decided.decision, both, found.probability, transform)
    proof = proof.model_copy(update={"splits": splits})
    written["proof"] = proof.model_dump(mode="json")
    text = rendered(written)
    shown_films = [film for split in splits for film in films.films(split)]
    shown = films.films(uses.evaluation)
    truth = np.stack([film.targets for film in shown]) > 0.5
    record = ImportRecord(
        name=name,
        chance=student_chance(decided, truth, answers[f"{uses.evaluation}.logits"], [film.patient for film in shown]),
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
    largest = max(1.0, float(np.abs(both["logits"]).max()))
    score = None
    if chosen.quality is not None:
        ordinary = answers["test.quality"]
        score = score_of(ordinary[accident_films(len(ordinary))], answers[ACCIDENTS], chosen.quality)
    return Written(parse_recipe(text.encode(), RECIPE), record, text, largest, uses.remark, score)


def rendered(values: Mapping[str, Any]) -> str:
    """The recipe's text."""
    return templates(TEMPLATES).get_template("import.yaml.j2").render(values)


def _limitations(found: Found, labels: Labels, films: DataSet, remark: str | None) -> list[str]:
    lines = [
        "Trained elsewhere: what it learnt from is not known to this toolchain.",
        "Not clinically validated, and not a medical device.",
    ]
    if labels.not_judged:
        lines.append(f"The films of {films.name} tell nothing of {', '.join(labels.not_judged)}: not judged.")
    if not found.novelty_rank:
        lines.append("It has no novelty score: a picture of anything gets an answer like any other.")
    if found.no_quality:
        lines.append("It has no quality output: films that were exported or held wrongly get an answer like any other.")
    if remark is not None:
        lines.append(f"{remark[0].upper()}{remark[1:]}.")
    return lines


@dataclass(frozen=True)
class Uses:
    """What val and test are for: INT8 ranges are set on ``count`` films of one, and artifacts judged on the other."""

    calibration: str
    count: int
    evaluation: str
    remark: str | None
    """Why artifacts are judged on val, and not on test."""


def uses_of(films: DataSet, transform: bool, novelty: bool) -> Uses:
    """The splits' uses. Training films set no ranges: what a student has seen excites it otherwise.

    transform: whether the original is run behind its own preprocessing; novelty: whether a score is fitted.
    Raises InputError IMPORT-FEW, IMPORT-NOVELTY.
    """
    from cxredge.importing import making, proof
    from cxredge.recipe_calibration import MIN_CALIBRATION_FILMS, USUAL_CALIBRATION_FILMS

    train, val, test = (len(films.films(split)) for split in SPLITS)
    if max(val, test) < MIN_CALIBRATION_FILMS:
        raise InputError(
            "IMPORT-FEW",
            f"{films.name} has fewer than {MIN_CALIBRATION_FILMS} films in val and in test",
            "bring more: INT8 ranges are set on films that nothing is judged on",
        )
    if transform and test < proof.LEAST:
        raise InputError(
            "IMPORT-FEW",
            f"{films.name} has {counted(test, 'film')} in test, and --original-transform is tried on "
            f"{proof.LEAST} or more",
            "bring more, or leave --original-transform out",
        )
    if novelty and train < making.LEAST:
        raise InputError(
            "IMPORT-NOVELTY",
            f"{films.name} has {counted(train, 'film')} in train, and a novelty score is fitted to "
            f"{making.LEAST} or more",
            "bring more, or leave the score out: --novelty none",
        )
    if val >= MIN_CALIBRATION_FILMS:
        return Uses("val", min(val, USUAL_CALIBRATION_FILMS), "test", None)
    count = min(test, USUAL_CALIBRATION_FILMS)
    return Uses(
        "test",
        count,
        "val",
        f"val has {counted(val, 'film')}, and a build calibrates on {MIN_CALIBRATION_FILMS} or more: INT8 ranges "
        f"come from "
        f"{f'{count} of ' if count < test else ''}the {test} test films, and artifacts are "
        "judged on val, on which the thresholds were chosen too",
    )


def _no_point(name: str, labels: Labels) -> str:
    if name in labels.not_judged:
        return "not fitted, no ground truth: a probability of one half"
    return "not fitted, too few films with or without it on val: a probability of one half"
