from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxredge.distill.thresholds import fitted_points, novelty_threshold, point_by_prevalence
from cxredge.recipe_file import load_recipe


def test_the_recipes_rules_are_followed(
    write_recipe: Callable[[Path], Path], values: dict[str, Any], tmp_path: Path
) -> None:
    values["operating_rules"] = {"labels": {"Effusion": {"kind": "sensitivity", "floor": 0.9}}}
    recipe = load_recipe(write_recipe(tmp_path))
    truth = np.array([0, 1, 0, 0, 1, 1, 1], np.float32)
    logits = np.arange(7, dtype=np.float32)
    found = fitted_points(recipe, np.stack([truth, truth], 1), np.stack([logits, logits], 1))
    assert found["Cardiomegaly"].logit == pytest.approx(3.5)
    assert found["Cardiomegaly"].rule == "youden on val, 7 films, 4 positive"
    assert found["Effusion"].logit == pytest.approx(0.5)
    assert found["Effusion"].rule == "sensitivity >= 0.9 on val, 7 films, 4 positive"


@pytest.mark.parametrize(
    ("positives", "what"), [(0, "positives on val (0)"), (2, "positives on val (2)"), (98, "negatives on val (2)")]
)
def test_too_few_cases_are_owned_up_to(
    positives: int, what: str, write_recipe: Callable[[Path], Path], tmp_path: Path
) -> None:
    truth = (np.arange(100) < positives).astype(np.float32)
    logits = np.linspace(-5, 5, 100).astype(np.float32)
    enough = (np.arange(100) < 3).astype(np.float32)
    recipe = load_recipe(write_recipe(tmp_path))
    assert set(fitted_points(recipe, np.stack([truth, enough], 1), np.stack([logits, logits], 1))) == {"Effusion"}
    point = point_by_prevalence(truth, logits, 0.1)
    assert what in point.rule
    assert (logits >= point.logit).sum() == 10
    assert np.isfinite(point_by_prevalence(truth, logits, 0.0).logit)


def test_novelty_threshold_is_a_percentile() -> None:
    found = novelty_threshold(np.arange(101, dtype=np.float32))
    assert found.threshold == 99
    assert novelty_threshold(np.zeros(5, np.float32)).threshold > 0
