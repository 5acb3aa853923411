"""All ways against the distilled student: on the same resamples of patients, each figure the mean over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.baselines.baselines_record import Difference, Way, WayRecord
from cxredge.distill.against_teacher import as_recorded, figures_of
from cxredge.parity.paired import BOOTSTRAP, Compared, compare, too_few_owners
from cxredge.results import BootstrapSpec, Paired
from cxredge.statistics.bootstrap import Statistic

if TYPE_CHECKING:
    from cxredge.baselines.held_out import HeldOut
    from cxredge.baselines.kept_answers import WayAnswers
    from cxredge.recipe import Recipe

REFERENCE: Way = "distilled"


class MeanOf:
    """The mean of several statistics, as a function of film weights: of one figure on several seeds' answers."""

    def __init__(self, statistics: Sequence[Statistic]) -> None:
        self._each = tuple(statistics)

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """weights float64[N, B] -> float64[C, B]."""
        return np.mean([statistic(weights) for statistic in self._each], axis=0)


def mean_figures(
    recipe: Recipe, truth: NDArray[np.bool_], seeds: Sequence[NDArray[np.float32]]
) -> dict[str, Statistic]:
    """``figures_of`` one way, each the mean over the seeds. truth bool[N, C]; seeds: logits float32[N, C]."""
    every = [figures_of(recipe, truth, logits) for logits in seeds]
    return {name: MeanOf([figures[name] for figures in every]) for name in every[0]}


def compared(
    recipe: Recipe,
    held: HeldOut,
    shown: NDArray[np.bool_],
    no_interval: str | None,
    answers: Mapping[Way, Sequence[Sequence[WayAnswers]]],
    logits: Mapping[Way, Sequence[NDArray[np.float32]]],
    bootstrap: BootstrapSpec = BOOTSTRAP,
) -> list[WayRecord]:
    """A record of each way.

    shown bool[C]: labels that the AUC is the mean of; no_interval: why its differences have none. answers: by seed and
    fold, of which ``logits`` are the pooled ones by seed. Raises InputError STATISTICS-VALUE (a model answers NaN).
    """
    truth, patients = held.truth, held.patients
    few = too_few_owners(patients)
    figures = {way: mean_figures(recipe, truth, seeds) for way, seeds in logits.items()}
    records = []
    for way, own in figures.items():
        found = compare(own, figures[REFERENCE], (), patients, bootstrap)
        area = found["auc"].mean(shown, bootstrap.level)
        right = _accuracy(found.get("accuracy"), bootstrap.level)
        every = [one for seed in answers[way] for one in seed]
        records.append(
            WayRecord(
                way=way,
                parameters=every[0].parameters,
                bytes=every[0].bytes,
                auc=as_recorded(area.reference),
                auc_difference=None if way == REFERENCE else _difference(area, no_interval),
                accuracy=None if right is None else as_recorded(right.reference),
                accuracy_difference=None if way == REFERENCE or right is None else _difference(right, few),
                seconds=round(sum(one.seconds for one in every), 1),
            )
        )
    return records


def _accuracy(found: Compared | None, level: float) -> Paired | None:
    return None if found is None else found.label(0, level, None)


def _difference(paired: Paired, few: str | None) -> Difference | None:
    """What a way has more than the distilled student, which stands where an artifact stands elsewhere.

    few: why there is no interval; None: there is.
    """
    value = as_recorded(paired.loss)
    if value is None:
        return None
    if few is not None:
        return Difference(value=value, low=None, high=None, too_few=few)
    return Difference(
        value=value,
        low=as_recorded(paired.low),
        high=as_recorded(paired.high),
        too_few=paired.too_few,
    )
