"""Probabilities, temperature and calibration error against scipy, scikit-learn and a written-out loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from sklearn.metrics import log_loss

from cxredge.errors import InputError
from cxredge.statistics.probabilities import (
    BINS,
    TEMPERATURES,
    Ece,
    fit_temperature,
    mean_nll,
    probabilities,
    reliability,
)


def answers(heat: float, films: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth drawn from sigmoid(logit / heat), and the logits, [films, 3]."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (films, 3)).astype(np.float32)
    return random.random(logits.shape) < probabilities(logits, "multi-label", heat), logits


def test_nll_agrees_with_scikit_learn() -> None:
    truth, logits = answers(1.3, 200)
    chances = probabilities(logits, "multi-label", 1.7)
    expected = np.mean([log_loss(truth[:, c], chances[:, c]) for c in range(3)])
    assert mean_nll(truth, logits, "multi-label", 1.7) == pytest.approx(expected, abs=1e-12)
    one_label = np.eye(3, dtype=bool)[np.arange(200) % 3]
    softmax = probabilities(logits, "single-label", 0.6)
    np.testing.assert_allclose(softmax.sum(1), 1, atol=1e-12)
    expected = log_loss(np.arange(200) % 3, softmax)
    assert mean_nll(one_label, logits, "single-label", 0.6) == pytest.approx(expected, abs=1e-12)


def test_nll_of_extreme_logits_is_finite() -> None:
    truth = np.array([[True], [False]])
    assert mean_nll(truth, np.array([[-1e4], [1e4]]), "multi-label", 0.05) == pytest.approx(2e5)


@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_the_temperature_of_the_truth_is_found(heat: float) -> None:
    truth, logits = answers(heat)
    found = fit_temperature(truth, logits, "multi-label")
    assert found == pytest.approx(heat, rel=0.06)
    start = [1.0]
    other = minimize(lambda x: mean_nll(truth, logits, "multi-label", float(np.exp(x[0]))), start, method="Nelder-Mead")
    assert mean_nll(truth, logits, "multi-label", found) <= other.fun + 1e-9


def test_a_softmax_has_a_temperature_too() -> None:
    random = np.random.default_rng(1)
    logits = random.normal(0, 2, (3000, 4))
    noise = random.gumbel(size=logits.shape)
    truth = np.eye(4, dtype=bool)[(logits / 2 + noise).argmax(1)]  # Gumbel trick: a draw from softmax(logits / 2)
    assert fit_temperature(truth, logits, "single-label") == pytest.approx(2, rel=0.06)


def test_temperatures_stay_in_their_bounds() -> None:
    sure = np.array([[True, False], [False, True]])
    logits = np.where(sure, 1.0, -1.0)
    assert fit_temperature(sure, logits, "multi-label") == pytest.approx(TEMPERATURES[0], rel=1e-4)
    assert fit_temperature(~sure, logits, "multi-label") == pytest.approx(TEMPERATURES[1], rel=1e-4)
    assert fit_temperature(sure, np.zeros((2, 2)), "multi-label") == 1


def ece_in_words(truth: np.ndarray, chances: np.ndarray, weights: np.ndarray) -> float:
    total = 0.0
    for m in range(1, BINS + 1):
        inside = (chances > (m - 1) / BINS) & (chances <= m / BINS)
        if m == 1:
            inside |= chances == 0
        if (w := weights[inside]).sum() > 0:
            gap = abs(np.average(chances[inside], weights=w) - np.average(truth[inside], weights=w))
            total += w.sum() / weights.sum() * gap
    return total


@settings(deadline=None, max_examples=100)
@given(data=st.data(), films=st.integers(1, 40))
def test_ece_is_guos(data: st.DataObject, films: int) -> None:
    truth = data.draw(arrays(bool, (films, 2)))
    # away from the bins' edges, where rounding decides
    cells = data.draw(arrays(np.int64, (films, 2), elements=st.integers(0, BINS - 1)))
    chances = (cells + data.draw(arrays(np.float64, (films, 2), elements=st.floats(0.01, 0.99)))) / BINS
    weights = data.draw(arrays(np.float64, (films, 3), elements=st.integers(0, 3)))
    weights[0] += 1
    found = Ece(truth, chances)(weights)
    for c in range(2):
        for b in range(3):
            assert found[c, b] == pytest.approx(ece_in_words(truth[:, c], chances[:, c], weights[:, b]), abs=1e-12)


def test_ece_of_certain_answers() -> None:
    truth = np.array([[True], [False]])
    ones = np.ones((2, 1))
    assert Ece(truth, truth.astype(float))(ones)[0, 0] == 0
    assert Ece(truth, (~truth).astype(float))(ones)[0, 0] == 1


def test_a_calibrated_model_has_a_small_error() -> None:
    truth, logits = answers(2.0, 20000)
    ones = np.ones((20000, 1))
    assert Ece(truth, probabilities(logits, "multi-label", 2.0))(ones).max() < 0.015
    assert Ece(truth, probabilities(logits, "multi-label", 0.5))(ones).min() > 0.1


def test_nan_is_refused() -> None:
    with pytest.raises(InputError, match="STATISTICS-VALUE"):
        fit_temperature(np.ones((2, 1), bool), np.array([[0.5], [np.nan]]), "multi-label")
    with pytest.raises(InputError, match="STATISTICS-VALUE"):
        Ece(np.ones((2, 1), bool), np.array([[0.5], [np.nan]]))


def test_reliability_counts_every_answer_once() -> None:
    truth, logits = answers(2.0, 40_000)
    chances = probabilities(logits, "multi-label", 2.0)
    bins = reliability(truth, chances)
    assert sum(b.answers for b in bins) == 120_000
    assert sum(b.answers * b.probability for b in bins) == pytest.approx(chances.sum())
    assert sum(b.answers * b.share for b in bins) == pytest.approx(truth.sum())
    assert [int(np.ceil(b.probability * BINS)) for b in bins] == list(range(1, BINS + 1))
    # drawn with these probabilities: every bin has hundreds of answers, and lies on the diagonal
    assert all(abs(b.probability - b.share) < 3 * (0.25 / b.answers) ** 0.5 for b in bins)


def test_reliability_of_one_label_is_what_its_error_sums_up() -> None:
    truth, logits = answers(0.5, 300)
    chances = probabilities(logits, "multi-label")[:, :1]
    bins = reliability(truth[:, :1], chances)
    expected = sum(b.answers * abs(b.probability - b.share) for b in bins) / 300
    assert Ece(truth[:, :1], chances)(np.ones((300, 1)))[0, 0] == pytest.approx(expected, abs=1e-12)


def test_certain_answers_have_bins() -> None:
    chances = probabilities(np.array([[-4e4], [4e4]], np.float32), "multi-label", 0.05)
    bins = reliability(np.array([[False], [True]]), chances)
    assert [(b.probability, b.share, b.answers) for b in bins] == [(0, 0, 1), (1, 1, 1)]
