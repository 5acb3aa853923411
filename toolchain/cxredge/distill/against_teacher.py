"""What a student loses against its teacher, on the same films and the same resamples of their patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.distill.record import Lost, LostToTeacher
from cxredge.parity.decisions import rule_of
from cxredge.parity.paired import BOOTSTRAP, compare, judged_labels, too_few, too_few_owners
from cxredge.statistics.auc import Auc
from cxredge.statistics.bootstrap import Statistic
from cxredge.statistics.means import accuracy

if TYPE_CHECKING:
    from cxredge.recipe import Recipe
    from cxredge.results import BootstrapSpec, Paired

DIGITS = 4


def lost_to_teacher(
    recipe: Recipe,
    truth: NDArray[np.bool_],
    teacher: NDArray[np.float32],
    student: NDArray[np.float32],
    patients: Sequence[str],
    bootstrap: BootstrapSpec = BOOTSTRAP,
) -> LostToTeacher:
    """truth bool[N, C]; logits of both float32[N, C] -> the mean AUC, and of exclusive classes the accuracy, that the
    teacher has more.

    The mean is over the labels that the films tell with 10 patients of either kind and more. Raises InputError
    STATISTICS-VALUE (a model answers NaN).
    """
    taught, own = (figures_of(recipe, truth, logits) for logits in (teacher, student))
    compared = compare(taught, own, (), patients, bootstrap)
    few = too_few(truth, patients, judged=judged_labels(recipe.labels))
    enough = np.array([reason is None for reason in few])
    right = compared.get("accuracy")
    return LostToTeacher(
        auc=_lost(compared["auc"].mean(enough, bootstrap.level)),
        labels=int(enough.sum()),
        accuracy=None if right is None else _lost(right.label(0, bootstrap.level, too_few_owners(patients))),
        bootstrap=bootstrap,
    )


def figures_of(recipe: Recipe, truth: NDArray[np.bool_], logits: NDArray[np.float32]) -> dict[str, Statistic]:
    """The AUC, and of exclusive classes the accuracy. truth bool[N, C]; logits float32[N, C]."""
    rule = rule_of(recipe.labels.names, recipe.decision)
    found: dict[str, Statistic] = {"auc": Auc(truth, rule.scores(logits))}
    if recipe.labels.kind == "single-label":
        found["accuracy"] = accuracy(truth, logits.argmax(1)[:, None] == np.arange(truth.shape[1]))
    return found


def as_recorded(value: float | None) -> float | None:
    """A figure with the digits that records have; never -0."""
    return None if value is None else round(value, DIGITS) + 0.0


def _lost(found: Paired) -> Lost:
    value, low, high = (as_recorded(x) for x in (found.loss, found.low, found.high))
    return Lost(value=value, low=low, high=high, too_few=found.too_few)
