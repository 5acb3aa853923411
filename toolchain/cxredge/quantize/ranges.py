"""Percentile ranges of many tensors in one pass and fixed memory: the one estimator behind every INT8 target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.progress import track
from cxredge.results import TensorRange

HALF = 8192
"""Bins on each side of zero: a percentile is off by at most max |x| / 4096, a sixteenth of an int8 step."""
LEAST_EXPONENT = -100
"""Below 2**-100 a tensor counts as zero; it keeps the scale factor a normal float32."""
CHUNK = 1 << 17
"""Values binned at a time: the intermediates stay in the cache, which more than halves the time."""
CAM = "cam"
"""Name under which every target records the range of its cam output, which itself stays float."""


GREY_LEVELS = (-1.0, 127 / 128)
"""Range of the student's normalised image, whose values are the 256 grey levels: in 255 steps, each level is one."""


@dataclass
class _Histogram:
    """Counts on the grid of width 2**exponent / HALF over [-2**exponent, 2**exponent)."""

    exponent: int = LEAST_EXPONENT
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2 * HALF, np.int64))
    low: float = 0.0
    high: float = 0.0


class RangeEstimator:
    """Histograms of named activation tensors, whose range grows by doubling.

    The limit of a histogram is a power of two and so is the number of bins, so every grid is a refinement of all wider
    ones, scaling a float32 onto it is exact, and merging neighbours loses nothing else: the result depends on the set
    of values seen and on neither their order nor how they were split into calls.
    """

    def __init__(self) -> None:
        self._histograms: dict[str, _Histogram] = {}

    def update(self, name: str, array: NDArray[np.float32]) -> None:
        """Add the values of ``array`` (float32, any shape, at least one element) to tensor ``name``.

        Raises InputError CALIBRATION-NAN when a value is NaN or infinite.
        """
        import torch

        values = torch.from_numpy(array if array.flags.writeable else array.copy()).reshape(-1)
        low, high = (float(v) for v in torch.aminmax(values))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InputError(
                "CALIBRATION-NAN",
                f"tensor {name} holds NaN or infinity on a calibration film",
                "check the student's weights and the calibration films; the float32 model itself is broken there",
            )
        histogram = self._histograms.setdefault(name, _Histogram())
        histogram.low, histogram.high = min(histogram.low, low), max(histogram.high, high)
        # frexp gives |x| < 2**exponent strictly, so no value falls on the open upper limit
        _grow(histogram, math.frexp(max(-low, high))[1])
        scale = math.ldexp(HALF, -histogram.exponent)
        scaled = torch.empty(min(CHUNK, len(values)))
        bins = torch.empty(len(scaled), dtype=torch.int32)
        for chunk in values.split(CHUNK):
            size = len(chunk)
            torch.mul(chunk, scale, out=scaled[:size])
            bins[:size].copy_(scaled[:size].floor_()).add_(HALF)
            histogram.counts += torch.bincount(bins[:size], minlength=2 * HALF).numpy()

    def names(self) -> tuple[str, ...]:
        """Tensors seen, in the order in which they were first seen."""
        return tuple(self._histograms)

    def range(self, name: str, percentile: float) -> tuple[float, float]:
        """(low, high) of tensor ``name`` between percentiles 100 - ``percentile`` and ``percentile``.

        percentile: in (50, 100]; 100 gives the exact minimum and maximum. A tensor that holds the normalised image gets
        all grey levels, whatever the films' own extremes. The range always includes 0, as padding and
        integer kernels need it. Linear within a bin and never beyond the extremes.
        """
        histogram = self._histograms[name]
        if _holds_grey_levels(histogram):
            return GREY_LEVELS
        if percentile == 100:
            return histogram.low, histogram.high
        share = percentile / 100
        high = _quantile(histogram.counts, share)
        # mirrored by counting from the other end, so that negated data give exactly the negated range
        low = -_quantile(histogram.counts[::-1], share)
        width = math.ldexp(1 / HALF, histogram.exponent)
        return max(histogram.low, min(0.0, low * width)), min(histogram.high, max(0.0, high * width))

    def step(self, name: str, percentile: float) -> float:
        """One 8-bit step of tensor ``name``: a 255th of its range."""
        low, high = self.range(name, percentile)
        return (high - low) / 255

    def table(self, percentile: float) -> tuple[TensorRange, ...]:
        """Every tensor's range as a record, in order of first sight."""
        pairs = ((name, self.range(name, percentile)) for name in self._histograms)
        return tuple(TensorRange(tensor=name, low=low, high=high) for name, (low, high) in pairs)


def _holds_grey_levels(histogram: _Histogram) -> bool:
    """Whether every value seen is one of the 256 multiples of 1/128 in [-1, 127/128], and not nearly all are one.

    Such a tensor is the image. Any other range would put levels between steps, and on films, where a pixel differs
    from its neighbour by a level or two, that noise is what the first filters look for.
    """
    bins_per_level = math.ldexp(HALF, -histogram.exponent) / 128
    if bins_per_level < 1 or histogram.low < GREY_LEVELS[0] or histogram.high > GREY_LEVELS[1]:
        return False
    occupied = np.flatnonzero(histogram.counts) - HALF
    return len(occupied) > 2 and not (occupied % int(bins_per_level)).any()


def _grow(histogram: _Histogram, exponent: int) -> None:
    doublings = exponent - histogram.exponent
    if doublings <= 0:
        return
    merged = np.zeros_like(histogram.counts)
    # an arithmetic shift is a floor division by 2**doublings, on both sides of zero
    np.add.at(merged, (np.arange(-HALF, HALF) >> min(doublings, 62)) + HALF, histogram.counts)
    histogram.counts, histogram.exponent = merged, exponent


def _quantile(counts: NDArray[np.int64], share: float) -> float:
    """Position, in bins from zero, below which ``share`` of all counts lie (linear within its bin)."""
    below = np.cumsum(counts)
    rank = share * float(below[-1])
    index = min(int(np.searchsorted(below, rank)), len(counts) - 1)
    inside = float(counts[index])
    start = float(below[index]) - inside
    return index - HALF + ((rank - start) / inside if inside else 0.0)


def films(images: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    """Calibration films one by one as the student takes them: float32[1, ch, H, W], values 0..255."""
    numbers: Iterable[int] = track(range(len(images)), "calibrating")
    for number in numbers:
        yield np.ascontiguousarray(images[number : number + 1], np.float32)
