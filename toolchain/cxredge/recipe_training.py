"""Whether a recipe's student is trained, and what to type where it is not."""

from __future__ import annotations

from pathlib import Path

from cxredge.errors import InputError
from cxredge.path_errors import shown
from cxredge.recipe import Recipe


def check_trained(recipe: Recipe, file: Path, thresholds: bool = True) -> None:
    """Refuse what needs a student, where there is none yet. thresholds: whether it needs these, too.

    Raises InputError RECIPE-UNTRAINED (no weights), RECIPE-THRESHOLDS (weights, and no thresholds).
    """
    if not recipe.trained:
        raise InputError("RECIPE-UNTRAINED", f"{shown(file)}: {untrained_words(recipe)}", next_step(recipe, file))
    if thresholds and recipe.not_yet:
        raise InputError(
            "RECIPE-THRESHOLDS",
            f"{shown(file)}: not chosen yet: {', '.join(recipe.not_yet)}",
            next_step(recipe, file),
        )


def untrained_words(recipe: Recipe) -> str:
    """That it is not trained, and what it therefore lacks."""
    return f"not distilled yet: {', '.join(recipe.not_yet)} to be written"


def next_step(recipe: Recipe, file: Path) -> str:
    """What to type."""
    place = shown(file.parent if file.name == "model.yaml" else file)
    if recipe.trained:
        return f"run: cxredge thresholds {place}"
    own = "for weights that you have and trust, write their SHA-256 into weights.sha256"
    if recipe.distill is None:
        return f"add a distill section (docs/distill.md) and run: cxredge distill {place}; or {own}"
    return f"run: cxredge distill {place}; or {own}"
