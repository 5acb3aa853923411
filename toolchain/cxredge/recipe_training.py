"""Whether a recipe's student is trained, what to type where it is not, and what decides its trainings."""

from __future__ import annotations

import os
from pathlib import Path

from cxredge.errors import InputError
from cxredge.path_errors import shown
from cxredge.recipe import Recipe, weights_file
from cxredge.recipe_distillation import Role

OF_THE_STUDENT = frozenset((
    "epochs", "learning_rate", "patience", "temperature", "alpha", "losses", "views", "pretrained", "pretraining",
    "further_teachers",
))  # fmt: skip
"""Keys of ``distill`` that decide nothing of the teacher's training."""
OF_THE_PRETRAINING = ("pretraining", "pretrained", "seed", "licence_classes")
"""Those that decide what the student's backbone learns before any label."""


def check_trained(recipe: Recipe, file: Path, thresholds: bool = True) -> None:
    """Refuse what needs a student, where there is none yet. thresholds: whether it needs these, too.

    Raises InputError RECIPE-UNTRAINED (no weights), RECIPE-THRESHOLDS (weights, and no thresholds), WEIGHTS-MISSING of
    weights that do not ship and were not made here.
    """
    if not recipe.trained:
        raise InputError("RECIPE-UNTRAINED", f"{shown(file)}: {untrained_words(recipe)}", next_step(recipe, file))
    if recipe.ship is not None and not os.path.lexists(weights := weights_file(recipe, file)):
        raise InputError(
            "WEIGHTS-MISSING",
            f"there are no weights at {shown(weights)}; those of {recipe.name} do not ship: {recipe.ship.why}",
            f"run: cxredge distill {_place(file)}",
        )
    if thresholds and recipe.not_yet:
        raise InputError(
            "RECIPE-THRESHOLDS",
            f"{shown(file)}: not chosen yet: {', '.join(recipe.not_yet)}",
            next_step(recipe, file),
        )


def teaching(recipe: Recipe, role: Role = "student") -> dict[str, object]:
    """The parts of a recipe that decide a role's training, as JSON has them; the student's decide all of it."""
    parts = recipe.model_dump(mode="json", include={"student", "input", "labels", "data", "distill"})
    if role == "teacher":
        parts["student"] = {"novelty_rank": parts["student"]["novelty_rank"]}  # it has such a head, too
        parts["distill"] = {key: said for key, said in parts["distill"].items() if key not in OF_THE_STUDENT}
    if role == "pretraining":
        parts["distill"] = {key: parts["distill"].get(key) for key in OF_THE_PRETRAINING}
    # the thresholds of the novelty score decide nothing here, whether there is one decides which tensors there are; a
    # quality head is fitted behind the training, and is no part of what is trained
    return {**parts, "outputs": [name for name in recipe.outputs if name != "quality"]}


def untrained_words(recipe: Recipe) -> str:
    """That it is not trained, and what it therefore lacks."""
    return f"not distilled yet: {', '.join(recipe.not_yet)} to be written"


def next_step(recipe: Recipe, file: Path) -> str:
    """What to type."""
    place = _place(file)
    if recipe.trained:
        return f"run: cxredge thresholds {place}"
    own = "for weights that you have and trust, write their SHA-256 into weights.sha256"
    if recipe.distill is None:
        return f"add a distill section (docs/distill.md) and run: cxredge distill {place}; or {own}"
    return f"run: cxredge distill {place}; or {own}"


def _place(file: Path) -> str:
    return shown(file.parent if file.name == "model.yaml" else file)
