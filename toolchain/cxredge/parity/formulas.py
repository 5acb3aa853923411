"""The formula of every metric that ``cxredge.metrics`` declares, under its name. What one takes and gives:

| of | takes | gives |
|---|---|---|
| outputs | the reference's and the artifact's ``Outputs`` on the evaluation films | a number, or None |
| decisions | whether each decision differs between reference and artifact, bool of any shape | a number |
| labels | ``Answered``, of one model | a ``Statistic`` of every label, which is resampled for both models |
| classes | ``Answered``, of one model | a ``Statistic`` of one value, which is resampled for both models |
| out-of-distribution | novelty scores of the films and of such films, their owners, the bootstrap | a ``Paired`` |
| accidents | ``Tried``: the quality output on films with accidents and on ordinary ones; the bootstrap | a ``Paired`` |
| artifact | the artifact's record | a number, or None |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cxredge.metrics import METRICS, Metric
from cxredge.outputs import Outputs
from cxredge.parity import numerics, paired, quality_figures
from cxredge.parity.pairs import Both
from cxredge.parity.quality_figures import Tried
from cxredge.results import Artifact, BootstrapSpec, Paired
from cxredge.statistics import means
from cxredge.statistics.auc import Auc
from cxredge.statistics.bootstrap import Statistic
from cxredge.statistics.probabilities import Ece

F = TypeVar("F", bound=Callable[..., Any])
FORMULAS: dict[str, Callable[..., Any]] = {}


@dataclass(frozen=True, eq=False)
class Answered:
    """One model's answers to the evaluation films, all of shape [N, C]."""

    truth: NDArray[np.bool_]
    scores: NDArray[np.float32]
    """What ranks films: logits of independent findings, log-odds of exclusive classes."""
    called: NDArray[np.bool_]
    """The labels that the model calls, by its rule."""
    chances: NDArray[np.float64]
    """Probabilities, at the model's own temperature."""


def formula(metric: str) -> Callable[[F], F]:
    """Register a function as the formula of a declared metric. Raises ValueError for one that is not declared."""
    if metric not in {m.name for m in METRICS}:
        raise ValueError(f"cxredge.metrics declares no metric {metric}")

    def register(function: F) -> F:
        FORMULAS[metric] = function
        return function

    return register


def formula_of(metric: Metric) -> Callable[..., Any]:
    """Raises LookupError when the metric is declared and has no formula."""
    if metric.name not in FORMULAS:
        raise LookupError(f"parity/formulas.py has no formula of the metric {metric.name}")
    return FORMULAS[metric.name]


@formula("logit_max_abs")
def logit_max_abs(reference: Outputs, artifact: Outputs) -> float:
    """Largest absolute difference of any logit."""
    return numerics.max_abs(reference["logits"], artifact["logits"])


@formula("logit_sqnr_db")
def logit_sqnr_db(reference: Outputs, artifact: Outputs) -> float | None:
    """Signal-to-quantisation-noise ratio of the logits, in dB."""
    return numerics.sqnr_db(reference["logits"], artifact["logits"])


@formula("cam_sqnr_db")
def cam_sqnr_db(reference: Outputs, artifact: Outputs) -> float | None:
    """The same of the class activation maps; None also without maps."""
    return numerics.sqnr_db(reference["cam"], artifact["cam"]) if "cam" in reference else None


@formula("cam_correlation")
def cam_correlation(reference: Outputs, artifact: Outputs) -> float | None:
    """Median correlation of a film's map with the reference's; None also without maps."""
    return numerics.median_map_correlation(reference["cam"], artifact["cam"]) if "cam" in reference else None


@formula("novelty_max_rel")
def novelty_max_rel(reference: Outputs, artifact: Outputs) -> float | None:
    """Largest relative difference of any novelty score; None without such a score."""
    return numerics.max_relative(reference["novelty"], artifact["novelty"]) if "novelty" in reference else None


@formula("flip_rate")
def flip_rate(differs: NDArray[np.bool_]) -> float:
    """Share of decisions that differ."""
    return int(differs.sum()) / differs.size


@formula("delegated")
def delegated(artifact: Artifact) -> float | None:
    """Share of operators that the fast delegate takes; None where only the device knows."""
    return None if artifact.delegation is None else artifact.delegation.share()


@formula("auc")
def auc(answered: Answered) -> Statistic:
    """Area under the ROC curve."""
    return Auc(answered.truth, answered.scores)


@formula("sensitivity")
def sensitivity(answered: Answered) -> Statistic:
    """Share of a label's films that are called so; of exclusive classes one against the rest."""
    return means.sensitivity(answered.truth, answered.called)


@formula("specificity")
def specificity(answered: Answered) -> Statistic:
    """Share of the other films that are not."""
    return means.specificity(answered.truth, answered.called)


@formula("ece")
def ece(answered: Answered) -> Statistic:
    """Expected calibration error."""
    return Ece(answered.truth, answered.chances)


@formula("brier")
def brier(answered: Answered) -> Statistic:
    """Brier score."""
    return means.brier(answered.truth, answered.chances)


@formula("accuracy")
def accuracy(answered: Answered) -> Statistic:
    """Share of all films that are answered with the right class: an uncertain film is not right."""
    return means.accuracy(answered.truth, answered.called)


@formula("answered")
def answered(answered: Answered) -> Statistic:
    """Share of all films that are answered with a class."""
    return means.share_called(answered.called)


@formula("accuracy_answered")
def accuracy_answered(answered: Answered) -> Statistic:
    """Share of the answered films whose class is right."""
    return means.accuracy_among_called(answered.truth, answered.called)


@formula("novelty_auc")
def novelty_auc(films: Both, others: Both, owners: Sequence[str], bootstrap: BootstrapSpec) -> Paired:
    """AUC with which the novelty score finds what is no frontal chest film."""
    return paired.novelty_auc(films, others, owners, bootstrap)


@formula("quality_sqnr_db")
def quality_sqnr_db(reference: Outputs, artifact: Outputs) -> float | None:
    """Signal-to-quantisation-noise ratio of the accidents' log-odds, in dB; None also without such an output."""
    return numerics.sqnr_db(reference["quality"], artifact["quality"]) if "quality" in reference else None


@formula("quality_found")
def quality_found(tried: Tried, bootstrap: BootstrapSpec) -> Paired:
    """Share of films with an accident that are found, of the kind that may have lost most."""
    return quality_figures.found_least(tried, bootstrap)


@formula("quality_false_alarms")
def quality_false_alarms(tried: Tried, bootstrap: BootstrapSpec) -> Paired:
    """Share of ordinary films for which an answer is held back."""
    return quality_figures.alarms(tried, bootstrap)
