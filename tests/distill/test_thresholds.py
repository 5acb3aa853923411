from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxredge.distill.evaluate import Answers
from cxredge.distill.thresholds import (
    fitted,
    fitted_margin,
    fitted_points,
    novelty_threshold,
    point_by_prevalence,
    quality_thresholds,
)
from cxredge.recipe_file import load_recipe
from cxredge.vocabulary import QUALITY_KINDS


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


def test_quality_thresholds_say_from_how_many_films_they_came_and_are_never_below_zero() -> None:
    films = np.random.default_rng(0).normal(-3, 1, (102, 4)).astype(np.float32)
    films[:, 3] += 5
    found = quality_thresholds(films)
    assert found.rule == "at most 1 % of val, 102 films"
    assert [found.thresholds[kind] for kind in QUALITY_KINDS[:3]] == [0, 0, 0]
    assert (films[:, 3] >= found.thresholds["mirrored"]).sum() == 1
    few = quality_thresholds(films[:20])
    assert few.rule == "above val, 20 films, and above the next one but for 1 %"
    assert few.thresholds["mirrored"] > films[:20, 3].max()


def class_answers(films: int, classes: int, seed: int = 0) -> tuple[np.ndarray, Answers]:
    random = np.random.default_rng(seed)
    targets = np.eye(classes, dtype=np.float32)[random.integers(0, classes, films)]
    logits = (1.5 * targets + random.normal(size=targets.shape)).astype(np.float32)
    return targets, Answers(logits, np.ones(films, np.float32))


def test_exclusive_classes_get_a_margin_and_no_points(class_recipe: Callable[[], Path]) -> None:
    recipe = load_recipe(class_recipe())
    targets, found = class_answers(120, 3)
    chosen = fitted(recipe, targets, found)
    assert chosen.points == {}
    assert chosen.margin is not None
    # by the softmax alone: the margin's probability is p / (1 - p) = e^margin
    chances = np.exp(found.logits.astype(np.float64))
    chances /= chances.sum(1, keepdims=True)
    sure = chances.max(1) >= 1 / (1 + np.exp(-chosen.margin.log_odds))
    right = (chances.argmax(1) == targets.argmax(1))[sure]
    assert chosen.margin.rule == f"accuracy >= 0.8 on val, 120 films, {sure.sum()} answered, {right.sum()} right"
    assert right.mean() >= 0.8
    assert 20 < sure.sum() < 120
    # a shift a film is nothing to a softmax
    assert fitted_margin(recipe, targets, found.logits + np.float32(64) * targets.argmax(1)[:, None]).log_odds == (
        pytest.approx(chosen.margin.log_odds, abs=1e-4)
    )


def test_a_tie_is_not_answered(class_recipe: Callable[[], Path]) -> None:
    recipe = load_recipe(class_recipe())
    logits = np.array([[3, 3, 0], [4, 0, 0], [0, 5, 0], [0, 0, 6]], np.float32)
    found = fitted_margin(recipe, np.eye(3, dtype=np.float32)[[0, 0, 1, 2]], logits)
    assert found.rule.endswith("4 films, 3 answered, 3 right")
