"""How many films that were exported or held wrongly are found, and how many ordinary ones are taken for such, by kind.

The films are the evaluation films' own accidents (``data.accidents``), the ordinary ones the evaluation films as they
are. An accident counts as found when its own log-odds reach their threshold, whatever the other kinds' do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import counted
from cxredge.parity.paired import BOOTSTRAP, ENOUGH, Compared, compare
from cxredge.parity.pairs import Both
from cxredge.results import BootstrapSpec, Paired, QualityFigure
from cxredge.statistics.means import share_called, share_of_each
from cxredge.vocabulary import ASKED_ONLY, QUALITY_KINDS, QualityKind

REFUSED = tuple(at for at, kind in enumerate(QUALITY_KINDS) if kind not in ASKED_ONLY)
"""Columns of the kinds for which an answer is held back."""


@dataclass(frozen=True, eq=False)
class Tried:
    """The quality output on films with an accident, on ordinary ones, and whose these are.

    accidents: float32[K * n, K], all films with the first of ``QUALITY_KINDS``, then the next; ordinary: float32[N, K].
    thresholds: every kind's, compared in float64, as apps do.
    """

    accidents: Both
    ordinary: Both
    owners: Sequence[str]
    """Patients of the n films."""
    patients: Sequence[str]
    """Of the N films."""
    thresholds: Mapping[QualityKind, float]

    def found(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """bool[n, K] of reference and artifact: whether a film with the accident of a column is found."""
        one, two = (found_of(self._flagged(quality), len(self.owners)) for quality in self.accidents)
        return one, two

    def alarms(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """bool[N, K] of reference and artifact: whether an ordinary film is taken for one with that accident."""
        one, two = map(self._flagged, self.ordinary)
        return one, two

    def _flagged(self, quality: NDArray[np.float32]) -> NDArray[np.bool_]:
        return flagged(quality, self.thresholds)


def flagged(quality: NDArray[np.float32], thresholds: Mapping[QualityKind, float]) -> NDArray[np.bool_]:
    """quality float32[N, K] -> bool[N, K]."""
    reached: NDArray[np.bool_] = quality.astype(np.float64) >= np.array([thresholds[kind] for kind in QUALITY_KINDS])
    return reached


def found_of(reached: NDArray[np.bool_], films: int) -> NDArray[np.bool_]:
    """bool[K * n, K] -> bool[n, K]: of the films with an accident that accident's own column."""
    by_kind = reached.reshape(len(QUALITY_KINDS), films, len(QUALITY_KINDS))
    return np.stack([by_kind[at, :, at] for at in range(len(QUALITY_KINDS))], axis=1)


def quality_figures(tried: Tried, bootstrap: BootstrapSpec = BOOTSTRAP) -> tuple[QualityFigure, ...]:
    """One record a kind."""
    found = _each(tried.found(), tried.owners, rising=False, bootstrap=bootstrap)
    alarms = _each(tried.alarms(), tried.patients, rising=True, bootstrap=bootstrap)
    return tuple(
        QualityFigure(
            kind=kind,
            films=len(tried.owners),
            found=found.label(at, bootstrap.level, _few(tried.owners)),
            ordinary=len(tried.patients),
            false_alarms=alarms.label(at, bootstrap.level, _few(tried.patients)),
        )
        for at, kind in enumerate(QUALITY_KINDS)
    )


def found_least(tried: Tried, bootstrap: BootstrapSpec = BOOTSTRAP) -> Paired:
    """Share found of the kind that may have lost most, of those for which an answer is held back."""
    few = _few(tried.owners)
    each = _each(tried.found(), tried.owners, rising=False, bootstrap=bootstrap)
    kinds = [each.label(at, bootstrap.level, few) for at in REFUSED]
    return max(kinds, key=lambda figure: (figure.high or 0.0, figure.loss or 0.0))


def alarms(tried: Tried, bootstrap: BootstrapSpec = BOOTSTRAP) -> Paired:
    """Share of ordinary films whose answer is held back, for any of these kinds."""
    models = [{"any": share_called(reached[:, REFUSED])} for reached in tried.alarms()]
    compared = compare(models[0], models[1], ("any",), tried.patients, bootstrap)["any"]
    return compared.label(0, bootstrap.level, _few(tried.patients))


def _each(
    models: tuple[NDArray[np.bool_], NDArray[np.bool_]], owners: Sequence[str], rising: bool, bootstrap: BootstrapSpec
) -> Compared:
    shares = [{"share": share_of_each(reached)} for reached in models]
    return compare(shares[0], shares[1], ("share",) if rising else (), owners, bootstrap)["share"]


def _few(owners: Sequence[str]) -> str | None:
    """What there is too little of, in words; None: there are enough patients for an interval."""
    count = len(set(owners))
    return None if count >= ENOUGH else f"{counted(count, 'patient')}, {ENOUGH} are needed"
