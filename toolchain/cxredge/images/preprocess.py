"""Film -> the student's input: read, fit, resize. One spec (``InputSpec``), the same bytes on every platform.

Up to float32 everything is 8-bit and exact: Python, Kotlin and Swift are held to the same vectors (``tests/vectors``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.images.film_file import FilmBytes, FilmFile
from cxredge.images.geometry import frame
from cxredge.images.read import read_film
from cxredge.images.refuse import MAX_PIXELS
from cxredge.progress import track
from cxredge.recipe_input import InputSpec


def fit(film: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Give the film the student's aspect ratio at the film's resolution.

    film: uint8[h, w] or uint8[h, w, 3]. With student size H x W, and ``//`` the integer quotient:

    * ``pad``: the film stands in the middle of bars of ``pad_value``. Where ``w * H > h * W`` the new height is
      ``(2 * w * H + W) // (2 * W)``, else the new width is ``(2 * h * W + H) // (2 * H)`` (nearest, halves up).
      ``(new - old) // 2`` of the bar lies above or left, the rest below or right.
    * ``crop``: the middle is kept. Where ``w * H > h * W`` the new width is ``max(1, (2 * h * W + H) // (2 * H))``,
      else the new height is ``max(1, (2 * w * H + W) // (2 * W))``. The cut starts at ``(old - new) // 2``.
    * ``squash``: the film as it is.

    Raises InputError IMG-SIZE where padding would pass the pixel limit (a film thousands of times as long as wide).
    """
    if spec.fit == "squash":
        return film
    h, w = film.shape[:2]
    rows, columns, top, left = frame(h, w, spec)
    if spec.fit == "crop":
        return np.ascontiguousarray(film[-top : rows - top, -left : columns - left])
    if rows * columns > MAX_PIXELS:
        raise InputError(
            "IMG-SIZE",
            f"a film of {h} rows x {w} columns would be padded to {rows} x {columns}, above {MAX_PIXELS} pixels",
            "choose a film whose sides are more alike",
        )
    padded = np.full((rows, columns, *film.shape[2:]), spec.pad_value, dtype=np.uint8)
    padded[top : top + h, left : left + w] = film
    return padded


def resize(fitted: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """uint8[h, w] or uint8[h, w, 3] -> uint8[H, W] or uint8[H, W, 3], by Pillow; ``resample`` is its specification.

    Width first, then height, in two calls: up to release 12 one call did just that, from 13 on it picks the order by
    the sizes, and the 8-bit rounding between the passes makes the order visible. The spec must not move with a release.
    """
    from PIL import Image

    image = Image.fromarray(fitted)  # mode L or RGB, by the array's shape
    image = image.resize((spec.width, image.height), Image.Resampling.BILINEAR)
    return np.asarray(image.resize((spec.width, spec.height), Image.Resampling.BILINEAR))


def preprocess(source: Path | FilmFile | FilmBytes | bytes, spec: InputSpec) -> NDArray[np.uint8]:
    """One film, from a file or a file's bytes -> uint8[ch, H, W], values 0..255.

    Raises InputError with the codes of ``cxredge.images.refuse``, and DATA-HASH.
    """
    return to_planes(read_film(source, spec), spec)


def to_planes(film: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """A film as it was read, uint8[h, w] or uint8[h, w, 3] -> uint8[ch, H, W]. Raises what ``fit`` raises."""
    resized = resize(fit(film, spec), spec)
    planes = resized[np.newaxis] if resized.ndim == 2 else resized.transpose(2, 0, 1)
    return np.ascontiguousarray(planes)


def to_student(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8[ch, H, W] or uint8[N, ch, H, W] -> float32[N, ch, H, W] (N = 1 for the former), the same values 0..255."""
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise InputError(
            "IMG-TENSOR",
            f"the student takes preprocessed uint8[ch, H, W] or [N, ch, H, W], not {images.dtype}{list(images.shape)}",
            "preprocess the film with the recipe's input spec",
        )
    return np.ascontiguousarray(images if images.ndim == 4 else images[np.newaxis], dtype=np.float32)


def preprocess_films(films: Sequence[Path | FilmFile], spec: InputSpec, what: str) -> NDArray[np.uint8]:
    """Films in the given order -> uint8[N, ch, H, W], while a bar named ``what`` runs on a terminal.

    The first film that is refused ends it: a set that silently lost films is another set.
    """
    images = np.empty((len(films), spec.channels, spec.height, spec.width), dtype=np.uint8)
    for at, film in enumerate(track(films, what, total=len(films))):
        images[at] = preprocess(film, spec)
    return images
