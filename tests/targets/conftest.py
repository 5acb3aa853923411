from __future__ import annotations

from pathlib import Path

import pytest

from cxredge.recipe import InputSpec, Labels, OperatingPoint, Recipe
from cxredge.recipe_file import load_recipe


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """The phantom recipe with the tiny student's input and labels."""
    from targets.tiny_student import LABELS, SIZE

    whole = load_recipe(Path(__file__).parents[2] / "model_zoo" / "phantom")
    spec = InputSpec(height=SIZE, width=SIZE, fit="pad")
    points = {label: OperatingPoint(logit=0.0, rule="test") for label in LABELS}
    return whole.model_copy(update={"input": spec, "labels": Labels(names=LABELS), "operating_points": points})
