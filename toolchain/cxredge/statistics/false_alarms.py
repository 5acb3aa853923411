"""A threshold that few ordinary films reach, from the scores of some of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SHARE = 0.01
"""Of ordinary films that may reach the threshold."""
LEAST = 3
"""Films that a threshold is chosen from: their spread says how far the next one may lie."""
DIGITS = 4


def bound(scores: NDArray[np.float32]) -> float:
    """scores float32[n] of ordinary films, n >= LEAST -> a threshold that at most SHARE of them reach (score >= it).

    It lies half-way between the lowest score that may reach it and the next one below, or above all where the two are
    one, in four decimals. Of fewer than 1 / SHARE films none may reach it, and the highest says little about the
    hundredth: it is then at least the upper end of the one-sided prediction interval of one more film from a normal
    distribution, mean + t * s * sqrt(1 + 1 / n), t the quantile 1 - SHARE of Student's distribution with n - 1 degrees
    of freedom.
    """
    from scipy.special import stdtrit

    found = np.sort(scores.astype(np.float64))[::-1]
    allowed = math.floor(SHARE * len(found))
    above = math.nextafter(np.float32(found[0]), math.inf)
    if allowed:
        last, next_below = found[allowed - 1], found[allowed]
        return _up((last + next_below) / 2 if last > next_below else above)
    spread = float(found.std(ddof=1)) * math.sqrt(1 + 1 / len(found))
    return _up(max(above, float(found.mean()) + float(stdtrit(len(found) - 1, 1 - SHARE)) * spread))


def _up(value: float) -> float:
    """In four decimals, and no lower."""
    return math.ceil(value * 10**DIGITS) / 10**DIGITS
