"""What all stacks of preprocessed pictures are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.files import sha256_bytes, write_text
from cxredge.images.pixel_file import Shape, write_pixels
from cxredge.outputs import films_digest
from cxredge.stages import Stage, Store
from cxredge.workers.jobs.base import IMAGES, PICTURES_DIGEST
from cxredge.workflows.stages.base import Here

LIST = "pictures.json"
"""What the pictures are, where that is not known beforehand."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Pictures of one shape, uint8[ch, H, W] of values 0..255, the hash that names them, and as JSON what they are.

    pictures: one after the other, so that they need not be in memory together; an array of them will do.
    """

    pictures: Iterable[NDArray[np.uint8]]
    shape: Shape
    digest: str
    listed: str | None = None

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], digest: str, listed: str | None = None) -> Drawn:
        """uint8[N, ch, H, W]."""
        channels, height, width = pixels.shape[1:]
        return cls(pixels, (channels, height, width), digest, listed)


class Pictures(Here):
    """A stack that artifacts are run on: ``images.npy``, and a hash that names the pictures and their order.

    stack: what the pictures are, in a word.
    """

    stack: str

    @abstractmethod
    def draw(self, store: Store) -> Drawn:
        """Draw them. Raises what reading a film raises."""

    def make(self, folder: Path, store: Store) -> None:
        """Write what was drawn."""
        drawn = self.draw(store)
        write_pixels(folder / IMAGES, drawn.shape, drawn.pictures)
        write_text(folder / PICTURES_DIGEST, drawn.digest)
        if drawn.listed is not None:
            write_text(folder / LIST, drawn.listed)

    def digest(self, store: Store) -> str:
        """The hash, once they are there."""
        return (store.folder(self) / PICTURES_DIGEST).read_text()

    def pixels(self, store: Store) -> NDArray[np.uint8]:
        """uint8[N, ch, H, W], read when used."""
        found: NDArray[np.uint8] = np.load(store.folder(self) / IMAGES, mmap_mode="r")
        return found


class SomePictures(Pictures):
    """Some of ``of``, whatever these are. rows: their places, in the order wanted."""

    kind = "some-pictures"
    code = ("cxredge.outputs",)
    packages = ("numpy",)

    def __init__(self, of: Pictures, rows: Sequence[int]) -> None:
        self.stack = of.stack
        self.of = of
        self.rows = [int(row) for row in rows]
        self.step = of.step
        self.kept = self.missing = f"{len(self.rows)} of {of.step}"

    @property
    def inputs(self) -> Mapping[str, object]:
        """Which."""
        return {"rows": self.rows}

    @property
    def needs(self) -> tuple[Stage, ...]:
        """All of them."""
        return (self.of,)

    def draw(self, store: Store) -> Drawn:
        """Their pixels, copied; they are named by these."""
        return Drawn.of(self.of.pixels(store)[self.rows], films_digest(self.hashes(store)))

    def hashes(self, store: Store) -> tuple[str, ...]:
        """Of each picture's pixels."""
        pixels = self.of.pixels(store)
        return tuple(sha256_bytes(pixels[row].tobytes()) for row in self.rows)
