"""Decisions: a film is positive for a label when its logit is at or above the label's operating point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.evidence import Flip
from cxredge.parity.pairs import Pair
from cxredge.recipe import OperatingPoint

USUAL_ERROR_PERCENTILE = 95
"""Of |artifact - reference| over all films: what counts as an artifact's usual error on a label."""


def thresholds(names: Sequence[str], points: Mapping[str, OperatingPoint]) -> NDArray[np.float32]:
    """Operating points as float32[C], in the order of the labels; float32 because that is what an app compares."""
    return np.array([points[name].logit for name in names], np.float32)


def decide(logits: NDArray[np.float32], cut: NDArray[np.float32]) -> NDArray[np.bool_]:
    """bool[N, C]: at or above the operating point, compared in float32."""
    return logits >= cut


def flips(reference: NDArray[np.bool_], other: NDArray[np.bool_], names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Per label, how many films went (negative to positive, positive to negative)."""
    up = (~reference & other).sum(0)
    down = (reference & ~other).sum(0)
    return {name: (int(up[i]), int(down[i])) for i, name in enumerate(names)}


def each_flip(pair: Pair, names: Sequence[str], cut: NDArray[np.float32]) -> tuple[Flip, ...]:
    """Every decision in which artifact and reference differ, by label and then by film, in their order.

    cut: operating points float32[C]. A flip is explained when the reference stood no farther from the threshold than
    the USUAL_ERROR_PERCENTILE-th percentile of |artifact - reference| on this label, in logits.
    """
    reference, artifact, truth = pair.reference, pair.artifact, pair.truth
    error = np.abs(artifact.astype(np.float64) - reference)
    usual = np.percentile(error, USUAL_ERROR_PERCENTILE, axis=0)
    distance = np.abs(reference.astype(np.float64) - cut)
    differ = decide(reference, cut) != decide(artifact, cut)
    return tuple(
        Flip(
            label=names[label],
            film=pair.films[film].file,
            patient=pair.films[film].patient,
            truth=bool(truth[film, label]),
            reference=float(reference[film, label]),
            artifact=float(artifact[film, label]),
            threshold=float(cut[label]),
            up=bool(artifact[film, label] >= cut[label]),
            explained=bool(distance[film, label] <= usual[label]),
        )
        for label, film in np.argwhere(differ.T)
    )
