"""Evaluation films as they come when they were exported or held wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cxredge.files import sha256_bytes
from cxredge.outputs import films_digest
from cxredge.stages import Stage, Store
from cxredge.workflows.stages.films import Films
from cxredge.workflows.stages.pictures import Drawn, Pictures


class AccidentFilms(Pictures):
    """A part of the evaluation films, each with every accident."""

    kind = "accidents"
    stack = "accidents"
    step = "films with accidents"
    kept = missing = "films inverted, upside down, turned and mirrored, for the quality output"
    code = ("cxredge.data.accidents",)
    packages = ("numpy", "pillow")

    def __init__(self, of: Films) -> None:
        self.of = of

    @property
    def inputs(self) -> Mapping[str, object]:
        """The input spec: how films are fitted, and the bars' level."""
        return {"input": self.of.spec.preprocessing.model_dump(mode="json")}

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The films."""
        return (self.of,)

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """Places of the films that are used."""
        from cxredge.data.accidents import accident_films

        return accident_films(len(self.of.films))

    def draw(self, store: Store) -> Drawn:
        """See ``data.accidents``."""
        from cxredge.data.accidents import accidents

        changed = accidents(self.of.pixels(store)[self.rows], self.of.spec)
        return Drawn(changed, films_digest(sha256_bytes(picture.tobytes()) for picture in changed))
