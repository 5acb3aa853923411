from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.quantize.histogram import GREY_LEVELS, HALF, LEAST_EXPONENT
from cxredge.quantize.ranges import RangeEstimator
from cxredge.recipe_calibration import PercentileRange

VALUES = arrays.arrays(
    np.float32, st.integers(1, 400), elements=st.floats(-(2.0**60), 2.0**60, width=32, allow_subnormal=False)
)
PERCENTILES = st.sampled_from([90.5, 95.0, 99.0, 99.9, 99.99, 100.0])


def at(percentile: float) -> PercentileRange:
    return PercentileRange(rule="percentile", percentile=percentile)


def seen(*parts: NDArray[np.float32]) -> RangeEstimator:
    estimator = RangeEstimator()
    for part in parts:
        estimator.update("x", part)
    return estimator


@settings(deadline=None)
@given(VALUES, PERCENTILES)
def test_range_is_numpys_percentile_within_a_bin(values: NDArray[np.float32], percentile: float) -> None:
    low, high = seen(values).range("x", at(percentile))
    # no grid is finer than the one of a tensor that counts as zero
    step = max(float(np.abs(values).max()) / 4096, math.ldexp(1 / HALF, LEAST_EXPONENT))
    # linear inside a bin: at most one bin from the values around the rank
    for ours, share in ((low, 100 - percentile), (high, percentile)):
        under, over = (float(np.percentile(values.astype(np.float64), share, method=m)) for m in ("lower", "higher"))
        assert min(under, 0.0) - step <= ours <= max(over, 0.0) + step


@settings(deadline=None)
@given(VALUES)
def test_100_gives_the_exact_extremes_with_zero(values: NDArray[np.float32]) -> None:
    assert seen(values).range("x", at(100)) == (min(0.0, float(values.min())), max(0.0, float(values.max())))


@settings(deadline=None)
@given(st.lists(VALUES, min_size=2, max_size=4), PERCENTILES, st.randoms())
def test_neither_order_nor_splitting_matters(
    parts: list[NDArray[np.float32]], percentile: float, random: np.random.Generator
) -> None:
    # a value may vanish in float32 beside one 1e38 times as large, and only beside it
    parts = [np.where(np.abs(part) < 2.0**-60, np.float32(0), part) for part in parts]
    whole = np.concatenate(parts)
    shuffled = whole.copy()
    random.shuffle(shuffled)
    want = seen(whole).range("x", at(percentile))
    assert seen(*parts).range("x", at(percentile)) == want
    assert seen(*reversed(parts)).range("x", at(percentile)) == want
    assert seen(shuffled).range("x", at(percentile)) == want


def test_a_film_on_which_a_tensor_is_all_zero_makes_no_grid_coarser() -> None:
    zeros, small = np.zeros(1, np.float32), np.full(1, 0.02, np.float32)
    assert seen(zeros, small).range("x", at(90.5)) == seen(np.concatenate([zeros, small])).range("x", at(90.5))


@settings(deadline=None)
@given(VALUES, PERCENTILES)
def test_range_includes_zero_grows_with_the_percentile_and_stays_inside(
    values: NDArray[np.float32], percentile: float
) -> None:
    estimator = seen(values)
    (low, high), (least, most) = estimator.range("x", at(percentile)), estimator.range("x", at(100))
    assert least <= low <= 0 <= high <= most


@settings(deadline=None)
@given(st.integers(1, 3))
def test_values_larger_than_a_chunk_are_all_counted(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 3, 300_001).astype(np.float32)
    low, high = seen(values).range("x", at(99.9))
    assert low == pytest.approx(np.percentile(values, 0.1), abs=2e-2)
    assert high == pytest.approx(np.percentile(values, 99.9), abs=2e-2)


def test_all_zero() -> None:
    assert seen(np.zeros(9, np.float32)).range("x", at(99.99)) == (0.0, 0.0)


def test_zeros_then_tiny_then_huge() -> None:
    low, high = seen(np.zeros(5, np.float32), np.float32([1e-20]), np.float32([3e30])).range("x", at(100))
    assert (low, high) == (0.0, float(np.float32(3e30)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_is_refused_by_tensor_name(bad: float) -> None:
    with pytest.raises(InputError, match="conv_7") as caught:
        RangeEstimator().update("conv_7", np.float32([1.0, bad, 2.0]))
    assert caught.value.code == "CALIBRATION-NAN"


def test_table_keeps_the_order_of_first_sight_and_reads_read_only_arrays() -> None:
    estimator = RangeEstimator()
    frozen = np.float32([-1.0, 2.0])
    frozen.flags.writeable = False
    for name in ("b", "a", "b"):
        estimator.update(name, frozen)
    assert [r.tensor for r in estimator.table(at(100))] == ["b", "a"]
    assert estimator.step("a", at(100)) == pytest.approx(3 / 255)


def normalised(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """As the student does it."""
    image = levels.astype(np.float32)
    return (image - np.float32(128)) / np.float32(128)


@pytest.mark.parametrize("percentile", [99.0, 99.99, 100.0])
@pytest.mark.parametrize(("darkest", "brightest"), [(0, 255), (20, 180), (128, 255), (120, 140), (127, 129)])
def test_grey_levels_get_all_256_steps(percentile: float, darkest: int, brightest: int) -> None:
    """Whatever levels the films happen to hold."""
    levels = np.random.default_rng(1).integers(darkest, brightest + 1, 5000).astype(np.uint8)
    low, high = seen(normalised(levels)).range("x", at(percentile))
    assert (low, high) == GREY_LEVELS == (-1.0, 127 / 128)
    # every level is a step, and zero is one
    steps = (normalised(np.arange(256, dtype=np.uint8)) - low) / ((high - low) / 255)
    assert np.array_equal(steps, np.arange(256))


@settings(deadline=None)
@given(arrays.arrays(np.uint8, st.integers(3, 300)), PERCENTILES)
def test_grey_levels_film_by_film(levels: NDArray[np.uint8], percentile: float) -> None:
    found = seen(*(normalised(part) for part in np.array_split(levels, 3) if len(part)))
    # three levels are needed to tell an image from an empty tensor or a mask
    if len(np.unique(levels)) > 2:
        assert found.range("x", at(percentile)) == GREY_LEVELS
    else:
        assert found.range("x", at(100)) == (min(0.0, normalised(levels).min()), max(0.0, normalised(levels).max()))


WHOLE = normalised(np.arange(256, dtype=np.uint8))


@pytest.mark.parametrize(
    "odd",
    [
        np.float32([0.5 / 128]),
        np.float32([-100.25 / 128]),
        np.float32([1.0]),
        np.float32([-129 / 128]),
        np.float32([300.0]),
    ],
    ids=["half a level", "a quarter of a level", "a level too bright", "a level too dark", "far out"],
)
def test_one_value_off_the_levels_is_no_image(odd: NDArray[np.float32]) -> None:
    together = np.concatenate([WHOLE, odd])
    assert seen(WHOLE, odd).range("x", at(100)) == (float(together.min()), float(together.max()))


@pytest.mark.parametrize("divisor", [127.5, 127.0, 255.0])
def test_other_normalisations_are_no_grey_levels(divisor: float) -> None:
    image = ((np.arange(256) - divisor) / divisor).astype(np.float32)
    assert seen(image).range("x", at(100)) == (float(image.min()), float(image.max()))


def test_levels_that_are_none_or_two_are_no_image() -> None:
    assert seen(np.zeros(100, np.float32)).range("x", at(100)) == (0.0, 0.0)
    assert seen(np.float32([0, 0.5, 0, 0.5])).range("x", at(100)) == (0.0, 0.5)
