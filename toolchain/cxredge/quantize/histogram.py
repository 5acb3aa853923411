"""The histogram of one tensor's values: what every rule of ranges reads."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

HALF = 8192
"""Bins on each side of zero: a percentile is off by at most max |x| / 4096, a sixteenth of an int8 step."""
LEAST_EXPONENT = -100
"""Below 2**-100 a tensor counts as zero; it keeps the scale factor a normal float32."""

GREY_LEVELS = (-1.0, 127 / 128)
"""Range of the student's normalised image, whose values are the 256 grey levels: in 255 steps, each level is one."""


@dataclass
class Histogram:
    """Counts on the grid of width 2**exponent / HALF over [-2**exponent, 2**exponent), and the exact extremes.

    counts: int64[2 * HALF], the bin of [0, width) at HALF. low <= 0 <= high: zero counts as seen.
    """

    exponent: int = LEAST_EXPONENT
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2 * HALF, np.int64))
    low: float = 0.0
    high: float = 0.0

    @property
    def width(self) -> float:
        """Of one bin, in the tensor's own unit."""
        return math.ldexp(1 / HALF, self.exponent)

    def values(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The middles of the bins that hold anything, in the tensor's own unit, and how many values each holds."""
        occupied = np.flatnonzero(self.counts)
        return (occupied.astype(np.float64) - HALF + 0.5) * self.width, self.counts[occupied].astype(np.float64)

    def quantile(self, share: float) -> float:
        """Value below which ``share`` of all values lie (linear within its bin)."""
        return _position(self.counts, share) * self.width

    def upper_quantile(self, share: float) -> float:
        """Value above which ``share`` of all values lie, counted from above.

        So negated data give exactly the negated value.
        """
        return -_position(self.counts[::-1], share) * self.width

    def grow(self, exponent: int) -> None:
        """Widen the grid to [-2**exponent, 2**exponent) where it is narrower; no count is lost."""
        doublings = exponent - self.exponent
        if doublings <= 0:
            return
        merged = np.zeros_like(self.counts)
        # an arithmetic shift is a floor division by 2**doublings, on both sides of zero
        np.add.at(merged, (np.arange(-HALF, HALF) >> min(doublings, 62)) + HALF, self.counts)
        self.counts, self.exponent = merged, exponent

    def holds_grey_levels(self) -> bool:
        """Whether every value seen is one of the 256 multiples of 1/128 in [-1, 127/128], and not nearly all are one.

        Such a tensor is the image. Any other range would put levels between steps, and on films, where a pixel differs
        from its neighbour by a level or two, that noise is what the first filters look for.
        """
        bins_per_level = math.ldexp(HALF, -self.exponent) / 128
        if bins_per_level < 1 or self.low < GREY_LEVELS[0] or self.high > GREY_LEVELS[1]:
            return False
        occupied = np.flatnonzero(self.counts) - HALF
        return len(occupied) > 2 and not (occupied % int(bins_per_level)).any()


def _position(counts: NDArray[np.int64], share: float) -> float:
    """Position, in bins from zero, below which ``share`` of all counts lie."""
    below = np.cumsum(counts)
    rank = share * float(below[-1])
    index = min(int(np.searchsorted(below, rank)), len(counts) - 1)
    inside = float(counts[index])
    start = float(below[index]) - inside
    return index - HALF + ((rank - start) / inside if inside else 0.0)
