"""Weighted means over part of the films: Brier score, sensitivity, accuracy and the like under many film weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxredge.statistics.arguments import check


class Mean:
    """Mean of C labels' values over the films of each label's part, as a function of film weights."""

    def __init__(self, values: NDArray[np.float64], among: NDArray[np.bool_]) -> None:
        """values float64[N, C]; among bool[N, C]: the films that count."""
        self._part = np.ascontiguousarray(among.T, np.float64)
        self._values = np.ascontiguousarray((values * among).T)

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """weights float64[N, B], at least 0 -> float64[C, B]; NaN where no film of a label's part has weight."""
        whole = self._part @ weights
        return np.divide(self._values @ weights, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def sensitivity(truth: NDArray[np.bool_], called: NDArray[np.bool_]) -> Mean:
    """truth, called bool[N, C] -> share of the positive films that are called so."""
    return Mean(called.astype(np.float64), truth)


def specificity(truth: NDArray[np.bool_], called: NDArray[np.bool_]) -> Mean:
    """truth, called bool[N, C] -> share of the negative films that are called so."""
    return Mean((~called).astype(np.float64), ~truth)


def accuracy(truth: NDArray[np.bool_], called: NDArray[np.bool_]) -> Mean:
    """truth, called bool[N, C], at most one a film -> one value: share of the films that are called what they are."""
    right: NDArray[np.bool_] = np.any(truth & called, axis=1, keepdims=True)
    return Mean(right.astype(np.float64), np.ones_like(right))


def share_called(called: NDArray[np.bool_]) -> Mean:
    """called bool[N, C] -> one value: share of the films that are called anything."""
    named: NDArray[np.bool_] = np.any(called, axis=1, keepdims=True)
    return Mean(named.astype(np.float64), np.ones_like(named))


def share_of_each(called: NDArray[np.bool_]) -> Mean:
    """called bool[N, C] -> share of the films that are called so, of each label."""
    return Mean(called.astype(np.float64), np.ones_like(called))


def accuracy_among_called(truth: NDArray[np.bool_], called: NDArray[np.bool_]) -> Mean:
    """truth, called bool[N, C], at most one a film -> one value: share of those called anything that are right."""
    right: NDArray[np.bool_] = np.any(truth & called, axis=1, keepdims=True)
    named: NDArray[np.bool_] = np.any(called, axis=1, keepdims=True)
    return Mean(right.astype(np.float64), named)


def brier(truth: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> Mean:
    """truth bool[N, C], probabilities float64[N, C] in 0..1 -> mean squared difference (Brier 1950), 0 best, 1 worst.

    Raises what ``check`` raises.
    """
    check(truth, probabilities)
    return Mean((probabilities - truth) ** 2, np.ones_like(truth))
