"""Operating points: each rule against a search through all cuts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_curve

from cxredge.errors import InputError
from cxredge.recipe_decision import OperatingRule
from cxredge.statistics.operating import operating_point

YOUDEN = OperatingRule()


def counts(truth: np.ndarray, logits: np.ndarray, cut: float) -> tuple[int, int]:
    """Positive and negative films called positive, compared as an app does."""
    called = logits >= np.float32(cut)
    return int((called & truth).sum()), int((called & ~truth).sum())


def films(data: st.DataObject, close: bool) -> tuple[np.ndarray, np.ndarray]:
    truth = data.draw(arrays(bool, st.integers(2, 25)))
    assume(0 < truth.sum() < len(truth))
    values = st.integers(0, 6) if close else st.floats(-50, 50, width=32)
    logits = data.draw(arrays(np.float32, len(truth), elements=values))
    # neighbours in float32: half way, rounded to four decimals, would be another cut
    return truth, (np.float32(1) + logits * np.finfo(np.float32).eps) if close else logits


@settings(deadline=None, max_examples=200)
@given(data=st.data(), close=st.booleans(), floor=st.sampled_from([0.5, 0.8, 0.9, 0.99]))
def test_a_floor_is_kept_and_nothing_better_keeps_it(data: st.DataObject, close: bool, floor: float) -> None:
    truth, logits = films(data, close)
    on, off = int(truth.sum()), int((~truth).sum())
    every = [counts(truth, logits, t) for t in (*logits, np.float32(60))]
    hits, alarms = counts(
        truth, logits, operating_point(OperatingRule(kind="sensitivity", floor=floor), truth, logits, "val").logit
    )
    assert hits / on >= floor
    assert alarms == min(a for h, a in every if h / on >= floor)
    assert hits == max(h for h, a in every if a == alarms)
    hits, alarms = counts(
        truth, logits, operating_point(OperatingRule(kind="specificity", floor=floor), truth, logits, "val").logit
    )
    assert (off - alarms) / off >= floor
    assert hits == max(h for h, a in every if (off - a) / off >= floor)
    assert alarms == min(a for h, a in every if h == hits)


@settings(deadline=None, max_examples=200)
@given(data=st.data(), close=st.booleans(), cost=st.sampled_from([0.1, 1.0, 5.0]))
def test_cost_and_youden_are_the_best_of_all_cuts(data: st.DataObject, close: bool, cost: float) -> None:
    truth, logits = films(data, close)
    on, off = int(truth.sum()), int((~truth).sum())
    every = [counts(truth, logits, t) for t in (*logits, np.float32(60))]
    hits, alarms = counts(
        truth, logits, operating_point(OperatingRule(kind="cost", miss_cost=cost), truth, logits, "val").logit
    )
    assert (on - hits) * cost + alarms == pytest.approx(min((on - h) * cost + a for h, a in every))
    hits, alarms = counts(truth, logits, operating_point(YOUDEN, truth, logits, "val").logit)
    assert hits / on - alarms / off == pytest.approx(max(h / on - a / off for h, a in every))


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_youden_takes_the_cut_that_scikit_learns_curve_has(data: st.DataObject) -> None:
    truth, logits = films(data, close=False)
    wrong, right, steps = roc_curve(truth, logits.astype(np.float64), drop_intermediate=False)
    best = steps[1 + int(np.argmax((right - wrong)[1:]))]
    assert counts(truth, logits, operating_point(YOUDEN, truth, logits, "val").logit) == counts(truth, logits, best)


def test_it_stands_half_way_and_says_how_it_came_about() -> None:
    truth = np.array([0, 0, 0, 1, 1, 1], bool)
    logits = np.array([-3, -2, -1, 2, 3, 4], np.float32)
    rules = {
        "youden on val, 6 films, 3 positive": (YOUDEN, 0.5),
        "sensitivity >= 0.6 on val, 6 films, 3 positive": (OperatingRule(kind="sensitivity", floor=0.6), 0.5),
        "specificity >= 0.6 on val, 6 films, 3 positive": (OperatingRule(kind="specificity", floor=0.6), 0.5),
        "least cost (one miss = 2 false alarms) on val, 6 films, 3 positive": (
            OperatingRule(kind="cost", miss_cost=2),
            0.5,
        ),
    }
    for text, (rule, logit) in rules.items():
        point = operating_point(rule, truth, logits, "val")
        assert (point.rule, point.logit) == (text, logit)
    # reversed: nothing separates, and a floor costs what it costs
    assert operating_point(OperatingRule(kind="sensitivity", floor=0.9), ~truth, logits, "val").logit == -3
    assert operating_point(OperatingRule(kind="specificity", floor=0.9), ~truth, logits, "val").logit == 5


def test_a_narrow_gap_is_not_rounded_away() -> None:
    logits = np.array([0.12341, 0.12343], np.float32)
    point = operating_point(YOUDEN, np.array([False, True]), logits, "val")
    assert point.logit == pytest.approx(0.12342, abs=1e-7)


def test_films_of_one_kind_are_refused() -> None:
    for truth in (np.ones(3, bool), np.zeros(3, bool)):
        with pytest.raises(InputError, match="STATISTICS-CLASS"):
            operating_point(YOUDEN, truth, np.arange(3, dtype=np.float32), "val")
    with pytest.raises(InputError, match="STATISTICS-VALUE"):
        operating_point(YOUDEN, np.array([True, False]), np.array([0, np.nan], np.float32), "val")
