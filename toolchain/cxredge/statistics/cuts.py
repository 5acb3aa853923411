"""Where a threshold stands between two scores."""

from __future__ import annotations

import numpy as np

ABOVE_ALL = 1.0
"""How far above the highest score a threshold stands that no film reaches."""


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
