"""Decision thresholds from the val split: operating points in logit space, and the novelty threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cxredge.recipe import Novelty, OperatingPoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_CASES = 3
"""Fewer positives or negatives on val than this: a threshold fitted to them would be chance."""
NOVELTY_PERCENTILE = 99


def operating_point(truth: NDArray[np.float32], logits: NDArray[np.float32], train_prevalence: float) -> OperatingPoint:
    """truth (0 and 1) and logits float32[N] of one label on val -> its threshold.

    Youden's index (Youden 1950), sensitivity + specificity - 1, at its greatest; the threshold stands half way to the
    next lower logit of val, where numeric noise flips the fewest decisions. With fewer than MIN_CASES positives or
    negatives: the logit that calls the same share of val positive as train has positives; the rule then says so.
    """
    from sklearn.metrics import roc_curve

    positives = int(truth.sum())
    few = [(n, what) for n, what in ((positives, "positives"), (len(truth) - positives, "negatives")) if n < MIN_CASES]
    if few:
        logit = float(np.quantile(logits.astype(np.float64), 1 - train_prevalence))
        rule = (
            f"not fitted, too few {few[0][1]} on val ({few[0][0]}): calls the train prevalence positive "
            f"({100 * train_prevalence:.1f} % of {len(truth)} films)"
        )
        return OperatingPoint(logit=round(logit, 4), rule=rule)
    wrong, right, steps = roc_curve(truth, logits.astype(np.float64), drop_intermediate=False)
    best = 1 + int(np.argmax((right - wrong)[1:]))  # the first step stands at infinity
    lower = logits[logits < steps[best]]
    logit = float((steps[best] + lower.max()) / 2) if len(lower) else float(steps[best])
    return OperatingPoint(logit=round(logit, 4), rule=f"youden on val, {len(truth)} films, {positives} positive")


def novelty_threshold(novelty: NDArray[np.float32]) -> Novelty:
    """novelty float32[N] of the val films -> their NOVELTY_PERCENTILE-th percentile."""
    threshold = float(np.percentile(novelty.astype(np.float64), NOVELTY_PERCENTILE))
    rule = f"{NOVELTY_PERCENTILE}th percentile on val, {len(novelty)} films"
    return Novelty(threshold=round(max(threshold, 1e-4), 4), rule=rule)
