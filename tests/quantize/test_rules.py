"""Rules of ranges: what each says of known values, and that what it says is bounded by zero and the extremes."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.quantize.histogram import GREY_LEVELS, HALF, Histogram
from cxredge.quantize.ranges import RangeEstimator
from cxredge.quantize.rules import LEAST_SHARE, apply, squared_error
from cxredge.recipe_calibration import MinMaxRange, MseRange, PercentileRange, RangeRule

MIN_MAX, MSE = MinMaxRange(rule="min-max"), MseRange(rule="mse")
MEMBERS = get_args(get_args(RangeRule)[0])


def seen(values: NDArray[np.float32]) -> RangeEstimator:
    estimator = RangeEstimator()
    estimator.update("x", values)
    return estimator


def draw(kind: str, count: int = 20_000) -> NDArray[np.float32]:
    random = np.random.default_rng(3)
    values = {
        "normal": random.normal(0, 2, count),
        "laplace": random.laplace(0, 1, count),
        "skewed": random.gumbel(1, 3, count),
        "relu": np.maximum(random.normal(-1, 2, count), 0),
        "negative": -random.exponential(1, count),
        "uniform": random.uniform(-1, 3, count),
    }[kind]
    return values.astype(np.float32)


KINDS = ("normal", "laplace", "skewed", "relu", "negative", "uniform")


def true_error(values: NDArray[np.float32], low: float, high: float) -> float:
    """Mean squared error of the values themselves, not of a histogram, as ``torch`` rounds them."""
    import torch

    step = (high - low) / 255
    zero = min(255, max(0, round(-low / step)))
    x = torch.from_numpy(values)
    return float((x - torch.fake_quantize_per_tensor_affine(x, step, zero, 0, 255)).double().square().mean())


@pytest.mark.parametrize("kind", KINDS)
def test_mse_is_the_least_error_of_a_fine_search(kind: str) -> None:
    values = draw(kind)
    low, high = seen(values).range("x", MSE)
    found = true_error(values, low, high)
    least, most = seen(values).range("x", MIN_MAX)
    shares = np.arange(0.02, 1.001, 0.02)
    tried = [true_error(values, a * least, b * most) for a in shares for b in shares if b * most > a * least]
    assert found <= 1.02 * min(tried)
    others = (MIN_MAX, PercentileRange(rule="percentile"), PercentileRange(rule="percentile", percentile=99.0))
    assert found <= 1.001 * min(true_error(values, *seen(values).range("x", other)) for other in others)


def test_mse_cuts_off_what_is_rare_and_keeps_what_is_not() -> None:
    values = np.append(draw("normal", 1_000_000) / 2, np.float32([40.0, -12.0]))
    low, high = seen(values).range("x", MSE)
    assert -12 < low < -3
    assert 3 < high < 20
    assert true_error(values, low, high) < 0.5 * true_error(values, *seen(values).range("x", MIN_MAX))
    assert seen(draw("uniform")).range("x", MSE) == seen(draw("uniform")).range("x", MIN_MAX)


def test_mse_never_cuts_below_what_its_bins_can_tell() -> None:
    """A million million values within 20, and one at either thousand: the least error would lie at a fiftieth."""
    histogram = Histogram(exponent=10, low=-1000.0, high=1000.0)
    histogram.counts[HALF - 160 : HALF + 160] = 10**12
    histogram.counts[[HALF - 8000, HALF + 8000]] = 1
    assert apply(histogram, MSE) == (-1000 * LEAST_SHARE, 1000 * LEAST_SHARE)


def test_negated_values_give_the_negated_range() -> None:
    for kind in ("skewed", "relu"):
        low, high = seen(draw(kind)).range("x", MSE)
        other = seen(-draw(kind)).range("x", MSE)
        assert other == pytest.approx((-high, -low), rel=0.05, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_min_max_is_the_hundredth_percentile(kind: str) -> None:
    estimator, values = seen(draw(kind)), draw(kind)
    assert estimator.range("x", MIN_MAX) == (min(0.0, float(values.min())), max(0.0, float(values.max())))
    assert estimator.range("x", MIN_MAX) == estimator.range("x", PercentileRange(rule="percentile", percentile=100))


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: get_args(member.model_fields["rule"].annotation)[0])
def test_every_rule_is_bounded_and_leaves_the_grey_levels_alone(member: type) -> None:
    (name,) = get_args(member.model_fields["rule"].annotation)
    rule = member(rule=name)
    for kind in KINDS:
        estimator = seen(draw(kind))
        (low, high), (least, most) = estimator.range("x", rule), estimator.range("x", MIN_MAX)
        assert least <= low <= 0 <= high <= most
        assert high > low
    image = (np.arange(20, 180, dtype=np.float32) - 128) / 128
    assert seen(image).range("x", rule) == GREY_LEVELS
    assert seen(np.zeros(9, np.float32)).range("x", rule) == (0.0, 0.0)
    assert rule.words.startswith(name)


def test_the_histograms_error_is_the_values_own() -> None:
    values = draw("laplace", 200_000)
    estimator = seen(values)
    histogram = estimator._histograms["x"]
    assert apply(histogram, MIN_MAX) == (histogram.low, histogram.high)
    for low, high in ((-3.0, 4.0), (-9.0, 9.0), (histogram.low, histogram.high)):
        found = squared_error(*histogram.values(), low, high) / len(values)
        assert found == pytest.approx(true_error(values, low, high), rel=0.02)
