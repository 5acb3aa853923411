"""Evaluation films under photometric stress."""

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


class StressedFilms(Pictures):
    """A part of the evaluation films, each under every photometric stress."""

    kind = "stress"
    stack = "stress"
    step = "stressed films"
    kept = missing = "films made brighter, darker, noisier and the like"
    code = ("cxredge.data.stress",)
    packages = ("numpy", "pillow")

    def __init__(self, of: Films) -> None:
        self.of = of

    @property
    def inputs(self) -> Mapping[str, object]:
        """What fills where a change leaves nothing."""
        return {"pad_value": self.of.spec.pad_value}

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The films."""
        return (self.of,)

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """Places of the films that are stressed."""
        from cxredge.data.stress import stress_films

        return stress_films(len(self.of.films))

    def draw(self, store: Store) -> Drawn:
        """See ``data.stress``."""
        from cxredge.data.stress import stress

        changed = stress(self.of.pixels(store)[self.rows], self.of.spec.pad_value)
        return Drawn(changed, films_digest(sha256_bytes(picture.tobytes()) for picture in changed))
