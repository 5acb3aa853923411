"""Paired figures: the reference's, the artifact's, and an interval of the loss on the same resamples of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxredge.parity.pairs import Pair
from cxredge.results import BootstrapSpec, Paired
from cxredge.statistics.auc import Auc
from cxredge.statistics.bootstrap import Statistic, interval, mean_of_labels, observed, resample

BOOTSTRAP = BootstrapSpec(resamples=2000, level=0.95, seed=20240501)
"""2,000 resamples leave 50 beyond each end of the interval, so that the ends themselves hardly move with the seed."""

ENOUGH = 10
"""Positive patients, and negative patients, below which a figure gets no interval: the bootstrap draws from the
patients that it has, and from a few it draws as if no others existed. ``benchmarks/coverage.py``, four labels: the
upper end of the mean losses' interval, nominally at least the truth in 97.5 % of trials, was so in 96 % with ten
positive patients (AUC and sensitivity), in 94 % and 84 % with five, in 90 % and 67 % with three. One label's own
sensitivity stays doubtful up to about forty: where none of its few positive films flips, its interval has no width."""

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Compared:
    """One figure of all C labels: the two models' float64[C], and the artifact's loss, as resampled, float64[C, B].

    NaN where there is no value.
    """

    reference: Values
    artifact: Values
    losses: Values
    sign: int
    """1: less is worse, as of AUC. -1: more is worse, as of calibration errors."""

    def label(self, column: int, level: float, too_few: str | None) -> Paired:
        """One label's figure; ``too_few`` (in words) keeps the values and leaves out the interval."""
        reference, artifact = float(self.reference[column]), float(self.artifact[column])
        return self._paired(reference, artifact, self.losses[column], level, too_few)

    def mean(self, shown: NDArray[np.bool_], level: float) -> Paired:
        """The mean over the labels ``shown`` (bool[C]); a resample's mean is over those that have a value there."""
        if not shown.any():
            few = f"no label has {ENOUGH} positive and {ENOUGH} negative patients"
            return Paired(reference=None, artifact=None, loss=None, low=None, high=None, too_few=few)
        reference, artifact = float(self.reference[shown].mean()), float(self.artifact[shown].mean())
        return self._paired(reference, artifact, mean_of_labels(self.losses[shown]), level, None)

    def _paired(self, reference: float, artifact: float, losses: Values, level: float, too_few: str | None) -> Paired:
        ends = None if too_few else interval(losses, level)
        if ends is None and too_few is None:
            too_few = "no resample has films of both kinds"
        low, high = ends or (None, None)
        one, other = (None if np.isnan(x) else x for x in (reference, artifact))
        loss = None if one is None or other is None else self.sign * (one - other)
        return Paired(reference=one, artifact=other, loss=loss, low=low, high=high, too_few=too_few)


def compare(
    reference: Mapping[str, Statistic],
    artifact: Mapping[str, Statistic],
    rising: Sequence[str],
    patients: Sequence[str],
    bootstrap: BootstrapSpec,
) -> dict[str, Compared]:
    """The same figures of both models on the same resamples; of those in ``rising``, more is worse."""
    models = {"reference": reference, "artifact": artifact}
    every = {(model, name): figure for model, figures in models.items() for name, figure in figures.items()}
    seen = {key: observed(figure, len(patients)) for key, figure in every.items()}
    drawn = resample(every, patients, bootstrap.resamples, bootstrap.seed)
    found = {}
    for name in reference:
        sign = -1 if name in rising else 1
        losses = sign * (drawn["reference", name] - drawn["artifact", name])
        found[name] = Compared(seen["reference", name], seen["artifact", name], losses, sign)
    return found


def too_few(truth: NDArray[np.bool_], patients: Sequence[str]) -> tuple[str | None, ...]:
    """truth bool[N, C] and the films' patients -> for each label None, or what there is too little of, in words."""
    _, owner = np.unique(np.asarray(patients), return_inverse=True)
    found: list[str | None] = []
    for column in truth.T:
        counts = {"positive": len(np.unique(owner[column])), "negative": len(np.unique(owner[~column]))}
        kind = min(counts, key=lambda k: counts[k])
        found.append(None if counts[kind] >= ENOUGH else f"{counts[kind]} {kind} patients, {ENOUGH} are needed")
    return tuple(found)


def mean_auc(pair: Pair, bootstrap: BootstrapSpec = BOOTSTRAP) -> tuple[Paired, int]:
    """The mean AUC over the labels with enough patients, and how many labels these are."""
    shown = np.array([few is None for few in too_few(pair.truth, pair.patients)])
    models = [{"auc": Auc(pair.truth, logits)} for logits in (pair.reference, pair.artifact)]
    compared = compare(models[0], models[1], (), pair.patients, bootstrap)["auc"]
    return compared.mean(shown, bootstrap.level), int(shown.sum())


def novelty_auc(
    films: tuple[NDArray[np.float32], NDArray[np.float32]],
    strangers: tuple[NDArray[np.float32], NDArray[np.float32]],
    patients: Sequence[str],
    bootstrap: BootstrapSpec = BOOTSTRAP,
) -> Paired:
    """AUC with which the novelty score tells strangers, pictures that are no such films, from films.

    films: the reference's and the artifact's scores of the evaluation films, float32[N] each, which ``patients`` own;
    strangers: the same of the pictures, float32[M] each. Every picture is drawn for itself. Raises InputError
    STATISTICS-SHAPE or STATISTICS-VALUE.
    """
    count, pictures = len(patients), len(strangers[0])
    truth = (np.arange(count + pictures) >= count)[:, None]
    clusters = [*(f"patient {name}" for name in patients), *(f"picture {i}" for i in range(pictures))]
    scores = [np.concatenate([a, b])[:, None] for a, b in zip(films, strangers, strict=True)]
    models = [{"auc": Auc(truth, score)} for score in scores]
    few = None
    for number, what in ((len(set(patients)), "patients"), (pictures, "pictures that are no such films")):
        if number < ENOUGH:
            few = f"{number} {what}, {ENOUGH} are needed"
    return compare(models[0], models[1], (), clusters, bootstrap)["auc"].label(0, bootstrap.level, few)
