from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.baselines.baselines_record import Difference, WayRecord, finding
from cxredge.baselines.compare_ways import pool
from cxredge.baselines.comparison import compared
from cxredge.baselines.held_out import HeldOut, Part
from cxredge.baselines.kept_answers import AnswersFile, WayAnswers
from cxredge.data.data_sets import DataSet
from cxredge.data.film import Film
from cxredge.recipe import Recipe
from cxredge.recipe_file import load_recipe
from cxredge.results import BootstrapSpec
from cxredge.statistics.auc import auc
from cxredge.statistics.bootstrap import film_weights

Write = Callable[[Path], Path]
NONE = DataSet("x", ())
FEW = BootstrapSpec(resamples=60, level=0.9, seed=4)


def said(logits: NDArray[np.float32], seconds: float = 1.5) -> WayAnswers:
    return WayAnswers(logits, parameters=10, bytes=40, seconds=seconds)


def held_out(targets: NDArray[np.bool_], patients: list[str]) -> HeldOut:
    films = tuple(
        Film(f"{at}.png", Path("x"), patient, "test", row.astype(np.float32))
        for at, (row, patient) in enumerate(zip(targets, patients, strict=True))
    )
    return HeldOut(films, ())


def test_pooled_folds_by_hand() -> None:
    """Each film's logits come from the fold that held it out, in the order of the films."""
    parts = [Part({}, np.array([3, 0]), NONE), Part({}, np.array([1, 4]), NONE), Part({}, np.array([2]), NONE)]
    logits = [np.array([[30, 31], [0, 1]]), np.array([[10, 11], [40, 41]]), np.array([[20, 21]])]
    found = pool(parts, [said(own.astype(np.float32)) for own in logits])
    assert found.tolist() == [[0, 1], [10, 11], [20, 21], [30, 31], [40, 41]]


@pytest.fixture
def two_ways(write_recipe: Write, tmp_path: Path) -> tuple[Recipe, HeldOut, dict[Any, Any]]:
    """Two seeds' logits of 60 films of 30 patients by two ways."""
    random = np.random.default_rng(0)
    truth = random.random((60, 2)) < 0.4
    patients = [f"p{at // 2}" for at in range(60)]
    logits = {
        way: [(truth * gain + random.normal(size=(60, 2))).astype(np.float32) for _ in range(2)]
        for way, gain in (("distilled", 1.0), ("hard labels", 0.4))
    }
    return load_recipe(write_recipe(tmp_path / "tiny")), held_out(truth, patients), logits


def test_differences_are_those_of_the_statistics_on_the_same_resamples(
    two_ways: tuple[Recipe, HeldOut, dict[Any, Any]],
) -> None:
    recipe, held, logits = two_ways
    answers = {way: [[said(one)] for one in seeds] for way, seeds in logits.items()}
    distilled, hard = compared(recipe, held, np.array([True, True]), None, answers, logits, FEW)
    areas = {way: np.mean([auc(held.truth, one) for one in seeds]) for way, seeds in logits.items()}
    assert distilled.auc == pytest.approx(areas["distilled"], abs=5e-5)
    assert hard.auc == pytest.approx(areas["hard labels"], abs=5e-5)
    assert distilled.auc_difference is None
    assert (hard.seconds, hard.parameters, hard.bytes) == (3.0, 10, 40)

    # by hand: whole patients are drawn, both ways on the same draw, and seeds averaged
    (weights,) = film_weights(held.patients, FEW.resamples, FEW.seed)
    drawn = []
    for column in weights.T.astype(int):
        rows = np.repeat(np.arange(60), column)
        each = {way: np.mean([auc(held.truth[rows], one[rows]) for one in seeds]) for way, seeds in logits.items()}
        drawn.append(each["hard labels"] - each["distilled"])
    low, high = np.quantile(drawn, [0.05, 0.95])
    assert hard.auc_difference is not None
    assert hard.auc_difference.value == pytest.approx(areas["hard labels"] - areas["distilled"], abs=5e-5)
    assert (hard.auc_difference.low, hard.auc_difference.high) == pytest.approx((low, high), abs=5e-5)
    assert hard.accuracy is None

    (_, one) = compared(recipe, held, np.array([True, False]), None, answers, logits, FEW)
    assert one.auc == pytest.approx(np.mean([auc(held.truth, own)[0] for own in logits["hard labels"]]), abs=5e-5)
    (_, none) = compared(recipe, held, np.array([True, True]), "too few", answers, logits, FEW)
    assert none.auc_difference == Difference(value=hard.auc_difference.value, low=None, high=None, too_few="too few")


