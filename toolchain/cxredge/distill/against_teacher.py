"""What a student loses against its teacher, on the same films and the same resamples of their patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.distill.record import Lost, LostToTeacher
from cxredge.parity.decisions import rule_of
from cxredge.parity.paired import BOOTSTRAP, ENOUGH, compare, too_few
from cxredge.recipe_decision import Labels
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
    rule = rule_of(recipe.labels.names, recipe.decision)

    def figures(logits: NDArray[np.float32]) -> dict[str, Statistic]:
        found: dict[str, Statistic] = {"auc": Auc(truth, rule.scores(logits))}
        if recipe.labels.kind == "single-label":
            found["accuracy"] = accuracy(truth, logits.argmax(1)[:, None] == np.arange(truth.shape[1]))
        return found

    compared = compare(figures(teacher), figures(student), (), patients, bootstrap)
    few = too_few(truth, patients, judged=_judged(recipe.labels))
    enough = np.array([reason is None for reason in few])
    owners = len(set(patients))
    right = compared.get("accuracy")
    lacking = None if owners >= ENOUGH else f"{owners} patients, {ENOUGH} are needed"
    return LostToTeacher(
        auc=_lost(compared["auc"].mean(enough, bootstrap.level)),
        labels=int(enough.sum()),
        accuracy=None if right is None else _lost(right.label(0, bootstrap.level, lacking)),
        bootstrap=bootstrap,
    )


def _judged(labels: Labels) -> NDArray[np.bool_]:
    return np.isin(np.arange(len(labels.names)), labels.places_told)


def _lost(found: Paired) -> Lost:
    value, low, high = (None if x is None else round(x, DIGITS) + 0.0 for x in (found.loss, found.low, found.high))
    return Lost(value=value, low=low, high=high, too_few=found.too_few)
