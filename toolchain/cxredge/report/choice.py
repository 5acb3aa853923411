"""What of much the page shows: every table is whole in the files beside it."""

from __future__ import annotations

import numpy as np

from cxredge.evidence import Evidence
from cxredge.evidence_decisions import ClassFlip, Flip
from cxredge.parity.numerics import map_correlations
from cxredge.report.material import REFERENCE, ReportMaterial

LABELS_DRAWN = 12
ROWS_SHOWN = 40
FILMS_SHOWN = 4


def labels(material: ReportMaterial, artifact: str) -> tuple[int, ...]:
    """Places of the labels that are drawn: all, or those with most flips and, among equals, the largest error."""
    names = material.names
    if len(names) <= LABELS_DRAWN:
        return tuple(range(len(names)))
    flips = (material.called[REFERENCE] != material.called[artifact]).sum(0)
    error = np.abs(material.scores[artifact] - material.scores[REFERENCE]).mean(0)
    return tuple(int(i) for i in np.lexsort((-error, -flips))[:LABELS_DRAWN])


def flips(evidence: Evidence) -> tuple[Flip | ClassFlip, ...]:
    """Flips in the page's list: unexplained ones first, then those that moved most."""
    every: list[Flip | ClassFlip] = [*evidence.flips]
    return tuple(sorted(every, key=lambda f: (f.explained is True, -f.moved))[:ROWS_SHOWN])


def worst_maps(material: ReportMaterial, artifact: str) -> tuple[tuple[int, int, float], ...]:
    """(film, label, correlation) of the maps least like the reference's, one a film, the worst first.

    Of positive decisions of the reference only: nobody looks at the other maps. Empty without maps.
    """
    reference, other = (material.outputs[name] for name in (REFERENCE, artifact))
    film, label = np.nonzero(material.called[REFERENCE])
    if not len(film) or "cam" not in reference:
        return ()
    like = map_correlations(reference["cam"][film, label], other["cam"][film, label])
    chosen: dict[int, tuple[int, int, float]] = {}
    for i in np.argsort(like, kind="stable"):  # NaN, of constant maps, comes last
        if np.isfinite(like[i]) and len(chosen) < FILMS_SHOWN:
            chosen.setdefault(int(film[i]), (int(film[i]), int(label[i]), float(like[i])))
    return tuple(chosen.values())
