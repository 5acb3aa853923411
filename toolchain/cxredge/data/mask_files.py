"""Which files of a set's folder are masks of its films, as ``cxredge phantom`` lays them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from cxredge.phantoms.folder import mask_path


class MasksOf:
    """Places of masks of ``films``, which are places in a set's folder."""

    def __init__(self, films: Iterable[str]) -> None:
        self._names = {PurePosixPath(film).stem for film in films}

    def __contains__(self, place: str) -> bool:
        picture, _, label = PurePosixPath(place).stem.rpartition(".")
        return picture in self._names and place == mask_path(f"{picture}.png", label)
