from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.report.curves import BINS, map_correlation, reliability, roc


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 2**31))
def test_the_roc_is_scikit_learns(count: int, levels: int, seed: int) -> None:
    from sklearn.metrics import roc_curve

    chance = np.random.default_rng(seed)
    truth = chance.random(count) < 0.5
    truth[:2] = [True, False]
    scores = chance.integers(0, levels, count).astype(np.float32)
    alarms, hits = roc(scores, truth)
    theirs_alarms, theirs_hits, _ = roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(alarms, theirs_alarms)
    np.testing.assert_allclose(hits, theirs_hits)


def test_reliability_counts_every_answer_once() -> None:
    chance = np.random.default_rng(0)
    logits = chance.normal(0, 3, (40_000, 3)).astype(np.float32)
    probability = 1 / (1 + np.exp(-logits.astype(float) / 2))
    truth = chance.random((40_000, 3)) < probability
    bins = reliability(logits, truth, 2.0)
    assert sum(b.answers for b in bins) == 120_000
    assert sum(b.answers * b.probability for b in bins) == pytest.approx(probability.sum())
    assert sum(b.answers * b.share for b in bins) == pytest.approx(truth.sum())
    assert [int(b.probability * BINS) for b in bins] == list(range(BINS))
    # drawn with these probabilities: every bin has thousands of answers, and lies on the diagonal
    assert all(abs(b.probability - b.share) < 0.03 for b in bins)


def test_certain_answers_overflow_nothing() -> None:
    bins = reliability(np.array([-4e4, 4e4], np.float32), np.array([False, True]), 0.01)
    assert [(b.probability, b.share, b.answers) for b in bins] == [(0, 0, 1), (1, 1, 1)]


def test_map_correlation_is_numpys_and_nan_for_a_constant_map() -> None:
    chance = np.random.default_rng(0)
    one, other = chance.normal(0, 1, (2, 5, 4, 6)).astype(np.float32)
    one[3] = 7.5
    found = map_correlation(one, other)
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one[:3], other[:3], strict=True)]
    np.testing.assert_allclose(found[:3], expected, atol=1e-6)
    assert np.isnan(found[3])
    # a map that the artifact made constant is as unlike as can be told: no NaN, which would hide it
    assert map_correlation(other[:1], np.zeros((1, 4, 6), np.float32)).tolist() == [0.0]
