"""Ranges of many tensors in one pass and fixed memory: the one estimator behind every INT8 target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.progress import track
from cxredge.quantize.histogram import GREY_LEVELS, HALF, Histogram
from cxredge.quantize.rules import apply
from cxredge.recipe_calibration import RangeRule
from cxredge.results import TensorRange

CHUNK = 1 << 17
"""Values binned at a time: the intermediates stay in the cache, which more than halves the time."""
CAM, LOGITS = "cam", "logits"
"""Names under which every target records the range of its cam output or, where there is none, of its logits; the output
itself stays float."""


def watched_output(outputs: Iterable[str]) -> str:
    """The output whose range is recorded, of a student that answers ``outputs``: a step of it is a unit of error."""
    return CAM if CAM in outputs else LOGITS


class RangeEstimator:
    """Histograms of named activation tensors, whose range grows by doubling.

    The limit of a histogram is a power of two and so is the number of bins, so every grid is a refinement of all wider
    ones, scaling a float32 onto it is exact, and merging neighbours loses nothing else: the result depends on the set
    of values seen and on neither their order nor how they were split into calls.
    """

    def __init__(self) -> None:
        self._histograms: dict[str, Histogram] = {}

    def update(self, name: str, array: NDArray[np.float32]) -> None:
        """Add the values of ``array`` (float32, any shape, at least one element) to tensor ``name``.

        Raises InputError CALIBRATION-NAN when a value is NaN or infinite.
        """
        import torch

        values = torch.from_numpy(array if array.flags.writeable else array.copy()).reshape(-1)
        low, high = (float(v) for v in torch.aminmax(values))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise not_finite(name)
        histogram = self._histograms.setdefault(name, Histogram())
        histogram.low, histogram.high = min(histogram.low, low), max(histogram.high, high)
        largest = max(-low, high)
        # frexp gives |x| < 2**exponent strictly, so no value falls on the open upper limit; of 0 it says 2**0, and a
        # tensor that is all zero on one film would make the grid coarser for the others
        if largest > 0:
            histogram.grow(math.frexp(largest)[1])
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

    def range(self, name: str, rule: RangeRule) -> tuple[float, float]:
        """(low, high) of tensor ``name`` by ``rule``.

        A tensor that holds the normalised image gets all grey levels, whatever the rule and the films' own extremes.
        The range always includes 0, as padding and integer kernels need it, and never goes beyond the extremes.
        """
        histogram = self._histograms[name]
        if histogram.holds_grey_levels():
            return GREY_LEVELS
        low, high = apply(histogram, rule)
        return max(histogram.low, min(0.0, low)), min(histogram.high, max(0.0, high))

    def step(self, name: str, rule: RangeRule) -> float:
        """One 8-bit step of tensor ``name``: a 255th of its range."""
        low, high = self.range(name, rule)
        return (high - low) / 255

    def table(self, rule: RangeRule) -> tuple[TensorRange, ...]:
        """Every tensor's range as a record, in order of first sight."""
        pairs = ((name, self.range(name, rule)) for name in self._histograms)
        return tuple(TensorRange(tensor=name, low=low, high=high) for name, (low, high) in pairs)


def not_finite(name: str) -> InputError:
    """What to raise where a tensor holds NaN or infinity."""
    return InputError(
        "CALIBRATION-NAN",
        f"tensor {name} holds NaN or infinity on a calibration film",
        "check the student's weights and the calibration films; the float32 model itself is broken there",
    )


def films(images: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    """Calibration films one by one as the student takes them: float32[1, ch, H, W], values 0..255."""
    numbers: Iterable[int] = track(range(len(images)), "calibrating")
    for number in numbers:
        yield np.ascontiguousarray(images[number : number + 1], np.float32)
