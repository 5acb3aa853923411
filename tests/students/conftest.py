from __future__ import annotations

from pathlib import Path

import pytest

from cxredge.recipe import Recipe
from cxredge.recipe_file import load_recipe


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """The phantom recipe with the smallest MobileNetV2 and films of 32 x 32 pixels."""
    recipe = load_recipe(Path(__file__).parents[2] / "model_zoo" / "phantom")
    small_net = {"backbone": "timm/mobilenetv2_035", "novelty_rank": 4, "map_upscale": 1}
    student = recipe.student.model_copy(update=small_net)
    small = recipe.input.model_copy(update={"height": 32, "width": 32})
    return recipe.model_copy(update={"student": student, "input": small, "quality": None})
