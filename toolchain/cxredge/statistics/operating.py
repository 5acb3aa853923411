"""Operating points: thresholds in logit space, chosen by a rule on labelled films."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError, counted
from cxredge.recipe_decision import OperatingPoint, OperatingRule
from cxredge.statistics.arguments import check
from cxredge.statistics.cuts import between, cuts


def operating_point(
    rule: OperatingRule, truth: NDArray[np.bool_], logits: NDArray[np.float32], split: str
) -> OperatingPoint:
    """The threshold of one label by ``rule``, with its text, as ``sensitivity >= 0.9 on val, 102 films, 11 positive``.

    truth bool[N], logits float32[N], at least one film of each kind; split: the films' name. Of the N + 1 ways to cut
    the films the one that the rule values most; among equals, for ``youden`` and ``cost`` the highest, for a floor the
    one that is also best in what has the floor. The threshold stands half way to the next lower logit, where numeric
    noise flips the fewest decisions; it is rounded to four decimals where that calls the same films.
    Raises what ``check`` raises, and InputError STATISTICS-CLASS when there is no positive or no negative film.
    """
    check(truth[:, None], logits[:, None])
    positives = int(truth.sum())
    if not 0 < positives < len(truth):
        raise InputError(
            "STATISTICS-CLASS",
            f"{positives} of {counted(len(truth), 'film')} are positive",
            "choose an operating point on films of both kinds",
        )
    steps, (hits, alarms) = cuts(logits, truth, ~truth)
    best = _best(rule, hits, alarms)
    lower = steps[best + 1] if best + 1 < len(steps) else -np.inf
    text = f"{_words(rule)} on {split}, {len(truth)} films, {positives} positive"
    return OperatingPoint(logit=between(lower, steps[best]), rule=text)


def _best(rule: OperatingRule, hits: NDArray[np.intp], alarms: NDArray[np.intp]) -> int:
    """Index of the best cut; hits, alarms int[K]: positive and negative films called positive, rising from 0."""
    sensitivity, false_alarms = hits / hits[-1], alarms / alarms[-1]
    specificity = (alarms[-1] - alarms) / alarms[-1]
    if rule.miss_cost is not None:
        return int(np.argmin((hits[-1] - hits) * rule.miss_cost + alarms))
    if rule.floor is None:
        # without the first: to call nothing is as good as to call everything, and never better than the best
        return 1 + int(np.argmax((sensitivity - false_alarms)[1:]))
    kept, other = (sensitivity, specificity) if rule.kind == "sensitivity" else (specificity, sensitivity)
    order = np.lexsort((kept, other, kept >= rule.floor))
    return int(order[-1])


def _words(rule: OperatingRule) -> str:
    if rule.miss_cost is not None:
        return f"least cost (one miss = {rule.miss_cost:g} false alarms)"
    return rule.kind if rule.floor is None else f"{rule.kind} >= {rule.floor:g}"
