"""Masks of a data set's films as the student's input has them, kept: each is read once for an input spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.images.masks import preprocess_mask
from cxredge.images.pixel_file import write_pixels
from cxredge.progress import track
from cxredge.stages import Cache, Stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxredge.data.data_sets import DataSet
    from cxredge.data.film import Film
    from cxredge.recipe_input import InputSpec

MASKS = "masks.npy"


class MaskPixels(Stage):
    """Masks of films by label: ``masks.npy``, uint8[N, C, H, W]; all 0 of labels that a film has no mask of."""

    kind = "masks"
    made_here = True
    code = ("cxredge.images.masks", "cxredge.images.pixel_file", "cxredge.phantoms.folder", "cxredge.phantoms.render")
    packages = ("numpy", "pillow")

    def __init__(
        self, data: DataSet, films: Sequence[Film], digest: str, labels: Sequence[str], spec: InputSpec, split: str
    ) -> None:
        """digest: the hash that names the films and their order, see ``FilmPixels``."""
        self.data, self.films, self.digest, self.labels = data, tuple(films), digest, tuple(labels)
        self.spec = spec.preprocessing
        self.step = f"Masks of {split}"
        self.kept, self.missing = "already read", "not yet read with this input spec"

    @property
    def inputs(self) -> Mapping[str, object]:
        """The films' bytes, the labels, and what decides pixels of the input spec."""
        return {"films": self.digest, "labels": list(self.labels), "input": self.spec.model_dump(mode="json")}

    def read(self, store: Cache) -> NDArray[np.uint8]:
        """uint8[N, C, H, W], a map of the file in which writing stays private. Raises InputError DATA-MASKS."""
        import numpy as np

        found: NDArray[np.uint8] = np.load(store.made(self, self._make) / MASKS, mmap_mode="c")
        return found

    def _make(self, folder: Path) -> None:
        shape = len(self.labels), self.spec.height, self.spec.width
        write_pixels(folder / MASKS, shape, self._each())

    def _each(self) -> Iterator[NDArray[np.uint8]]:
        import numpy as np

        for film in track(self.films, self.step, len(self.films)):
            whole = np.zeros((len(self.labels), self.spec.height, self.spec.width), np.uint8)
            for label, mask in self.data.masks(film).items():
                whole[self.labels.index(label)] = preprocess_mask(mask, self.spec)
            yield whole
