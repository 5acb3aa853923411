"""Paired bootstrap, clustered by patient: every statistic sees the same resamples, and films stay with their patient.

Patients are drawn with return, as many as there are, and each brings all its films (cluster bootstrap: Davison &
Hinkley, Bootstrap Methods and their Application, 1997, 3.8). Films of one patient resemble each other; drawn one by
one they would give intervals that are too narrow. A resample is a vector of film weights: how often each was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""weights float64[N, B] -> float64[C, B], one value for each of C labels and each resample; NaN: there is none."""
Name = TypeVar("Name", bound=Hashable)

CHUNK_VALUES = 2_000_000
"""Film weights held at a time (16 MB), whatever the number of films and resamples."""


def film_weights(patients: Sequence[str], resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yields float64[N, b] of whole numbers at least 0, films in rows, ``resamples`` columns in all.

    Row-major with films in rows, because statistics gather and add up films. A patient's films have equal weights, and
    the patients drawn add up to their number. The same ``seed`` gives the same weights, however they are cut in chunks.
    """
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    random = np.random.default_rng(seed)
    width = max(1, CHUNK_VALUES // len(owner))
    for start in range(0, resamples, width):
        drawn = [
            np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))
            for _ in range(min(width, resamples - start))
        ]
        yield np.stack(drawn, axis=1).astype(np.float64)[owner]


def resample(
    statistics: Mapping[Name, Statistic], patients: Sequence[str], resamples: int, seed: int
) -> dict[Name, NDArray[np.float64]]:
    """Every statistic on the same resamples of the N films that ``patients`` own -> float64[C, resamples] each."""
    parts: dict[Name, list[NDArray[np.float64]]] = {name: [] for name in statistics}
    for weights in film_weights(patients, resamples, seed):
        for name, statistic in statistics.items():
            parts[name].append(statistic(weights))
    return {name: np.concatenate(found, axis=1) for name, found in parts.items()}


def observed(statistic: Statistic, films: int) -> NDArray[np.float64]:
    """The statistic on the films as they are, each weighing 1 -> float64[C]."""
    return statistic(np.ones((films, 1)))[:, 0]


def mean_of_labels(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[C, B] -> float64[B]: the mean over the labels that have a value there; NaN where none has one."""
    known = ~np.isnan(values)
    count = known.sum(0)
    total = np.where(known, values, 0.0).sum(0)
    return np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)


def interval(values: NDArray[np.float64], level: float) -> tuple[float, float] | None:
    """Two-sided percentile interval (Efron 1979) of resampled values float64[B], those without a value left out.

    level: share of the resamples inside, 0..1. None when no resample has a value.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
