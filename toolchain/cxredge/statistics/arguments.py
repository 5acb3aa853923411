"""What every statistic asks of its arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError


def check(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
    """Hold truth bool[N, C] and scores float[N, C] against each other; N and C may be anything from 1.

    Raises InputError STATISTICS-SHAPE, or STATISTICS-VALUE when a score is NaN or infinite.
    """
    if truth.ndim != 2 or truth.shape != scores.shape or not truth.size:
        raise InputError(
            "STATISTICS-SHAPE",
            f"truth has shape {truth.shape}, scores have {scores.shape}",
            "give both one row a film and one column a label",
        )
    if not np.isfinite(scores).all():
        row, column = np.argwhere(~np.isfinite(scores))[0]
        raise InputError(
            "STATISTICS-VALUE",
            f"the score of film {row} and label {column} is {scores[row, column]}",
            "run the model again: scores are finite numbers",
        )
