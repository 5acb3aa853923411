"""The least margin: each rule against a search through all margins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cxredge.errors import InputError
from cxredge.recipe_decision import MarginRule
from cxredge.statistics.cuts import MIN_CASES
from cxredge.statistics.margin import least_margin

Films = tuple[np.ndarray, np.ndarray, np.ndarray]
ACCURACY, ANSWERED = MarginRule(floor=0.9), MarginRule(kind="answered", floor=0.9)


def counts(films: Films, margin: float) -> tuple[int, int]:
    """Films answered, and answered with their own class, compared as an app does."""
    odds, named, right = films
    answered = named & (odds >= np.float32(margin))
    return int(answered.sum()), int((answered & right).sum())


def drawn(data: st.DataObject, close: bool) -> Films:
    size = data.draw(st.integers(1, 25))
    values = st.integers(-2, 5) if close else st.floats(-20, 50, width=32)
    odds = data.draw(arrays(np.float32, size, elements=values))
    # neighbours in float32: half way, rounded to four decimals, would be another cut
    odds = np.float32(1) + odds * np.finfo(np.float32).eps if close else odds
    right, tied = data.draw(arrays(bool, size)), data.draw(arrays(bool, size))
    # a film whose two greatest logits are equal has log-odds of 0 or less
    odds = np.where(tied, -np.abs(odds), odds).astype(np.float32)
    return odds, (odds >= 0) & ~tied, right


def every(films: Films) -> list[tuple[int, int]]:
    """Counts of all margins that differ: at every log-odds, and above all."""
    odds = films[0]
    return [counts(films, t) for t in (0.0, *odds[odds >= 0], np.float32(60))]


@settings(deadline=None, max_examples=200)
@given(data=st.data(), close=st.booleans(), floor=st.sampled_from([0.5, 0.8, 0.9, 0.99]))
def test_a_floor_of_accuracy_is_kept_with_the_most_answers(data: st.DataObject, close: bool, floor: float) -> None:
    films = drawn(data, close)
    found = least_margin(MarginRule(floor=floor), *films, "val")
    answered, right = counts(films, found.log_odds)
    kept = [(a, r) for a, r in every(films) if a and r / a >= floor]
    able = [(a, r) for a, r in kept if a >= MIN_CASES]
    assert found.log_odds >= 0
    assert f"{len(films[0])} films, {answered} answered, {right} right" in found.rule
    if able:
        assert answered == max(a for a, _ in able)
        assert right / answered >= floor
        assert "not reached" not in found.rule
    else:
        assert answered == 0
        fewer = f" by {MIN_CASES} answers or more" if kept else ""
        assert f"accuracy >= {floor:g} not reached{fewer} on val" in found.rule


@settings(deadline=None, max_examples=200)
@given(data=st.data(), close=st.booleans(), floor=st.sampled_from([0.1, 0.5, 0.9]))
def test_a_floor_of_answers_is_kept_with_the_best_accuracy(data: st.DataObject, close: bool, floor: float) -> None:
    films = drawn(data, close)
    found = least_margin(MarginRule(kind="answered", floor=floor), *films, "val")
    answered, right = counts(films, found.log_odds)
    kept = [(a, r) for a, r in every(films) if a / len(films[0]) >= floor]
    able = [(a, r) for a, r in kept if a >= MIN_CASES]
    assert f"{answered} answered, {right} right" in found.rule
    if able:
        best = max(r / a for a, r in able)
        assert right / answered == best
        assert answered == max(a for a, r in able if r / a == best)
    else:
        assert found.log_odds == 0
        fewer = f" by {MIN_CASES} answers or more" if kept else ""
        assert f"answered >= {floor:g} not reached{fewer} on val" in found.rule


@settings(deadline=None, max_examples=200)
@given(data=st.data(), close=st.booleans(), cost=st.sampled_from([0.2, 1.0, 5.0]))
def test_cost_is_the_least_of_all_margins(data: st.DataObject, close: bool, cost: float) -> None:
    films = drawn(data, close)
    found = least_margin(MarginRule(kind="cost", wrong_cost=cost), *films, "val")

    def price(answered: int, right: int) -> float:
        return (answered - right) * cost + (len(films[0]) - answered)

    assert price(*counts(films, found.log_odds)) == pytest.approx(min(price(*c) for c in every(films)))
    same = [a for a, r in every(films) if price(a, r) == price(*counts(films, found.log_odds))]
    assert counts(films, found.log_odds)[0] <= min(same) + 1e-9


@settings(deadline=None, max_examples=100)
@given(data=st.data(), close=st.booleans())
def test_it_is_half_way_or_at_nought(data: st.DataObject, close: bool) -> None:
    films = drawn(data, close)
    odds, named, _ = films
    assume(named.any())
    found = least_margin(ACCURACY, *films, "val").log_odds
    reached = odds[named & (odds >= np.float32(found))]
    below = odds[~(named & (odds >= np.float32(found)))]
    if len(reached) and len(below) and found > 0:
        middle = (float(reached.min()) + float(below.max())) / 2
        assert found == pytest.approx(middle, abs=5.1e-5)


def films_of(odds: list[float], right: str) -> Films:
    values = np.array(odds, np.float32)
    return values, values >= 0, np.array([mark == "r" for mark in right])


def test_it_says_how_it_came_about() -> None:
    films = films_of([4, 3, 2, 1, 0.5, 0.25, -0.5], "rrwrrwr")
    rules = {
        "accuracy >= 0.8 on val, 7 films, 5 answered, 4 right": (MarginRule(floor=0.8), 0.375),
        "accuracy >= 0.9 not reached by 3 answers or more on val, 7 films, 0 answered, 0 right": (ACCURACY, 5),
        "accuracy >= 0.6 on val, 7 films, 6 answered, 4 right": (MarginRule(floor=0.6), 0),
        "answered >= 0.5 on val, 7 films, 5 answered, 4 right": (MarginRule(kind="answered", floor=0.5), 0.375),
        "answered >= 0.9 not reached on val, 7 films, 6 answered, 4 right": (ANSWERED, 0),
        "least cost (one wrong answer = 2 uncertain films) on val, 7 films, 5 answered, 4 right": (
            MarginRule(kind="cost", wrong_cost=2),
            0.375,
        ),
        "least cost (one wrong answer = 5 uncertain films) on val, 7 films, 2 answered, 2 right": (
            MarginRule(kind="cost", wrong_cost=5),
            2.5,
        ),
    }
    for text, (rule, margin) in rules.items():
        found = least_margin(rule, *films, "val")
        assert (found.rule, found.log_odds) == (text, margin)


def test_a_floor_that_cannot_be_kept_answers_nothing() -> None:
    """The surest answers are the wrong ones: the margin stands above all of them, and the rule says so."""
    found = least_margin(ACCURACY, *films_of([4, 3, 2], "www"), "val")
    assert (found.log_odds, found.rule) == (5, "accuracy >= 0.9 not reached on val, 3 films, 0 answered, 0 right")
    none = films_of([-1, -2], "rr")
    assert least_margin(ACCURACY, *none, "val").log_odds == 1
    assert least_margin(ANSWERED, *none, "val").log_odds == 0


@pytest.mark.parametrize(("right", "answered"), [("rww", 0), ("rrw", 0), ("rrr", 3)])
def test_one_answer_or_two_are_no_share(right: str, answered: int) -> None:
    """A floor that one film keeps is chance: with three films behind it, it is kept."""
    for rule in (ACCURACY, MarginRule(kind="answered", floor=0.01)):
        films = films_of([4, 3, 2], right)
        found = least_margin(rule, *films, "val")
        if rule is ACCURACY:
            assert counts(films, found.log_odds)[0] == answered
            assert ("not reached by 3 answers or more" in found.rule) is (answered == 0)
        else:
            assert counts(films, found.log_odds)[0] == 3


def test_it_never_falls_below_nought() -> None:
    assert least_margin(ACCURACY, *films_of([4, 3, 0.25, -2], "rrrw"), "val").log_odds == 0
    assert least_margin(ACCURACY, *films_of([4, 3, 0.25], "rrr"), "val").log_odds == 0
    assert least_margin(ACCURACY, *films_of([4, 3, 1, -0.5], "rrrw"), "val").log_odds == 0.25


def test_the_films_of_a_tie_are_below() -> None:
    """A tie has log-odds of 0 and is uncertain: the margin stands above it, not on it."""
    odds, named = np.array([5, 4, 3, 0], np.float32), np.array([True, True, True, False])
    found = least_margin(ACCURACY, odds, named, np.ones(4, bool), "val")
    assert found.log_odds == 1.5


def test_a_narrow_gap_is_not_rounded_away() -> None:
    found = least_margin(ACCURACY, *films_of([2, 1, 0.12343, 0.12341], "rrrw"), "val")
    assert found.log_odds == pytest.approx(0.12342, abs=1e-7)


def test_huge_log_odds_still_have_a_margin_above() -> None:
    films = films_of([1e30, 3], "ww")
    found = least_margin(ACCURACY, *films, "val")
    assert counts(films, found.log_odds) == (0, 0)


def test_log_odds_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="STATISTICS-VALUE"):
        least_margin(ACCURACY, np.array([np.nan], np.float32), np.ones(1, bool), np.ones(1, bool), "val")
    with pytest.raises(InputError, match="STATISTICS-SHAPE"):
        least_margin(ACCURACY, np.zeros(0, np.float32), np.ones(0, bool), np.ones(0, bool), "val")
