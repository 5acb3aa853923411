"""Recipes of imported students, for what does not need the student itself."""

from __future__ import annotations

from cxredge.recipe import Recipe
from cxredge.recipe_student import Heatmap, Normalise, OriginalProof, ProgramSpec


def imported(recipe: Recipe, heatmap: Heatmap, **more: object) -> Recipe:
    """The recipe of a student that came from elsewhere, with maps of that kind."""
    proof = OriginalProof(films=120, decisions=240, max_abs=2e-6, flips=0)
    student = ProgramSpec(program="torchvision/resnet18", normalise=Normalise(), heatmap=heatmap, original=proof)
    return recipe.model_copy(update={"student": student, **more})
