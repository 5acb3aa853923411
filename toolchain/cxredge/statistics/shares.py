"""Shares of films with intervals that hold for few patients, and for shares of all or none.

A bootstrap of a share that all films have knows no other outcome, and gives an interval without width. Wilson's does
not; films of one patient resemble each other, so that it is taken of as many films as they are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Of every interval here."""


def share_interval(
    hits: NDArray[np.bool_], patients: Sequence[str], level: float = LEVEL
) -> tuple[float, float, float]:
    """hits bool[N], N at least 1, and the films' patients -> the share, and its interval's ends, 0..1.

    Wilson's score interval (1927) of the share of N films, as if of N / d independent ones. d, the design effect of
    drawing patients and not films, is the variance of the ratio estimator over patients by that of N independent films
    (Rao & Scott, Biometrics 1992), and at least 1. Where all films or none are hits it cannot be estimated: they count
    as one film a patient.
    """
    films = len(hits)
    _, owner = np.unique(np.asarray(patients), return_inverse=True)
    found, owned = np.bincount(owner, hits.astype(np.float64)), np.bincount(owner)
    clusters, share = len(owned), float(hits.mean())
    worth = float(clusters)
    if 0 < share < 1 and clusters > 1:
        spread = float(((found - share * owned) ** 2).sum()) * clusters / (clusters - 1) / films**2
        worth = min(films, share * (1 - share) / spread) if spread > 0 else films
    return (share, *wilson(share, worth, level))


def wilson(share: float, films: float, level: float = LEVEL) -> tuple[float, float]:
    """Ends of Wilson's score interval of a share of so many independent films, which need not be a whole number."""
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    middle = (share + z2 / (2 * films)) / (1 + z2 / films)
    half = sqrt(z2 * (share * (1 - share) / films + z2 / (4 * films**2))) / (1 + z2 / films)
    return max(0.0, middle - half), min(1.0, middle + half)


def difference_interval(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float]:
    """Ends of the interval of ``one`` - ``other``, each a share with its interval's ends, of different patients.

    Newcombe's hybrid score interval (Statistics in Medicine 1998, method 10), which needs the two intervals alone.
    """
    (p, p_low, p_high), (q, q_low, q_high) = one, other
    below = sqrt((p - p_low) ** 2 + (q_high - q) ** 2)
    above = sqrt((p_high - p) ** 2 + (q - q_low) ** 2)
    return p - q - below, p - q + above
