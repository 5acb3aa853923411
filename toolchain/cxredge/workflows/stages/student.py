"""What stages that start from the eager student have in common: its part of their keys."""

from __future__ import annotations

from cxredge.recipe import Recipe

EAGER_PACKAGES = ("numpy", "safetensors", "timm", "torch")
"""What decides the eager student's numbers."""


def student_inputs(recipe: Recipe) -> dict[str, object]:
    """What of a recipe decides the student."""
    return {
        "student": recipe.student.model_dump(mode="json"),
        "weights": recipe.weights.sha256,
        "input": recipe.input.preprocessing.model_dump(mode="json"),
        "labels": len(recipe.labels.names),
        "outputs": list(recipe.outputs),
    }
