"""Preprocessed films of a data set, kept: each is decoded once for an input spec, however often a training looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.images.film_file import FilmFile
from cxredge.images.pixel_file import write_pixels
from cxredge.images.preprocess import preprocess
from cxredge.images.readers import READERS
from cxredge.outputs import films_digest
from cxredge.progress import track
from cxredge.stages import Cache, Stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxredge.data.film import Film
    from cxredge.recipe_input import InputSpec

PIXELS = "pixels.npy"


class FilmPixels(Stage):
    """Films of a split as the student takes them: ``pixels.npy``, uint8[N, ch, H, W]."""

    kind = "pixels"
    made_here = True
    code = ("cxredge.images.preprocess", "cxredge.images.pixel_file")
    packages = READERS

    def __init__(self, films: Sequence[Film], spec: InputSpec, split: str) -> None:
        self.films = tuple(films)
        self.spec = spec.preprocessing
        self.step = f"Preprocessing {split}"
        self.kept, self.missing = "already preprocessed", "not yet preprocessed with this input spec"

    @cached_property
    def digest(self) -> str:
        """The hash that names the films and their order. Raises InputError DATA-FILE or DATA-HASH."""
        return films_digest(self._hashes)

    @cached_property
    def _hashes(self) -> tuple[str, ...]:
        return tuple(film.sha256() for film in self.films)

    @property
    def inputs(self) -> Mapping[str, object]:
        """The films' bytes, and what decides pixels of the input spec."""
        return {"films": list(self._hashes), "input": self.spec.model_dump(mode="json")}

    def read(self, store: Cache) -> NDArray[np.uint8]:
        """uint8[N, ch, H, W], a map of the file in which writing stays private. Raises what reading a film raises."""
        import numpy as np

        found: NDArray[np.uint8] = np.load(store.made(self, self._make) / PIXELS, mmap_mode="c")
        return found

    def _make(self, folder: Path) -> None:
        # what is read must be what the key names
        files = (FilmFile(film.path, sha256) for film, sha256 in zip(self.films, self._hashes, strict=True))
        shown = track(files, self.step, len(self.films))
        shape = self.spec.channels, self.spec.height, self.spec.width
        write_pixels(folder / PIXELS, shape, (preprocess(file, self.spec) for file in shown))
