"""The least margin of exclusive classes: how sure an answer has to be, chosen by a rule on labelled films."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxredge.recipe_decision import Margin, MarginRule
from cxredge.statistics.arguments import check
from cxredge.statistics.cuts import MIN_CASES, between, cuts

Counts = NDArray[np.intp]


def least_margin(
    rule: MarginRule,
    odds: NDArray[np.float32],
    named: NDArray[np.bool_],
    right: NDArray[np.bool_],
    split: str,
) -> Margin:
    """The least margin by ``rule``, with its text, as ``accuracy >= 0.9 on val, 123 films, 87 answered, 80 right``.

    odds float32[N]: log-odds of each film's nearest class; named bool[N]: whether a least margin of 0 answers the film,
    and no margin answers more; right bool[N]: whether the nearest class is the film's own. split: the films' name.

    Of all ways to cut the films by their log-odds, and of answering none, the one that the rule values most. Among
    equals, for ``cost`` the highest margin, for ``answered`` the lowest one. A floor is kept by MIN_CASES answers or
    more: one answer that is right is no share. Where no cut keeps it the text says ``not reached``, and ``by 3 answers
    or more`` where fewer would. For ``accuracy`` the margin then stands above all films, as no set of answers is as
    often right as the recipe asks; for ``answered`` it is 0, which answers as many as can be.

    The margin stands half way to the next lower log-odds, where numeric noise changes the fewest answers, but never
    below 0; it is rounded to four decimals where that answers the same films. Raises what ``check`` raises.
    """
    check(named[:, None], odds[:, None])
    steps, (answered, correct) = cuts(odds[named], named[named], right[named])
    best, reached = _best(rule, answered, correct, len(odds))
    lower = steps[best + 1] if best + 1 < len(steps) else odds[~named].max(initial=-np.inf)
    kept = "" if reached else _not_reached(rule, answered, correct, len(odds))
    text = f"{_words(rule)}{kept} on {split}, {len(odds)} films, {answered[best]} answered, {correct[best]} right"
    widest = rule.kind == "answered" and not reached
    return Margin(log_odds=0.0 if widest else _place(float(lower), float(steps[best])), rule=text)


def _best(rule: MarginRule, answered: Counts, correct: Counts, films: int) -> tuple[int, bool]:
    """Index of the best cut, and whether it keeps the floor; answered, correct int[K]: films, rising from 0."""
    if rule.wrong_cost is not None:
        return int(np.argmin((answered - correct) * rule.wrong_cost + (films - answered))), True
    kept = _kept(rule, answered, correct, films, MIN_CASES)
    if rule.kind == "accuracy":
        return (int(kept[-1]), True) if len(kept) else (0, False)
    if not len(kept):
        return len(answered) - 1, False
    accuracy = _accuracy(answered, correct)
    # the last among equals answers the most films
    return int(kept[np.flatnonzero(accuracy[kept] == accuracy[kept].max())[-1]]), True


def _kept(rule: MarginRule, answered: Counts, correct: Counts, films: int, least: int) -> Counts:
    """Cuts that keep the floor, with at least ``least`` answers."""
    share = _accuracy(answered, correct) if rule.kind == "accuracy" else answered / films
    return np.flatnonzero((share >= (rule.floor or 0.0)) & (answered >= least))


def _accuracy(answered: Counts, correct: Counts) -> NDArray[np.float64]:
    return np.divide(correct, answered, out=np.zeros(len(answered)), where=answered > 0)


def _not_reached(rule: MarginRule, answered: Counts, correct: Counts, films: int) -> str:
    fewer = len(_kept(rule, answered, correct, films, 1)) > 0
    return f" not reached by {MIN_CASES} answers or more" if fewer else " not reached"


def _words(rule: MarginRule) -> str:
    if rule.wrong_cost is not None:
        return f"least cost (one wrong answer = {rule.wrong_cost:g} uncertain films)"
    return f"{rule.kind} >= {rule.floor:g}"


def _place(lower: float, upper: float) -> float:
    """A margin that ``upper`` reaches and ``lower`` does not. What lies below 0 is uncertain whatever the margin."""
    if upper == np.inf:
        return between(max(lower, 0.0), upper)
    return max(0.0, between(lower, upper)) if lower > -np.inf else 0.0
