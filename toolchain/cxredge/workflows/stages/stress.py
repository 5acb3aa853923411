"""Evaluation films under photometric stress."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cxredge.workflows.stages.changed_films import ChangedFilms


class StressedFilms(ChangedFilms):
    """A part of the evaluation films, each under every photometric stress."""

    kind = "stress"
    stack = "stress"
    step = "stressed films"
    kept = missing = "films made brighter, darker, noisier and the like"
    code = ("cxredge.data.stress",)
    packages = ("numpy", "pillow")

    @property
    def inputs(self) -> Mapping[str, object]:
        """What fills where a change leaves nothing."""
        return {"pad_value": self.of.spec.pad_value}

    def some(self, films: int) -> NDArray[np.intp]:
        """See ``data.stress``."""
        from cxredge.data.stress import stress_films

        return stress_films(films)

    def change(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See ``data.stress``."""
        from cxredge.data.stress import stress

        return stress(pixels, self.of.spec.pad_value)
