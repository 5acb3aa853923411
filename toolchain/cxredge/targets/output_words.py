"""What a model file says of its outputs to whoever opens it."""

from __future__ import annotations

from cxredge.recipe import Recipe
from cxredge.recipe_student import ProgramSpec
from cxredge.vocabulary import QUALITY_KINDS


def output_words(recipe: Recipe, axes: str) -> dict[str, str]:
    """A line on each output of the recipe's student, in their order. axes: of a map, in the file's own order."""
    lines = {
        "logits": "one logit a label, before the sigmoid or softmax; thresholds are in the bundle's manifest",
        "cam": f"class activation maps in logit units, {axes}; {_maps(recipe)}",
        "novelty": "distance from the training films: 0 or more, about 1 on them",
        "quality": f"log-odds that the film is {', '.join(QUALITY_KINDS)}, against an ordinary film",
    }
    return {name: lines[name] for name in recipe.outputs}


def _maps(recipe: Recipe) -> str:
    if recipe.heatmap == "gradient":
        return "the logit's gradient by the pooled features, times the features (Grad-CAM before its clipping)"
    if isinstance(recipe.student, ProgramSpec):
        return "their spatial mean is the logit, but for a constant of the label"
    return "their spatial mean is the logit"
