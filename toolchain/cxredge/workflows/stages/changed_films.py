"""What all stacks of changed evaluation films are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cxredge.files import sha256_bytes
from cxredge.outputs import films_digest
from cxredge.stages import Stage, Store
from cxredge.workflows.stages.films import Films
from cxredge.workflows.stages.pictures import Drawn, Pictures


class ChangedFilms(Pictures):
    """A part of the evaluation films, changed."""

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
        """Places of the films that are changed."""
        return self.some(len(self.of.films))

    @abstractmethod
    def some(self, films: int) -> NDArray[np.intp]:
        """Places of those of so many films that are changed."""

    @abstractmethod
    def change(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8[n, ch, H, W] -> the films changed in every way, uint8[ways * n, ch, H, W]."""

    def draw(self, store: Store) -> Drawn:
        """Change them."""
        changed = self.change(np.asarray(self.of.pixels(store)[self.rows]))
        return Drawn.of(changed, films_digest(sha256_bytes(picture.tobytes()) for picture in changed))
