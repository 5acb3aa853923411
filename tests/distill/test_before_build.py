"""What a build will refuse is said before a training, with its code and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxredge.data.data_sets import open_data
from cxredge.distill.before_build import refused_by_build
from cxredge.recipe_file import load_recipe

Write = Callable[[Path], Path]


@pytest.fixture
def said(values: dict[str, Any], write_recipe: Write, tmp_path: Path) -> Callable[[], list[str]]:
    """What is said of the recipe ``values``, which has an artifact in INT8."""
    values["targets"] = {"executorch": ["fp32", "w8a8"]}
    values["gates"]["w8a8"] = {"flip_rate": 0.5}

    def said() -> list[str]:
        recipe = load_recipe(write_recipe(tmp_path / "tiny"))
        return refused_by_build(recipe, open_data(recipe.data, recipe.labels, tmp_path))

    return said


@pytest.mark.parametrize(
    ("calibration", "code", "words"),
    [
        ({"split": "val", "count": 16}, "CALIBRATION-COUNT", "calibration.count is 16"),
        ({"split": "val", "count": 128}, "CALIBRATION-FEW", "ask for at most "),
        ({"split": "train", "count": 100}, "CALIBRATION-SPLIT", "calibrate on a split that is neither"),
    ],
)
def test_what_a_build_refuses_is_said(
    said: Callable[[], list[str]], values: dict[str, Any], calibration: dict[str, Any], code: str, words: str
) -> None:
    values["calibration"] = calibration
    (line,) = said()
    assert line.startswith(f"`cxredge build` will refuse this recipe [{code}]: ")
    assert words in line


def test_nothing_is_said_of_a_recipe_that_builds(said: Callable[[], list[str]], values: dict[str, Any]) -> None:
    values["calibration"] = {"split": "val", "count": 16}
    values["targets"] = {"executorch": ["fp32"]}
    assert said() == [], "without INT8 nothing is calibrated"
    values["targets"] = {"executorch": ["fp32", "w8a8"]}
    values["calibration"] = {"split": "val", "count": 100}
    values["data"]["patients"]["val"] = 70
    assert said() == []
