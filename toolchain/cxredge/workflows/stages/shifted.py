"""Evaluation films, moved by one input pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxredge.workflows.stages.changed_films import ChangedFilms


class ShiftedFilms(ChangedFilms):
    """A part of the evaluation films, the one that is stressed too, moved to every side."""

    kind = "shifted"
    stack = "shifted"
    step = "shifted films"
    kept = missing = "films moved by one input pixel"
    code = ("cxredge.data.shift",)
    packages = ("numpy",)

    def some(self, films: int) -> NDArray[np.intp]:
        """See ``data.stress``."""
        from cxredge.data.stress import stress_films

        return stress_films(films)

    def change(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See ``data.shift``."""
        from cxredge.data.shift import shift

        return shift(pixels)
