"""Area under the ROC curve of many labels under many film weights at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.statistics.arguments import check

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Auc:
    """AUC of C labels as a function of film weights: ranks once, weighs often.

    The weighted share of pairs (positive film, negative film) in which the positive one has the higher score; a tie
    counts half (Hanley & McNeil, Radiology 1982). A pair weighs what its films' weights multiply to.
    """

    def __init__(self, truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
        """truth bool[N, C], scores float[N, C], higher for positive. Raises what ``check`` raises."""
        check(truth, scores)
        self._labels = [_Ranked(truth[:, c], scores[:, c]) for c in range(truth.shape[1])]

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """weights float64[N, B], at least 0 -> float64[C, B]; NaN where a label's positives or negatives weigh 0."""
        return np.stack([label(weights) for label in self._labels])


class _Ranked:
    """One label. Negatives are counted by the gap between two positives' scores that they lie in, so that what is
    summed up cumulatively has one row a positive film and not one a film."""

    def __init__(self, truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
        # the smaller class sets the steps: AUC stays the same when classes and the scores' sign are both exchanged
        if 2 * np.count_nonzero(truth) > len(truth):
            truth, scores = ~truth, -scores
        on, off = np.flatnonzero(truth), np.flatnonzero(~truth)
        steps, step_of = np.unique(scores[on], return_inverse=True)
        ones = np.ones(len(on))
        self._on = _sums(ones, step_of, on, len(steps), len(truth))
        # a negative below step k counts for all steps from k on; one that ties with k half for k, and whole above
        from_left, from_right = (np.searchsorted(steps, scores[off], side) for side in ("left", "right"))
        halves, rows, columns = np.full(2 * len(off), 0.5), np.concatenate([from_left, from_right]), np.tile(off, 2)
        self._off = _sums(halves, rows, columns, len(steps) + 1, len(truth))

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        on, below = self._on @ weights, self._off @ weights
        for k in range(1, len(below)):  # np.cumsum walks down the columns, at a fraction of the speed
            below[k] += below[k - 1]
        pairs = on.sum(0) * below[-1]
        ordered = np.einsum("kb,kb->b", on, below[:-1])
        return np.divide(ordered, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)


def _sums(values: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp], k: int, n: int) -> csr_array:
    """Sparse float64[k, n]; entries of one place add up."""
    from scipy.sparse import csr_array

    return csr_array((values, (rows, columns)), shape=(k, n))


def auc(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """truth bool[N, C], scores float[N, C] -> AUC float64[C] of equally weighted films; NaN where a class is absent."""
    return Auc(truth, scores)(np.ones((len(truth), 1)))[:, 0]
