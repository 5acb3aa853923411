"""Bootstrap over patients: what a resample is, and intervals against DeLong's closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from cxredge.statistics import bootstrap
from cxredge.statistics.auc import Auc
from cxredge.statistics.bootstrap import film_weights, interval, mean_of_labels, observed, resample

PATIENTS = ["c", "a", "a", "b", "c", "a", "d"]


def drawn(films: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, and scores of two models that resemble each other, [films, 1] each."""
    random = np.random.default_rng(seed)
    truth = random.random((films, 1)) < 0.3
    first = truth + random.normal(size=truth.shape)
    return truth, first, first + random.normal(size=truth.shape) * 0.7


def losses(truth: np.ndarray, first: np.ndarray, other: np.ndarray, patients: list[str], count: int) -> np.ndarray:
    found = resample({"one": Auc(truth, first), "other": Auc(truth, other)}, patients, count, 1)
    return (found["one"] - found["other"])[0]


def delong_deviation(truth: np.ndarray, first: np.ndarray, other: np.ndarray) -> float:
    """Standard error of the difference of two AUCs on the same films (DeLong 1988), by midranks (Sun & Xu 2014)."""
    from scipy.stats import rankdata

    m, n = int(truth.sum()), int((~truth).sum())
    v10, v01 = [], []
    for scores in (first, other):
        on, off = scores[truth], scores[~truth]
        ranks = rankdata(np.concatenate([on, off]))
        v10.append((ranks[:m] - rankdata(on)) / n)
        v01.append(1 - (ranks[m:] - rankdata(off)) / m)
    contrast = np.array([1, -1])
    return float(np.sqrt(contrast @ (np.cov(v10) / m + np.cov(v01) / n) @ contrast))


def test_every_resample_draws_as_many_patients_as_there_are() -> None:
    weights = np.concatenate(list(film_weights(PATIENTS, 500, 3)), axis=1)
    assert weights.shape == (7, 500)
    first_film = [PATIENTS.index(name) for name in "abcd"]
    np.testing.assert_array_equal(weights[first_film].sum(0), 4)
    for film, name in enumerate(PATIENTS):
        np.testing.assert_array_equal(weights[film], weights[PATIENTS.index(name)])
    # each patient is drawn once on average, with the variance of a multinomial
    np.testing.assert_allclose(weights.mean(1), 1, atol=0.15)
    np.testing.assert_allclose(weights.var(1), 0.75, atol=0.15)


def test_chunks_do_not_change_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(film_weights(PATIENTS, 101, 3)), axis=1)
    for values in (1, 70, 200):
        monkeypatch.setattr(bootstrap, "CHUNK_VALUES", values)
        parts = list(film_weights(PATIENTS, 101, 3))
        assert max(part.size for part in parts) <= max(values, 7)
        assert len(parts) > 1
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert not np.array_equal(np.concatenate(list(film_weights(PATIENTS, 101, 4)), axis=1), whole)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_unclustered_interval_agrees_with_delong(seed: int) -> None:
    truth, first, other = drawn(400, seed)
    count = 4000
    found = losses(truth, first, other, [str(i) for i in range(400)], count)
    low, high = interval(found, 0.95) or (0, 0)
    difference = observed(Auc(truth, first), 400)[0] - observed(Auc(truth, other), 400)[0]
    deviation = delong_deviation(truth[:, 0], first[:, 0], other[:, 0])
    z = norm.ppf(0.975)
    # four Monte Carlo errors of a normal's 2.5 % quantile, and O(1/n) between the two methods
    slack = deviation * (4 * np.sqrt(0.025 * 0.975 / count) / norm.pdf(z) + 0.1)
    assert low == pytest.approx(difference - z * deviation, abs=slack)
    assert high == pytest.approx(difference + z * deviation, abs=slack)
    assert found.std() == pytest.approx(deviation, rel=0.1)


def test_copies_of_a_patients_films_add_no_certainty() -> None:
    truth, first, other = drawn(120, 5)
    names = [str(i) for i in range(120)]
    copied = [np.tile(x, (4, 1)) for x in (truth, first, other)]
    one_each = np.ptp(interval(losses(truth, first, other, names, 2000), 0.95) or ())
    together = np.ptp(interval(losses(*copied, names * 4, 2000), 0.95) or ())
    apart = np.ptp(interval(losses(*copied, [str(i) for i in range(480)], 2000), 0.95) or ())
    assert together == pytest.approx(one_each, rel=1e-9)
    assert apart == pytest.approx(one_each / 2, rel=0.15)


def test_resamples_without_a_class_are_dropped() -> None:
    truth = np.array([[True], [False], [False], [False]])
    values = resample({"auc": Auc(truth, truth.astype(float))}, ["a", "b", "c", "d"], 300, 0)["auc"]
    assert 0.2 < np.isnan(values).mean() < 0.45  # (3/4)^4 without the positive
    assert interval(values[0], 0.9) == (1, 1)
    assert interval(np.full(3, np.nan), 0.9) is None


def test_interval_is_of_percentiles() -> None:
    assert interval(np.arange(101.0), 0.9) == pytest.approx((5, 95))


def test_a_mean_is_over_the_labels_that_have_a_value() -> None:
    found = mean_of_labels(np.array([[1.0, np.nan, np.nan], [3.0, 4.0, np.nan]]))
    np.testing.assert_array_equal(found, [2, 4, np.nan])
