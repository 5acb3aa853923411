"""Two models on the same pictures, and what a paired statistic of them is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cxredge.results import Paired


class Both(NamedTuple):
    """The same output of the reference and of the artifact on the same pictures, in the same order."""

    reference: NDArray[np.float32]
    artifact: NDArray[np.float32]

    def part(self, rows: NDArray[np.intp]) -> Both:
        """Some of the pictures."""
        return Both(self.reference[rows], self.artifact[rows])


PairedAuc = Callable[[NDArray[np.bool_], Both, Sequence[str]], Paired]
"""(truth bool[N, C], scores float32[N, C] of both, the N pictures' patients) -> mean AUC over the columns that have
enough pictures, with the interval of its loss (paired, clustered by patient)."""
