from __future__ import annotations

import math

import numpy as np
import pytest

from cxredge.statistics.false_alarms import LEAST, SHARE, bound


@pytest.mark.parametrize("films", [100, 102, 199, 200, 1000, 12345])
def test_at_most_one_in_a_hundred_reaches_it_and_not_fewer_than_may(films: int) -> None:
    scores = np.random.default_rng(films).normal(-3, 2, films).astype(np.float32)
    assert int((scores.astype(np.float64) >= bound(scores)).sum()) == math.floor(SHARE * films)


@pytest.mark.parametrize("scores", [[1.0] * 200, [0.0] * 150 + [5.0] * 50])
def test_equal_scores_do_not_reach_it_together(scores: list[float]) -> None:
    found = np.array(scores, np.float32)
    assert not (found.astype(np.float64) >= bound(found)).any()


@pytest.mark.parametrize("films", [LEAST, 10, 99])
def test_with_few_films_the_next_one_seldom_reaches_it(films: int) -> None:
    random = np.random.default_rng(0)
    reached = []
    for _ in range(4000):
        scores = random.normal(-3, 2, films + 1).astype(np.float32)
        found = bound(scores[:-1])
        assert not (scores[:-1].astype(np.float64) >= found).any()
        reached.append(float(scores[-1]) >= found)
    assert np.mean(reached) < SHARE + 0.005


def test_it_has_four_decimals_and_lies_above_the_score_that_it_must() -> None:
    found = bound(np.array([0.12341, 0.1, 0.0], np.float32))
    assert found == round(found, 4)
    assert found > 0.12341
