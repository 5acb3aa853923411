from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, roc_auc_score

from cxredge.distill.evaluate import (
    MIN_CASES,
    Answers,
    answers,
    macro_interval,
    measured,
    pooled_features,
    score,
    scores,
)
from cxredge.distill.splits import Films
from cxredge.recipe_decision import NOT_JUDGED, Labels
from cxredge.recipe_file import load_recipe
from cxredge.students.backbone_student import BackboneStudent

ABC = Labels(names=("A", "B", "C"))


def drawn(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    targets = (random.random((n, 3)) < (0.5, 0.3, 0.02)).astype(np.float32)
    return targets, (targets + random.normal(size=(n, 3))).astype(np.float32)


def test_auc_is_the_share_of_pairs_in_order() -> None:
    targets, logits = drawn()
    on, off = logits[targets[:, 0] == 1, 0], logits[targets[:, 0] == 0, 0]
    pairs = (on[:, None] > off[None]).mean()
    found = score(ABC, targets, logits)
    assert found.labels["A"].auc == pytest.approx(pairs, abs=1e-4)


def test_too_few_cases_give_no_auc_and_say_so() -> None:
    targets, logits = drawn()
    targets[:, 2] = 0
    targets[: MIN_CASES - 1, 2] = 1
    found = score(ABC, targets, logits)
    assert found.labels["C"].auc is None
    assert str(MIN_CASES - 1) in (found.labels["C"].note or "")
    assert found.labels_scored == 2
    aucs = [found.labels[k].auc or 0 for k in "AB"]
    assert found.macro_auc == pytest.approx(np.mean(aucs), abs=1e-4)
    none = score(Labels(names=("C",)), targets[:, 2:], logits[:, 2:])
    assert none.macro_auc is None
    assert macro_interval(Labels(names=("C",)), targets[:, 2:], logits[:, 2:], ["p"] * 60, 0) is None


def test_a_label_that_the_films_do_not_tell_has_no_score() -> None:
    targets, logits = drawn()
    told, some = score(ABC, targets, logits), ABC.model_copy(update={"not_judged": ("B",)})
    for nonsense in (targets[:, 1], 1 - targets[:, 1], np.zeros(60, np.float32)):
        other = targets.copy()
        other[:, 1] = nonsense
        found = score(some, other, logits)
        assert found.labels["B"].model_dump() == {"auc": None, "positives": None, "negatives": None, "note": NOT_JUDGED}
        assert found.labels["A"] == told.labels["A"]
        assert found.macro_auc == told.labels["A"].auc
        everybody = [str(i) for i in range(60)]
        without = macro_interval(Labels(names=("A",)), targets[:, :1], logits[:, :1], everybody, 0)
        assert without is not None
        assert without.value == told.labels["A"].auc
        assert macro_interval(some, other, logits, everybody, 0) == without


def test_interval_holds_the_estimate_and_repeats() -> None:
    targets, logits = drawn(40)
    names = ABC
    alone = macro_interval(names, targets, logits, [str(i) for i in range(40)], 3)
    assert alone == macro_interval(names, targets, logits, [str(i) for i in range(40)], 3)
    estimate = score(names, targets, logits).macro_auc
    assert alone is not None
    assert estimate is not None
    assert alone.low < estimate < alone.high


@pytest.mark.parametrize(("positives", "labels"), [(10, 2), (9, 1)])
def test_an_interval_needs_ten_patients_of_either_kind(positives: int, labels: int) -> None:
    targets, logits = drawn(60)
    targets[:, 1] = 0
    targets[: 2 * positives, 1] = 1  # two films of each patient
    patients = [str(i // 2) for i in range(60)]
    two = Labels(names=("A", "B"))
    found = macro_interval(two, targets[:, :2], logits[:, :2], patients, 3)
    assert found is not None
    areas = [score(two, targets[:, :2], logits[:, :2]).labels[name].auc or 0 for name in two.names[:labels]]
    assert (found.labels, found.value) == (labels, pytest.approx(np.mean(areas), abs=1e-4))
    assert macro_interval(two, targets[:, :2], logits[:, :2], [str(i % 4) for i in range(60)], 3) is None


def test_films_of_one_patient_do_not_count_as_many() -> None:
    targets, logits = (np.tile(x, (4, 1)) for x in drawn(60))
    together = macro_interval(ABC, targets, logits, [str(i % 60) for i in range(240)], 3)
    apart = macro_interval(ABC, targets, logits, [str(i) for i in range(240)], 3)
    assert together is not None
    assert apart is not None
    assert together.high - together.low > 1.4 * (apart.high - apart.low)


def test_answers_are_the_students() -> None:
    torch.manual_seed(0)
    student = BackboneStudent(torch.nn.Conv2d(1, 6, 3, stride=4), 6, 3, 2).eval()
    student.fit_novelty(torch.randn(20, 6))
    images = torch.randint(0, 256, (40, 1, 16, 16), dtype=torch.uint8)
    films = Films(images, torch.zeros(40, 3), ("p",) * 40, tuple(map(str, range(40))), "0" * 64)
    found = answers(student, films, "test")
    with torch.no_grad():
        out = student(films.images.float())
    np.testing.assert_allclose(found.logits, out["logits"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.novelty, out["novelty"], rtol=1e-4)
    assert pooled_features(student, films, "test").shape == (40, 6)


def test_exclusive_classes_are_ranked_by_their_chance_and_have_an_accuracy(class_recipe: Callable[[], Path]) -> None:
    recipe = load_recipe(class_recipe())
    random = np.random.default_rng(0)
    targets = np.eye(3, dtype=np.float32)[random.integers(0, 3, 90)]
    # a shift a film, which a softmax does not see, and which would spoil a ranking by logits
    logits = (targets + random.normal(size=(90, 3)) + random.normal(0, 50, (90, 1))).astype(np.float32)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    found = measured(recipe, targets, Answers(logits, logits[:, 0]))
    for c, name in enumerate(recipe.labels.names):
        assert found.labels[name].auc == pytest.approx(roc_auc_score(targets[:, c], chances[:, c]), abs=1e-4)
    assert found.accuracy == pytest.approx(accuracy_score(targets.argmax(1), chances.argmax(1)), abs=1e-4)
    ranked = scores(recipe, Answers(logits, logits[:, 0]))
    interval = macro_interval(recipe.labels, targets, ranked, [str(i) for i in range(90)], 0)
    assert interval is not None
    assert interval.low < (found.macro_auc or 0) < interval.high


def test_independent_findings_have_no_accuracy(write_recipe: Callable[[Path], Path], tmp_path: Path) -> None:
    recipe = load_recipe(write_recipe(tmp_path))
    targets, logits = (x[:, :2] for x in drawn())
    found = measured(recipe, targets, Answers(logits, logits[:, 0]))
    assert found.accuracy is None
    assert found == score(recipe.labels, targets, logits)
