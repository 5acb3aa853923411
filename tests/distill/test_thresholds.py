from __future__ import annotations

import numpy as np
import pytest

from cxredge.distill.thresholds import novelty_threshold, operating_point
from cxredge.recipe import OperatingRule

YOUDEN = OperatingRule()
TRUTH = np.array([0, 0, 0, 1, 1, 1], np.float32)
LOGITS = np.array([-3, -2, -1, 2, 3, 4], np.float32)


def test_youden_stands_half_way_in_the_gap() -> None:
    point = operating_point(YOUDEN, TRUTH, LOGITS, 0.5)
    assert point.logit == pytest.approx(0.5)
    assert point.rule == "youden on val, 6 films, 3 positive"


def test_all_equal_logits_do_not_break_it() -> None:
    point = operating_point(YOUDEN, np.array([0, 1] * 5, np.float32), np.zeros(10, np.float32), 0.5)
    assert point.logit == 0


def test_the_recipes_rule_is_followed() -> None:
    truth = np.array([0, 1, 0, 0, 1, 1, 1], np.float32)
    logits = np.arange(7, dtype=np.float32)
    assert operating_point(YOUDEN, truth, logits, 0.5).logit == pytest.approx(3.5)
    found = operating_point(OperatingRule(kind="sensitivity", floor=0.9), truth, logits, 0.5)
    assert found.logit == pytest.approx(0.5)
    assert found.rule == "sensitivity >= 0.9 on val, 7 films, 4 positive"


@pytest.mark.parametrize(
    ("positives", "what"), [(0, "positives on val (0)"), (2, "positives on val (2)"), (98, "negatives on val (2)")]
)
def test_too_few_cases_are_owned_up_to(positives: int, what: str) -> None:
    truth = (np.arange(100) < positives).astype(np.float32)
    logits = np.linspace(-5, 5, 100).astype(np.float32)
    point = operating_point(YOUDEN, truth, logits, 0.1)
    assert what in point.rule
    assert (logits >= point.logit).sum() == 10
    assert np.isfinite(operating_point(YOUDEN, truth, logits, 0.0).logit)


def test_novelty_threshold_is_a_percentile() -> None:
    found = novelty_threshold(np.arange(101, dtype=np.float32))
    assert found.threshold == 99
    assert novelty_threshold(np.zeros(5, np.float32)).threshold > 0
