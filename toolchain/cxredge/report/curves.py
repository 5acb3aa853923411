"""Curves that the report draws from logits: ROC, reliability, and how alike two heatmaps are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
"""Of the reliability diagram, of equal width."""
FLAT = 1e-9
"""A map that varies less than this part of its size is constant, and has no correlation."""


def roc(scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positive rates, float64[K] each, from (0, 0) to (1, 1); equal scores are one step (Fawcett 2006).

    scores: float32[N]. truth: bool[N], with at least one film of each kind.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(truth[order])[ends]
    alarms = ends + 1 - hits
    return np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1])


@dataclass(frozen=True)
class Bin:
    """Answers of about the same probability: their mean, and how often the finding was there."""

    probability: float
    share: float
    answers: int


def reliability(
    logits: NDArray[np.float32], truth: NDArray[np.bool_], temperature: float, bins: int = BINS
) -> tuple[Bin, ...]:
    """Bins of sigmoid(logit / temperature) that hold answers, from 0 to 1 (Guo et al. 2017). Arrays of one shape."""
    # tanh does not overflow where exp does
    probability = 0.5 * (1 + np.tanh(logits.astype(np.float64).ravel() / (2 * temperature)))
    place = np.minimum((probability * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    means = np.bincount(place, probability, bins)
    shares = np.bincount(place, truth.ravel(), bins)
    return tuple(
        Bin(float(means[i] / counts[i]), float(shares[i] / counts[i]), int(counts[i])) for i in np.flatnonzero(counts)
    )


def map_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Pearson's r of maps float32[K, h, w], pair by pair: float64[K]; NaN where the first is constant."""
    flat = [maps.astype(np.float64).reshape(len(maps), int(np.prod(maps.shape[1:]))) for maps in (one, other)]
    a, b = (m - m.mean(1, keepdims=True) for m in flat)
    size_a, size_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    shaped = size_a > FLAT * np.maximum(1.0, np.abs(flat[0]).max(1))
    product = (a * b).sum(1) / np.maximum(size_a * size_b, 1e-30)
    return np.where(shaped, product, np.nan)
