"""Where things are: film pixels, the student's input pixels and the cells of its map, each placed on the other.

A place is (row, column); pixel (0, 0) has its centre at (0.0, 0.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cxredge.images.film_file import FilmFile
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec


class Frame(NamedTuple):
    """A film in the picture that is resized, both in film pixels."""

    rows: int
    columns: int
    """Size of the fitted picture."""
    top: int
    left: int
    """Where the film's first pixel lies in it: above 0 behind bars (``pad``), below 0 where it was cut (``crop``)."""


def frame(height: int, width: int, spec: InputSpec) -> Frame:
    """The frame of a film of ``height`` x ``width`` pixels; ``preprocess.fit`` has the formulas in words."""
    if spec.fit == "squash":
        return Frame(height, width, 0, 0)
    wide = width * spec.height > height * spec.width
    rows = (2 * width * spec.height + spec.width) // (2 * spec.width)
    columns = (2 * height * spec.width + spec.height) // (2 * spec.height)
    if spec.fit == "crop":
        rows, columns = (height, max(1, columns)) if wide else (max(1, rows), width)
        return Frame(rows, columns, -((height - rows) // 2), -((width - columns) // 2))
    rows, columns = (rows, width) if wide else (height, columns)
    return Frame(rows, columns, (rows - height) // 2, (columns - width) // 2)


def film_sizes(films: Sequence[Path | FilmFile], spec: InputSpec) -> NDArray[np.int64]:
    """int64[N, 2]: rows and columns of every film as it is read, upright. Raises InputError as ``read_film`` does."""
    return np.array([read_film(film, spec).shape[:2] for film in films], np.int64).reshape(len(films), 2)


def cells_on_film(
    cells: NDArray[np.int64], shape: tuple[int, int], sizes: NDArray[np.int64], spec: InputSpec
) -> NDArray[np.float64]:
    """Centres of map cells on the film.

    cells: int64[M, 2] of maps of ``shape`` (h, w); sizes: int64[M, 2] of their films. Returns float64[M, 2] in film
    pixels, outside the film where the cell looks at a bar. Cell i is centred on input pixel i * H / h (see
    ``upsample``), and the resize puts the centre of input pixel p at (p + 0.5) * rows / H - 0.5 of the fitted picture.
    """
    frames = np.array([frame(int(rows), int(columns), spec) for rows, columns in sizes], np.float64).reshape(-1, 4)
    pixels = cells * (np.array([spec.height, spec.width]) / np.array(shape))
    fitted = (pixels + 0.5) * frames[:, :2] / np.array([spec.height, spec.width]) - 0.5
    placed: NDArray[np.float64] = fitted - frames[:, 2:]
    return placed


def upsample(cam: NDArray[np.floating], height: int, width: int) -> NDArray[np.float64]:
    """float[h, w] -> float64[height, width], bilinear, cell i centred on pixel i * height / h.

    That is where a cell looks when every convolution of stride s > 1 has an odd kernel k and pads (k - 1) / 2 on both
    sides, as the zoo's backbones do; a plain image resize would shift the map by half a cell.
    """
    spread: NDArray[np.float64] = tents(cam.shape[0], height) @ cam.astype(np.float64) @ tents(cam.shape[1], width).T
    return spread


def tents(cells: int, pixels: int) -> NDArray[np.float64]:
    """float64[pixels, cells], rows summing to 1: the weights of one axis of ``upsample``."""
    place = np.minimum(np.arange(pixels) * cells / pixels, cells - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(cells)), 0)
