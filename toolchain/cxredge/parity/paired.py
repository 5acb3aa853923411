"""Paired figures: the reference's, the artifact's, and an interval of the loss on the same resamples of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import counted
from cxredge.parity.pairs import Both, Pair
from cxredge.recipe_decision import NOT_JUDGED, Labels
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

NEGATIVE = "negative patients"
STRANGERS = "groups of pictures that are no such films"

Values = NDArray[np.float64]

UNKNOWN = Paired(reference=None, artifact=None, loss=None, low=None, high=None, too_few=NOT_JUDGED)
"""A figure of a label that is not judged."""


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


def too_few(
    truth: NDArray[np.bool_],
    patients: Sequence[str],
    kinds: tuple[str, str] = ("positive patients", NEGATIVE),
    judged: NDArray[np.bool_] | None = None,
) -> tuple[str | None, ...]:
    """truth bool[N, C] and the films' patients -> for each label None, or what there is too little of, in words.

    kinds: what those with the label, and those without it, are called. judged: bool[C], the labels that ``truth``
    tells; None: all. The others have too little of it by themselves: NOT_JUDGED.
    """
    _, owner = np.unique(np.asarray(patients), return_inverse=True)
    found: list[str | None] = []
    for at, column in enumerate(truth.T):
        if judged is not None and not judged[at]:
            found.append(NOT_JUDGED)
            continue
        counts = dict(zip(kinds, (len(np.unique(owner[part])) for part in (column, ~column)), strict=True))
        kind = min(counts, key=lambda k: counts[k])
        found.append(None if counts[kind] >= ENOUGH else f"{counts[kind]} {kind}, {ENOUGH} are needed")
    return tuple(found)


def too_few_owners(patients: Sequence[str]) -> str | None:
    """None, or in words how many patients too few there are for any figure's interval."""
    count = len(set(patients))
    return None if count >= ENOUGH else f"{counted(count, 'patient')}, {ENOUGH} are needed"


def judged_labels(labels: Labels) -> NDArray[np.bool_]:
    """bool[C]: the labels that the films tell."""
    return np.isin(np.arange(len(labels.names)), labels.places_told)


def paired_auc(
    truth: NDArray[np.bool_],
    scores: Both,
    patients: Sequence[str],
    bootstrap: BootstrapSpec = BOOTSTRAP,
    judged: NDArray[np.bool_] | None = None,
) -> Paired:
    """truth bool[N, C], scores float32[N, C] of both -> the mean AUC over the columns with enough patients.

    judged: bool[C], the columns that ``truth`` tells; None: all. Raises InputError STATISTICS-SHAPE or
    STATISTICS-VALUE.
    """
    shown = np.array([few is None for few in too_few(truth, patients, judged=judged)])
    return _auc(truth, scores, patients, bootstrap).mean(shown, bootstrap.level)


def mean_auc(pair: Pair, bootstrap: BootstrapSpec = BOOTSTRAP) -> tuple[Paired, int]:
    """``paired_auc`` of the logits, and how many labels it is over."""
    scores = Both(pair.reference, pair.artifact)
    shown = sum(few is None for few in too_few(pair.truth, pair.patients, judged=pair.judged))
    return paired_auc(pair.truth, scores, pair.patients, bootstrap, pair.judged), shown


def novelty_auc(films: Both, strangers: Both, owners: Sequence[str], bootstrap: BootstrapSpec = BOOTSTRAP) -> Paired:
    """AUC with which the novelty score tells out-of-distribution films, pictures of other kinds, from films.

    films: scores of the evaluation films, float32[N]; strangers: of the pictures, float32[M]; owners: to whom each of
    the N films and then of the M pictures belongs. Raises InputError STATISTICS-SHAPE or STATISTICS-VALUE.
    """
    truth = (np.arange(len(owners)) >= len(films.reference))[:, None]
    scores = Both(*(np.concatenate([known, new])[:, None] for known, new in zip(films, strangers, strict=True)))
    compared = _auc(truth, scores, owners, bootstrap)
    (few,) = too_few(truth, owners, (STRANGERS, "patients"))
    return compared.label(0, bootstrap.level, few)


def _auc(truth: NDArray[np.bool_], scores: Both, patients: Sequence[str], bootstrap: BootstrapSpec) -> Compared:
    models = [{"auc": Auc(truth, logits)} for logits in scores]
    return compare(models[0], models[1], (), patients, bootstrap)["auc"]
