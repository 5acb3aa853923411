"""Ways to cut films by a score, and where a threshold stands between two of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_CASES = 3
"""A threshold that fewer films stand behind would be chance."""
ABOVE_ALL = 1.0
"""How far above the highest score a threshold stands that no film reaches."""


def cuts(
    scores: NDArray[np.float32], *parts: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], tuple[NDArray[np.intp], ...]]:
    """All ways to cut films by their scores, float32[N], and how many of each part, bool[N], each cut takes.

    float64[K], falling: cut k takes the films at or above it; the first, infinity, takes none. Counts int[K], rising
    from 0.
    """
    steps, step_of = np.unique(-scores.astype(np.float64), return_inverse=True)
    taken = (np.cumsum(np.bincount(step_of[part], minlength=len(steps))) for part in parts)
    return np.concatenate([[np.inf], -steps]), tuple(np.concatenate([[0], counts]) for counts in taken)


def between(lower: float, upper: float) -> float:
    """A threshold that ``upper`` reaches and ``lower`` does not, as float32, which is what apps compare.

    Half way, where numeric noise moves the fewest films across, and rounded to four decimals where that parts the same
    two. Without an upper score (infinity) it stands above the lower one, without a lower one (-infinity) on the upper.
    """
    if upper == np.inf:
        return max(lower + ABOVE_ALL, float(np.nextafter(np.float32(lower), np.float32(np.inf))))
    middle = upper if lower == -np.inf else (lower + upper) / 2
    fit = [t for t in (round(middle, 4), middle) if lower < np.float32(t) <= upper]
    return float(fit[0]) if fit else upper
