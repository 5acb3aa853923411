"""Thresholds from the val split: operating points or the least margin, and those of novelty and quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cxredge.decision import SingleLabel
from cxredge.parity.decisions import rule_of
from cxredge.recipe import Recipe
from cxredge.recipe_decision import NOT_YET, Margin, Novelty, OperatingPoint, Quality
from cxredge.statistics import false_alarms, margin, operating
from cxredge.statistics.cuts import MIN_CASES
from cxredge.vocabulary import QUALITY_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cxredge.distill.evaluate import Answers

NOVELTY_PERCENTILE = 99
ONE_HALF = "a probability of one half"


@dataclass(frozen=True)
class Thresholds:
    """What was chosen on the val films, and goes into the recipe."""

    points: Mapping[str, OperatingPoint]
    """Of labels with enough films that tell them; none of exclusive classes."""
    margin: Margin | None
    """The least margin of exclusive classes; None for independent findings."""
    novelty: Novelty | None
    """None for students without such a score."""
    quality: Quality | None = None
    """None for students without such an output."""


def fitted(recipe: Recipe, targets: NDArray[np.float32], found: Answers) -> Thresholds:
    """targets (0 and 1) float32[N, C] of the val films, and the student's answers -> thresholds by the recipe's rules.

    Raises what ``operating_point`` and ``least_margin`` raise.
    """
    exclusive = recipe.labels.kind == "single-label"
    return Thresholds(
        points={} if exclusive else fitted_points(recipe, targets, found.logits),
        margin=fitted_margin(recipe, targets, found.logits) if exclusive else None,
        novelty=None if found.novelty is None else novelty_threshold(found.novelty),
        quality=None if found.quality is None else quality_thresholds(found.quality),
    )


def whole(recipe: Recipe, chosen: Thresholds) -> Thresholds:
    """``chosen``, and a logit of 0 for labels of which neither it nor the recipe has an operating point."""
    why = f"not fitted, too few films with or without it on val: {ONE_HALF}"
    points = {
        label: OperatingPoint(
            logit=0.0, rule=why if label in recipe.labels.told else f"not fitted, no ground truth: {ONE_HALF}"
        )
        for label, point in recipe.operating_points.items()
        if point.rule == NOT_YET
    }
    return replace(chosen, points={**points, **chosen.points})


def fitted_margin(recipe: Recipe, targets: NDArray[np.float32], logits: NDArray[np.float32]) -> Margin:
    """targets (0 and 1) and logits float32[N, C] on val -> the least margin by the recipe's rule."""
    widest = rule_of(recipe.labels.names, SingleLabel(least_margin=0.0))
    films, nearest = np.arange(len(logits)), logits.argmax(1)
    odds = widest.scores(logits)[films, nearest]
    named: NDArray[np.bool_] = np.any(widest.call(logits), axis=1)
    return margin.least_margin(recipe.margin_rule, odds, named, targets[films, nearest] > 0.5, "val")


def fitted_points(
    recipe: Recipe, targets: NDArray[np.float32], logits: NDArray[np.float32]
) -> dict[str, OperatingPoint]:
    """targets (0 and 1) and logits float32[N, C] on val -> thresholds by the recipe's rules.

    Only of labels that the films tell, with at least MIN_CASES positives and negatives.
    """
    return {
        label: operating.operating_point(recipe.operating_rules.of(label), targets[:, i] > 0.5, logits[:, i], "val")
        for i, label in enumerate(recipe.labels.names)
        if label in recipe.labels.told and _lacking(targets[:, i]) is None
    }


def point_by_prevalence(
    targets: NDArray[np.float32], logits: NDArray[np.float32], train_prevalence: float
) -> OperatingPoint:
    """For one label with too few films of a kind, float32[N] each: calls the same share of val positive as train has
    positives. The text of its rule says so."""
    logit = float(np.quantile(logits.astype(np.float64), 1 - train_prevalence))
    text = (
        f"not fitted, too few {_lacking(targets)}: calls the train prevalence positive "
        f"({100 * train_prevalence:.1f} % of {len(targets)} films)"
    )
    return OperatingPoint(logit=round(logit, 4), rule=text)


def _lacking(targets: NDArray[np.float32]) -> str | None:
    """Which kind of film is too rare, and how rare, as ``positives on val (2)``."""
    positives = int(targets.sum())
    counts = ((positives, "positives"), (len(targets) - positives, "negatives"))
    return next((f"{kind} on val ({n})" for n, kind in counts if n < MIN_CASES), None)


def novelty_threshold(novelty: NDArray[np.float32]) -> Novelty:
    """novelty float32[N] of the val films -> their NOVELTY_PERCENTILE-th percentile."""
    threshold = float(np.percentile(novelty.astype(np.float64), NOVELTY_PERCENTILE))
    rule = f"{NOVELTY_PERCENTILE}th percentile on val, {len(novelty)} films"
    return Novelty(threshold=round(max(threshold, 1e-4), 4), rule=rule)


def quality_thresholds(quality: NDArray[np.float32]) -> Quality:
    """quality float32[N, K] of the val films, three or more -> thresholds that at most 1 % of such films reach.

    None lies below 0, where an ordinary film is the likelier one.
    """
    films, share = len(quality), f"{100 * false_alarms.SHARE:g} %"
    thresholds = {kind: max(0.0, false_alarms.bound(quality[:, at])) for at, kind in enumerate(QUALITY_KINDS)}
    rule = f"at most {share} of val, {films} films"
    if films * false_alarms.SHARE < 1:
        rule = f"above val, {films} films, and above the next one but for {share}"
    return Quality(thresholds=thresholds, rule=rule)
