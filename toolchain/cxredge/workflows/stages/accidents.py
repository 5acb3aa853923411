"""Evaluation films as they come when they were exported or held wrongly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cxredge.workflows.stages.changed_films import ChangedFilms


class AccidentFilms(ChangedFilms):
    """A part of the evaluation films, each with every accident."""

    kind = "accidents"
    stack = "accidents"
    step = "films with accidents"
    kept = missing = "films inverted, upside down, turned and mirrored, for the quality output"
    code = ("cxredge.data.accidents",)
    packages = ("numpy", "pillow")

    @property
    def inputs(self) -> Mapping[str, object]:
        """The input spec: how films are fitted, and the bars' level."""
        return {"input": self.of.spec.preprocessing.model_dump(mode="json")}

    def some(self, films: int) -> NDArray[np.intp]:
        """See ``data.accidents``."""
        from cxredge.data.accidents import accident_films

        return accident_films(films)

    def change(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See ``data.accidents``."""
        from cxredge.data.accidents import accidents

        return accidents(pixels, self.of.spec)
