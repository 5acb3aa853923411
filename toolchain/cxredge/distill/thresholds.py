"""Decision thresholds from the val split: operating points in logit space, and the novelty threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cxredge.recipe import Novelty, OperatingPoint, OperatingRule
from cxredge.statistics import operating

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_CASES = 3
"""Fewer positives or negatives on val than this: a threshold fitted to them would be chance."""
NOVELTY_PERCENTILE = 99


def operating_point(
    rule: OperatingRule, truth: NDArray[np.float32], logits: NDArray[np.float32], train_prevalence: float
) -> OperatingPoint:
    """truth (0 and 1) and logits float32[N] of one label on val -> its threshold by ``rule``.

    With fewer than MIN_CASES positives or negatives: the logit that calls the same share of val positive as train has
    positives; the text of the rule then says so.
    """
    positives = int(truth.sum())
    few = [(n, what) for n, what in ((positives, "positives"), (len(truth) - positives, "negatives")) if n < MIN_CASES]
    if few:
        logit = float(np.quantile(logits.astype(np.float64), 1 - train_prevalence))
        text = (
            f"not fitted, too few {few[0][1]} on val ({few[0][0]}): calls the train prevalence positive "
            f"({100 * train_prevalence:.1f} % of {len(truth)} films)"
        )
        return OperatingPoint(logit=round(logit, 4), rule=text)
    return operating.operating_point(rule, truth > 0.5, logits, "val")


def novelty_threshold(novelty: NDArray[np.float32]) -> Novelty:
    """novelty float32[N] of the val films -> their NOVELTY_PERCENTILE-th percentile."""
    threshold = float(np.percentile(novelty.astype(np.float64), NOVELTY_PERCENTILE))
    rule = f"{NOVELTY_PERCENTILE}th percentile on val, {len(novelty)} films"
    return Novelty(threshold=round(max(threshold, 1e-4), 4), rule=rule)
