"""The recipe of an imported student: thresholds by the rules, the proof of the root, and the text that is written."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.importing.plan import Found
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels
from cxredge.text_templates import templates

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.distill.thresholds import Thresholds
    from cxredge.importing.import_record import ImportRecord
    from cxredge.recipe import FolderData, PhantomData
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


def judged(
    name: str,
    transform: str | None,
    found: Found,
    data: FolderData | PhantomData,
    labels: Labels,
    films: DataSet,
    answers: Mapping[str, NDArray[np.float32]],
    program: bytes,
) -> tuple[Recipe, ImportRecord, str]:
    """Thresholds by the rules, the proof, and the recipe as it is written.

    transform: the original's own preprocessing, in words, where ``answers`` has what it said behind it.
    Raises InputError IMPORT-FEW, ProofFailed IMPORT-DIFFERS.
    """
    from cxredge.distill.evaluate import Answers
    from cxredge.distill.thresholds import fitted
    from cxredge.importing.import_record import Answer, ImportRecord
    from cxredge.importing.proof import proven
    from cxredge.parity.chance import student_chance
    from cxredge.recipe_file import parse_recipe
    from cxredge.recipe_student import OriginalProof

    written = {
        "name": name,
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
    splits = ["test"] if transform else ["test", "val"]
    both = {
        name: np.concatenate([answers[f"{split}.{name}"] for split in splits]) for name in ("original", "logits")
    } | ({"own": answers["test.own"]} if transform else {})
    proof = proven(labels.names, decided.decision, both, found.probability, transform)
    written["proof"] = proof.model_dump(mode="json")
    text = rendered(written)
    shown_films = [film for split in splits for film in films.films(split)]
    tested = films.films("test")
    truth = np.stack([film.targets for film in tested]) > 0.5
    record = ImportRecord(
        name=name,
        chance=student_chance(decided, truth, answers["test.logits"], [film.patient for film in tested]),
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


def rendered(values: Mapping[str, Any]) -> str:
    """The recipe's text."""
    return templates(TEMPLATES).get_template("import.yaml.j2").render(values)


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
    from cxredge.recipe_calibration import MIN_CALIBRATION_FILMS, USUAL_CALIBRATION_FILMS

    for split, other in (("val", "test"), ("test", "val")):
        count = len(films.films(split))
        if count >= MIN_CALIBRATION_FILMS:
            return {
                "calibration": {"split": split, "count": min(count, USUAL_CALIBRATION_FILMS)},
                "evaluation": {"split": other},
            }
    raise InputError(
        "IMPORT-FEW",
        f"{films.name} has fewer than {MIN_CALIBRATION_FILMS} films in val and in test",
        "bring more: INT8 ranges are set on films that nothing is judged on",
    )


def _no_point(name: str, labels: Labels) -> str:
    if name in labels.not_judged:
        return "not fitted, no ground truth: a probability of one half"
    return "not fitted, too few films with or without it on val: a probability of one half"
