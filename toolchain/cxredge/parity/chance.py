"""Whether a student does better than chance: the reference's own figures, with intervals over patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.evidence_chance import Chance, Held, LabelChance
from cxredge.parity.decisions import ExclusiveRule, Rule, rule_of
from cxredge.parity.paired import BOOTSTRAP, ENOUGH, judged_labels, too_few, too_few_owners
from cxredge.recipe import Recipe
from cxredge.results import BootstrapSpec
from cxredge.statistics import means
from cxredge.statistics.auc import Auc
from cxredge.statistics.bootstrap import Statistic, interval, mean_of_labels, observed, resample

AUC_OF_CHANCE = 0.5
NO_INTERVAL = "no resample has films of both kinds"


def student_chance(
    recipe: Recipe,
    truth: NDArray[np.bool_],
    logits: NDArray[np.float32],
    patients: Sequence[str],
    bootstrap: BootstrapSpec = BOOTSTRAP,
) -> Chance:
    """``chance`` of the recipe's student, by its rule, over the labels that the films tell; and the exclusive classes
    that with the recipe's least margin it names on no film."""
    names = recipe.labels.names
    rule = rule_of(names, recipe.decision)
    found = chance(rule, truth, logits, patients, judged_labels(recipe.labels), bootstrap)
    if not isinstance(rule, ExclusiveRule):
        return found
    called = rule.call(logits)
    never = tuple(name for at, name in enumerate(names) if not called[:, at].any())
    return found.model_copy(update={"never_named": never})


def chance(
    rule: Rule,
    truth: NDArray[np.bool_],
    logits: NDArray[np.float32],
    patients: Sequence[str],
    judged: NDArray[np.bool_] | None = None,
    bootstrap: BootstrapSpec = BOOTSTRAP,
) -> Chance:
    """truth bool[N, C] and logits float32[N, C] of films that the student did not learn from, and their patients.

    rule: its names are the labels, its scores rank the films; thresholds play no part. judged: bool[C], the labels that
    ``truth`` tells; None: all. Intervals are percentile intervals of the bootstrap over patients. Labels with fewer
    than ENOUGH patients of a kind get none and are left out of the mean; nor does the accuracy with fewer patients.
    Raises InputError STATISTICS-SHAPE or STATISTICS-VALUE.
    """
    scores = rule.scores(logits)
    statistics: dict[str, Statistic] = {"auc": Auc(truth, scores)}
    exclusive = isinstance(rule, ExclusiveRule)
    if exclusive:
        nearest = np.arange(logits.shape[1]) == logits.argmax(1)[:, None]
        statistics["accuracy"] = means.accuracy(truth, nearest)
    seen = {name: observed(statistic, len(truth)) for name, statistic in statistics.items()}
    drawn = resample(statistics, patients, bootstrap.resamples, bootstrap.seed)
    few = too_few(truth, patients, judged=judged)
    labels = tuple(
        LabelChance(label=name, auc=_held(seen["auc"][i], drawn["auc"][i], AUC_OF_CHANCE, few[i], bootstrap))
        for i, name in enumerate(rule.names)
    )
    owners, majority = len(set(patients)), None
    if exclusive:
        common = int(truth.sum(0).argmax())
        majority, share = rule.names[common], float(truth[:, common].mean())
        lacking = too_few_owners(patients)
        if share == 1:
            lacking = f"all films are {majority}"
        figure = _held(seen["accuracy"][0], drawn["accuracy"][0], share, lacking, bootstrap)
    else:
        shown = np.array([reason is None for reason in few])
        lacking = None if shown.any() else f"no label has {ENOUGH} positive and {ENOUGH} negative patients"
        if judged is not None and not judged.any():
            lacking = "no label is judged"
        value = seen["auc"][shown].mean() if shown.any() else np.nan
        figure = _held(value, mean_of_labels(drawn["auc"][shown]), AUC_OF_CHANCE, lacking, bootstrap)
    return Chance(
        films=len(truth), patients=owners, bootstrap=bootstrap, figure=figure, labels=labels, majority=majority
    )


def _held(
    value: float, resampled: NDArray[np.float64], by_chance: float, few: str | None, bootstrap: BootstrapSpec
) -> Held:
    """few: why there is no interval; then there is no value either, which few patients could not carry."""
    ends = None if few else interval(resampled, bootstrap.level)
    if ends is None:
        return Held(value=None, low=None, high=None, chance=by_chance, too_few=few or NO_INTERVAL)
    return Held(value=float(value), low=ends[0], high=ends[1], chance=by_chance)
