"""Shares of accidents found and of false alarms, from counts that are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.parity.pairs import Both
from cxredge.parity.quality_figures import Tried, alarms, found_least, quality_figures
from cxredge.results import BootstrapSpec
from cxredge.vocabulary import QUALITY_KINDS

QUICK = BootstrapSpec(resamples=200, level=0.95, seed=1)
THRESHOLDS = dict(zip(QUALITY_KINDS, (0.0, 1.0, 2.0, 3.0), strict=True))
CUT = np.array([0.0, 1.0, 2.0, 3.0], np.float32)
N, ORDINARY = 20, 50


def accidents(missed: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """All found at their very threshold, but the first so many films of each kind, a step below; other kinds never."""
    quality = np.full((4, N, 4), -9, np.float32)
    for at, count in enumerate(missed):
        quality[at, :, at] = CUT[at]
        quality[at, :count, at] = np.nextafter(CUT[at], np.float32(-9))
    return quality.reshape(4 * N, 4)


def ordinary(flagged: tuple[int, int, int, int]) -> NDArray[np.float32]:
    quality = np.full((ORDINARY, 4), -9, np.float32)
    for at, count in enumerate(flagged):
        quality[:count, at] = CUT[at]
    return quality


def tried(
    missed: tuple[int, int, int, int] = (0, 0, 0, 0),
    flagged: tuple[int, int, int, int] = (0, 0, 0, 0),
    patients: int = N,
) -> Tried:
    """The reference misses two mirrored films, and takes one ordinary film for an inverted one."""
    return Tried(
        Both(accidents((0, 0, 0, 2)), accidents(missed)),
        Both(ordinary((1, 0, 0, 0)), ordinary(flagged)),
        [f"p{i % patients}" for i in range(N)],
        [f"p{i % patients}" for i in range(ORDINARY)],
        THRESHOLDS,
    )


def test_counts_by_kind() -> None:
    found = quality_figures(tried((1, 0, 5, 20), (1, 2, 0, 50)), QUICK)
    assert [figure.kind for figure in found] == list(QUALITY_KINDS)
    assert {(figure.films, figure.ordinary) for figure in found} == {(N, ORDINARY)}
    shares = [(figure.found.reference, figure.found.artifact) for figure in found]
    np.testing.assert_allclose(shares, [(1, 0.95), (1, 1), (1, 0.75), (0.9, 0)])
    taken = [(figure.false_alarms.reference, figure.false_alarms.artifact) for figure in found]
    np.testing.assert_allclose(taken, [(0.02, 0.02), (0, 0.04), (0, 0), (0, 1)])
    turned = found[2].found
    assert turned.loss == pytest.approx(0.25)
    assert turned.low is not None
    assert turned.high is not None
    assert 0 < turned.low < 0.25 < turned.high < 0.6
    risen = found[1].false_alarms
    assert risen.loss == pytest.approx(0.04)


def test_the_kind_that_loses_most_counts_and_a_question_does_not() -> None:
    assert found_least(tried((1, 0, 5, 20)), QUICK).artifact == pytest.approx(0.75)
    assert found_least(tried((3, 0, 0, 20)), QUICK).artifact == pytest.approx(0.85)
    nothing = found_least(tried((0, 0, 0, 20)), QUICK)
    assert (nothing.loss, nothing.high) == (0, 0)


def test_a_film_that_is_held_back_counts_once_and_a_question_does_not() -> None:
    rise = alarms(tried(flagged=(3, 2, 1, 50)), QUICK)
    assert (rise.reference, rise.artifact) == (pytest.approx(0.02), pytest.approx(0.06))
    assert rise.loss == pytest.approx(0.04)


def test_few_patients_give_no_interval() -> None:
    found = quality_figures(tried((1, 0, 0, 0), patients=9), QUICK)
    assert found[0].found.artifact == pytest.approx(0.95)
    assert (found[0].found.high, found[0].found.too_few) == (None, "9 patients, 10 are needed")
    assert found_least(tried(patients=9), QUICK).high is None
    assert alarms(tried(patients=1), QUICK).too_few == "1 patient, 10 are needed"
