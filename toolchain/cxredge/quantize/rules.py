"""Rules of ranges: from the histogram of a tensor to what its INT8 steps cover. One function each.

A rule is registered for its entry in ``recipe_calibration`` and gets it with the recipe's parameters. It need not know
about zero or the extremes: ``RangeEstimator`` widens what it says to hold zero, and cuts it at the extremes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cxredge import recipe_calibration
from cxredge.quantize.histogram import Histogram

R = TypeVar("R", bound=recipe_calibration.RangeRuleBase)
Rule = Callable[[Histogram, R], tuple[float, float]]
_RULES: dict[type[recipe_calibration.RangeRuleBase], Rule[Any]] = {}

STEPS = 255
LEAST_SHARE = 1 / 16
"""Of an extreme, which ``mse`` cuts off at most: below, a step would be narrower than the bins that it is judged by."""


def range_rule(kind: type[R]) -> Callable[[Rule[R]], Rule[R]]:
    """Register the function that does what the recipe's entry ``kind`` asks for."""

    def register(function: Rule[R]) -> Rule[R]:
        _RULES[kind] = function
        return function

    return register


def apply(histogram: Histogram, rule: recipe_calibration.RangeRule) -> tuple[float, float]:
    """(low, high) as the rule's function says."""
    return _RULES[type(rule)](histogram, rule)


@range_rule(recipe_calibration.PercentileRange)
def percentile(histogram: Histogram, rule: recipe_calibration.PercentileRange) -> tuple[float, float]:
    """Between percentiles 100 - p and p, linear within a bin; 100 gives the exact extremes."""
    if rule.percentile == 100:
        return histogram.low, histogram.high
    share = rule.percentile / 100
    return histogram.upper_quantile(share), histogram.quantile(share)


@range_rule(recipe_calibration.MinMaxRange)
def min_max(histogram: Histogram, rule: recipe_calibration.MinMaxRange) -> tuple[float, float]:
    """The exact extremes: nothing is cut off."""
    return histogram.low, histogram.high


@range_rule(recipe_calibration.MseRange)
def mse(histogram: Histogram, rule: recipe_calibration.MseRange) -> tuple[float, float]:
    """The range with the least mean squared error of the quantised values, rounding and cutting together.

    Nagel et al., "A White Paper on Neural Network Quantization" (2021), section 3.1, "Mean squared error". Both ends
    are searched over shares of the extremes: first half octaves from 1 down to ``LEAST_SHARE``, then sixteenths of an
    octave around the best pair. Among equals the widest is taken. An extreme is kept to a sixteenth, as finer steps
    than the histogram's bins could not be told apart.
    """
    values, counts = histogram.values()
    if histogram.high <= histogram.low:
        return histogram.low, histogram.high

    def error(pair: tuple[float, float]) -> float:
        return squared_error(values, counts, pair[0] * histogram.low, pair[1] * histogram.high)

    coarse = 0.5 ** (np.arange(9) / 2)
    best = min(((float(a), float(b)) for a in coarse for b in coarse), key=error)
    octaves = np.arange(-7, 8) / 16
    low, high = (np.unique(np.clip(share * 2.0**octaves, LEAST_SHARE, 1.0))[::-1] for share in best)
    low_share, high_share = min(((float(a), float(b)) for a in low for b in high), key=error)
    return low_share * histogram.low, high_share * histogram.high


def squared_error(values: NDArray[np.float64], counts: NDArray[np.float64], low: float, high: float) -> float:
    """Sum of (value - its 8-bit form)^2 over values that occur ``counts`` times; low <= 0 <= high, low < high."""
    step = (high - low) / STEPS
    zero = round(-low / step)
    rounded = np.clip(np.round(values / step), -zero, STEPS - zero) * step
    return float((counts * (values - rounded) ** 2).sum())
