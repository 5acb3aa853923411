"""Evaluation films, moved by one input pixel."""

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


class ShiftedFilms(Pictures):
    """A part of the evaluation films, the one that is stressed too, moved to every side."""

    kind = "shifted"
    stack = "shifted"
    step = "shifted films"
    kept = missing = "films moved by one input pixel"
    code = ("cxredge.data.shift",)
    packages = ("numpy",)

    def __init__(self, of: Films) -> None:
        self.of = of

    @property
    def inputs(self) -> Mapping[str, object]:
        """Nothing beside the films."""
        return {}

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The films."""
        return (self.of,)

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """Places of the films that are moved."""
        from cxredge.data.stress import stress_films

        return stress_films(len(self.of.films))

    def draw(self, store: Store) -> Drawn:
        """See ``data.shift``."""
        from cxredge.data.shift import shift

        moved = shift(np.asarray(self.of.pixels(store)[self.rows]))
        return Drawn(moved, films_digest(sha256_bytes(picture.tobytes()) for picture in moved))
