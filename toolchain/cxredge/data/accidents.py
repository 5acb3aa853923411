"""Accidents: films exported or held wrongly, made of ordinary ones, for the quality head to learn and to be tried on.

They act on preprocessed pixels, so that no film is read a second time and an artifact and the reference get the same
bytes. A film that comes out of a reader inverted or turned is the same picture, but for three things:

- ``pad`` puts its bars beside the film, whatever happened to it: bars are not inverted. They are found as the rows and
  columns that hold ``pad_value`` alone, as many on either side; a film's own margin of that level counts with them.
- Where the student's image is not square, a film on its side has another shape: it is fitted and resized again. The
  bars of the upright film then count as film.
- Rounding, of the resize.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from cxredge.images.preprocess import fit, resize
from cxredge.recipe_input import InputSpec
from cxredge.vocabulary import QUALITY_KINDS, QualityKind

MOST_FILMS = 60
"""Films that an artifact is tried on, of each kind: where all are found, 95 % and more are, as far as chance tells."""
MOST_TRAIN, LEAST_TRAIN = 800, 20
"""Training films that a quality head is fitted to, each seen six times: 256 find less, fewer than 20 say nothing."""

Planes = NDArray[np.uint8]
"""uint8[ch, H, W]."""
Change = Callable[[Planes, InputSpec], Planes]


def accident_films(count: int, most: int = MOST_FILMS) -> NDArray[np.intp]:
    """Which of ``count`` films are used: int[n], n <= most, evenly spread, in order."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp))


def accidents(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """uint8[n, ch, H, W] -> uint8[K * n, ch, H, W]: all films with the first of ``QUALITY_KINDS``, then the next.

    Turned films lie on one side and the other in turn.
    """
    changed = [
        CHANGES[kind][at % len(CHANGES[kind])](picture, spec)
        for kind in QUALITY_KINDS
        for at, picture in enumerate(pixels)
    ]
    return np.stack(changed)


def quality_classes(pixels: NDArray[np.uint8], spec: InputSpec, most: int = MOST_TRAIN) -> Iterator[NDArray[np.uint8]]:
    """uint8[n, ch, H, W], training films -> what a quality head is fitted to: at most ``most`` ordinary films, then
    these with each of ``QUALITY_KINDS`` in all its ways: turned films come twice.
    """
    films = pixels[accident_films(len(pixels), most)]
    yield films
    for kind in QUALITY_KINDS:
        yield np.concatenate([np.stack([change(film, spec) for film in films]) for change in CHANGES[kind]])


def _inverted(picture: Planes, spec: InputSpec) -> Planes:
    changed = picture.copy()
    top, left = _bars(picture, spec) if spec.fit == "pad" else (0, 0)
    rows, columns = slice(top, picture.shape[1] - top), slice(left, picture.shape[2] - left)
    changed[:, rows, columns] = 255 - picture[:, rows, columns]
    return changed


def _bars(picture: Planes, spec: InputSpec) -> tuple[int, int]:
    """Rows above, and columns on the left, that hold the bars' level alone and have their like on the other side."""
    filled: NDArray[np.bool_] = np.all(picture == spec.pad_value, axis=0)
    return _ends(np.all(filled, axis=1)), _ends(np.all(filled, axis=0))


def _ends(filled: NDArray[np.bool_]) -> int:
    """How many there are at both ends; 0 where all are: a blank picture has no bars."""
    return 0 if filled.all() else int(min(filled.argmin(), filled[::-1].argmin()))


def _upside_down(picture: Planes, spec: InputSpec) -> Planes:
    return np.ascontiguousarray(picture[:, ::-1, ::-1])


def _turned(quarters: int) -> Change:
    def turn(picture: Planes, spec: InputSpec) -> Planes:
        turned = np.rot90(picture, quarters, (1, 2))
        if spec.height == spec.width:
            return np.ascontiguousarray(turned)
        film = turned[0] if len(turned) == 1 else turned.transpose(1, 2, 0)
        again = resize(fit(np.ascontiguousarray(film), spec), spec)
        return np.ascontiguousarray(again[None] if again.ndim == 2 else again.transpose(2, 0, 1))

    return turn


def _mirrored(picture: Planes, spec: InputSpec) -> Planes:
    return np.ascontiguousarray(picture[:, :, ::-1])


CHANGES: dict[QualityKind, tuple[Change, ...]] = {
    "inverted": (_inverted,),
    "upside-down": (_upside_down,),
    "turned": (_turned(1), _turned(3)),
    "mirrored": (_mirrored,),
}
"""The ways in which each kind happens."""
