"""Fitting a student's quality head: to training films and their accidents, with thresholds from validation films."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from cxredge.data.accidents import accident_films, accidents, quality_classes
from cxredge.distill.record import QualityScore
from cxredge.parity.quality_figures import flagged, found_of
from cxredge.recipe_decision import Quality
from cxredge.students.quality import by_parts
from cxredge.vocabulary import QUALITY_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cxredge.recipe_input import InputSpec

MOST_MEASURED = 200
"""Test films that a head is measured on when it was fitted: with four accidents each."""
Pooled = Callable[[Tensor], Tensor]
"""float32[n, ch, H, W], 0..255 -> pooled features float32[n, d]."""


def class_features(pooled: Pooled, train: NDArray[np.uint8], spec: InputSpec) -> list[Tensor]:
    """train: uint8[N, ch, H, W] -> pooled features of ordinary films, then of each accident."""
    return [by_parts(pooled, part, "Quality") for part in quality_classes(train, spec)]


def quality_score(
    quality: Callable[[Tensor], Tensor], test: NDArray[np.uint8], spec: InputSpec, thresholds: Quality
) -> QualityScore:
    """test: uint8[N, ch, H, W], of which at most MOST_MEASURED are used, evenly spread. quality: images float32[n, ch,
    H, W], 0..255, to log-odds float32[n, K]."""
    films = test[accident_films(len(test), MOST_MEASURED)]
    ordinary = by_parts(quality, films, "Measuring").numpy()
    changed = by_parts(quality, accidents(films, spec), "Measuring").numpy()
    return score_of(ordinary, changed, thresholds)


def score_of(ordinary: NDArray[np.float32], changed: NDArray[np.float32], thresholds: Quality) -> QualityScore:
    """ordinary: log-odds float32[n, K] of films as they are; changed: float32[K * n, K] of their ``accidents``."""
    alarms = flagged(ordinary, thresholds.thresholds).mean(0)
    found = found_of(flagged(changed, thresholds.thresholds), len(ordinary)).mean(0)
    return QualityScore(
        films=len(ordinary),
        found={kind: round(float(found[at]), 4) for at, kind in enumerate(QUALITY_KINDS)},
        false_alarms={kind: round(float(alarms[at]), 4) for at, kind in enumerate(QUALITY_KINDS)},
    )
