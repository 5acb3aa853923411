"""Calibration: probabilities at a temperature, the temperature itself, reliability, and the expected error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cxredge.statistics.arguments import check

Kind = Literal["multi-label", "single-label"]
"""Independent sigmoids, or one softmax."""

BINS = 15
"""Equal-width bins ((m - 1) / BINS, m / BINS] of reliability diagrams and of the expected calibration error (Guo et
al., On Calibration of Modern Neural Networks, 2017)."""
TEMPERATURES = (0.05, 20.0)
"""Bounds of a temperature: beyond them a model says nothing, or nothing but 0 and 1."""


def probabilities(logits: NDArray[np.floating], kind: Kind, temperature: float = 1.0) -> NDArray[np.float64]:
    """logits float[N, C] -> float64[N, C] in 0..1: sigmoid, or softmax over C, of logit / temperature."""
    from scipy.special import expit, softmax

    scaled = logits.astype(np.float64) / temperature
    found: NDArray[np.float64] = expit(scaled) if kind == "multi-label" else softmax(scaled, axis=1)
    return found


def mean_nll(truth: NDArray[np.bool_], logits: NDArray[np.floating], kind: Kind, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood in nats: over films and labels of sigmoids, over films of a softmax.

    truth bool[N, C] (single-label: one true label a film), logits float[N, C]. Raises what ``check`` raises.
    """
    from scipy.special import log_softmax

    check(truth, logits)
    scaled = logits.astype(np.float64) / temperature
    if kind == "multi-label":
        # -log sigmoid(z) for positives, -log sigmoid(-z) for negatives, without overflow
        return float(np.logaddexp(0.0, np.where(truth, -scaled, scaled)).mean())
    return float(-log_softmax(scaled, axis=1)[truth].sum() / len(truth))


def fit_temperature(truth: NDArray[np.bool_], logits: NDArray[np.floating], kind: Kind) -> float:
    """The one temperature, within TEMPERATURES, that makes ``mean_nll`` least (Guo et al. 2017, 4.2).

    truth bool[N, C], logits float[N, C]. The loss is convex in 1 / T, so a bounded search finds its only minimum. 1.0
    where no temperature betters it. Raises what ``check`` raises.
    """
    from scipy.optimize import minimize_scalar

    def loss(inverse: float) -> float:
        return mean_nll(truth, logits, kind, 1 / inverse)

    low, high = TEMPERATURES
    found = minimize_scalar(loss, bounds=(1 / high, 1 / low), method="bounded", options={"xatol": 1e-8})
    return float(1 / found.x) if found.fun < loss(1.0) else 1.0


def _bins(probabilities: NDArray[np.float64]) -> NDArray[np.intp]:
    """The bin of each probability, 0..BINS - 1, in an array of the same shape; 0 itself is in the first."""
    return np.clip(np.ceil(probabilities * BINS).astype(np.intp) - 1, 0, BINS - 1)


@dataclass(frozen=True)
class Bin:
    """Answers of about the same probability: their mean, and how often the finding was there."""

    probability: float
    share: float
    answers: int


def reliability(truth: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> tuple[Bin, ...]:
    """The bins that hold answers, from 0 to 1, over all films and labels (Guo et al. 2017, figure 1).

    truth bool[N, C], probabilities float64[N, C] in 0..1. Raises what ``check`` raises.
    """
    check(truth, probabilities)
    place = _bins(probabilities).ravel()
    answers = np.bincount(place, minlength=BINS)
    means, shares = (np.bincount(place, values.ravel(), BINS) for values in (probabilities, truth))
    return tuple(
        Bin(float(means[i] / answers[i]), float(shares[i] / answers[i]), int(answers[i]))
        for i in np.flatnonzero(answers)
    )


class Ece:
    """Expected calibration error of C labels as a function of film weights.

    Sum over the BINS bins of the label's probability: the bin's share of the weight
    times |mean probability - share of positives| (Guo et al. 2017, eq. 3; by label as in Kull et al. 2019, classwise
    ECE). The bins do not depend on the weights, so each bin's sum is linear in them.
    """

    def __init__(self, truth: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> None:
        """truth bool[N, C], probabilities float64[N, C] in 0..1. Raises what ``check`` raises."""
        from scipy.sparse import csr_array

        check(truth, probabilities)
        films, self._labels = truth.shape
        rows = _bins(probabilities) + BINS * np.arange(self._labels)
        columns = np.broadcast_to(np.arange(films)[:, None], rows.shape)
        excess = probabilities - truth
        self._sums = csr_array((excess.ravel(), (rows.ravel(), columns.ravel())), shape=(BINS * self._labels, films))

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """weights float64[N, B], at least 0 and not all 0 -> float64[C, B] in 0..1."""
        sums = np.abs(self._sums @ weights).reshape(self._labels, BINS, -1).sum(1)
        return np.asarray(sums / weights.sum(0))
