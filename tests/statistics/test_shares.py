from __future__ import annotations

import numpy as np
import pytest

from cxredge.statistics.shares import difference_interval, share_interval, wilson


def test_wilson_and_newcombe_give_the_papers_numbers() -> None:
    """Newcombe 1998: 81 of 263 in his part on one share; 56 of 70 less 48 of 80 in his part on two (method 10)."""
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    one, other = ((p, *wilson(p, n)) for p, n in ((56 / 70, 70), (48 / 80, 80)))
    assert difference_interval(one, other) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_films_of_one_patient_count_for_less() -> None:
    """Four films a patient that always agree are worth one; that differ as any, four."""
    patients = [f"{i // 4}" for i in range(80)]
    alike = np.repeat(np.arange(20) < 14, 4)
    share, low, high = share_interval(alike, patients)
    n_of_patients = 20 * 19 / 20  # the variance over patients divides by one patient less
    assert (share, low, high) == pytest.approx((0.7, *wilson(0.7, n_of_patients)))
    evenly = np.tile([True, True, True, False], 20)
    assert share_interval(evenly, patients)[1:] == pytest.approx(wilson(0.75, 80))


@pytest.mark.parametrize("all_of_them", [True, False])
def test_all_or_none_of_a_few_patients_is_no_certainty(all_of_them: bool) -> None:
    share, low, high = share_interval(np.full(12, all_of_them), [f"{i // 3}" for i in range(12)])
    assert (share, low, high) == pytest.approx((float(all_of_them), *wilson(float(all_of_them), 4)))
    assert high - low > 0.4
    assert share_interval(np.array([all_of_them]), ["p"])[1:] == pytest.approx(wilson(float(all_of_them), 1))


def test_the_intervals_hold_and_the_rule_seldom_warns_for_nothing() -> None:
    """Patients of 1 to 4 films that resemble each other: 95 % intervals hold in 93 of 100 draws or more, and the
    difference of two draws leaves out 0 in fewer than 8; that one interval leaves out the other share would warn in
    more than 14."""
    rng = np.random.default_rng(4)

    def draw(share: float, patients: int) -> tuple[float, float, float]:
        own = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
        hits = rng.random(len(own)) < rng.beta(4 * share, 4 * (1 - share), patients)[own]
        return share_interval(hits, [str(i) for i in own])

    drawn = 400
    for share, patients in ((0.6, 12), (0.9, 12), (0.9, 40)):
        pairs = [(draw(share, patients), draw(share, patients)) for _ in range(drawn)]
        held = sum(low <= share <= high for (_, low, high), _ in pairs)
        ends = [difference_interval(*pair) for pair in pairs]
        false_alarms = sum(low > 0 or high < 0 for low, high in ends)
        naive = sum(not low <= other <= high for (_, low, high), (other, _, _) in pairs)
        assert held >= 0.93 * drawn, (share, patients, held)
        assert false_alarms <= 0.08 * drawn, (share, patients, false_alarms)
        assert naive >= 0.14 * drawn, (share, patients, naive)