def test_accuracy_of_exclusive_classes_by_hand(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    """Two seeds of four films: 3 and 2 are named what they are by one way, all by the other."""
    del values["operating_points"]
    values["labels"] = {"kind": "single-label", "names": ["a", "b"]}
    values["data"] = {"source": "folder", "name": "any", "label_column": "kind"}
    values["least_margin"] = {"log_odds": 0, "rule": "none yet"}
    values["margin_rule"] = {"kind": "accuracy", "floor": 0.8}
    recipe = load_recipe(write_recipe(tmp_path / "classes"))
    truth = np.array([[True, False], [False, True], [True, False], [False, True]])
    right = truth.astype(np.float32)
    wrong = [np.float32(1) - right[:1], right[1:]], [np.float32(1) - right[:2], right[2:]]
    logits: dict[Any, Any] = {"distilled": [right, right], "hard labels": [np.concatenate(rows) for rows in wrong]}
    answers = {way: [[said(one)] for one in seeds] for way, seeds in logits.items()}
    held = held_out(truth, ["p0", "p1", "p2", "p3"])
    distilled, hard = compared(recipe, held, np.array([True, True]), "too few", answers, logits, FEW)
    assert (distilled.accuracy, hard.accuracy) == (1.0, 0.625)
    assert hard.accuracy_difference == Difference(
        value=-0.375, low=None, high=None, too_few="4 patients, 10 are needed"
    )
    assert distilled.accuracy_difference is None


def record(value: float, low: float | None, high: float | None, few: str | None = None) -> WayRecord:
    return WayRecord(
        way="hard labels",
        parameters=1,
        bytes=1,
        auc=0.9,
        auc_difference=Difference(value=value, low=low, high=high, too_few=few),
        accuracy=None,
        accuracy_difference=None,
        seconds=0,
    )


@pytest.mark.parametrize(
    ("way", "begins"),
    [
        (record(-0.02, -0.03, -0.01), "Distillation does better than hard labels alone"),
        (record(0.02, 0.01, 0.03), "Hard labels alone do better than distillation"),
        (record(0.02, -0.01, 0.03), "No difference is shown"),
        (record(0.01, 0.0, 0.03), "No difference is shown"),
        (record(0.02, None, None, "4 positive patients"), "No difference can be shown"),
    ],
)
def test_what_is_found_is_said_whichever_way_it_went(way: WayRecord, begins: str) -> None:
    assert finding(way).startswith(begins)


def test_kept_answers_are_of_one_configuration_and_whole(tmp_path: Path) -> None:
    logits = np.arange(6, dtype=np.float32).reshape(3, 2)
    file = AnswersFile(tmp_path / "way" / "answers.safetensors", "a")
    assert file.read() is None
    file.write(said(logits, 2.5))
    found = file.read()
    assert found is not None
    assert (found.logits.tolist(), found.seconds, found.parameters) == (logits.tolist(), 2.5, 10)
    assert AnswersFile(file.path, "b").read() is None
    whole = file.path.read_bytes()
    for damaged in (whole[:-1], whole[:5], b"", b"\xff" * 40, whole.replace(b"parameters", b"parameterz")):
        file.path.write_bytes(damaged)
        assert file.read() is None
