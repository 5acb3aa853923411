"""What a student loses against its teacher: against scikit-learn, and where too few patients could tell."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxredge.distill.against_teacher import lost_to_teacher
from cxredge.distill.record import LostToTeacher
from cxredge.results import BootstrapSpec
from parity.synthetic import LABELS, class_pair, pair
from report.plausible import recipe_for

QUICK = BootstrapSpec(resamples=300, level=0.95, seed=1)
TAUGHT = pair(200, seed=1)


def of(teacher: np.ndarray, student: np.ndarray, films: int = 200) -> LostToTeacher:
    teacher, student = (logits[:films].astype(np.float32) for logits in (teacher, student))
    return lost_to_teacher(recipe_for(LABELS), TAUGHT.truth[:films], teacher, student, TAUGHT.patients[:films], QUICK)


def test_a_worse_student_loses_by_its_whole_interval() -> None:
    teacher = TAUGHT.reference
    student = teacher + np.random.default_rng(0).normal(size=teacher.shape) * 3
    found = of(teacher, student)
    areas = [
        np.mean([roc_auc_score(TAUGHT.truth[:, c], logits[:, c].astype(np.float32)) for c in range(3)])
        for logits in (teacher, student)
    ]
    assert found.auc.value == pytest.approx(areas[0] - areas[1], abs=1e-4)
    assert found.auc.low is not None
    assert found.auc.high is not None
    assert 0 < found.auc.low < found.auc.value < found.auc.high
    assert (found.labels, found.accuracy) == (3, None)
    # paired: whoever is compared with itself loses nothing, in no resample
    assert of(teacher, teacher).words == "mean AUC of 3 labels +0.000 [+0.000, +0.000]"
    gained = of(student, teacher)
    assert gained.auc.value == -found.auc.value
    assert (gained.auc.low, gained.auc.high) == (-found.auc.high, -found.auc.low)


def test_exclusive_classes_lose_accuracy_too() -> None:
    whole = class_pair(200, seed=1)
    logits = whole.reference.astype(np.float32)
    wrong = logits.copy()
    wrong[:40] = np.roll(logits[:40], 1, axis=1)
    found = lost_to_teacher(recipe_for(LABELS, kind="single-label"), whole.truth, logits, wrong, whole.patients, QUICK)
    right = [(whole.truth.argmax(1) == answers.argmax(1)).mean() for answers in (logits, wrong)]
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx(right[0] - right[1], abs=1e-4)
    assert ", accuracy +0." in found.words


def test_too_few_patients_have_no_interval() -> None:
    found = of(TAUGHT.reference, -TAUGHT.reference, films=12)
    assert found.auc.value is None
    assert found.labels == 0
    assert found.words == "mean AUC not known (no label has 10 positive and 10 negative patients)"
