"""Films that a bundle was not built with: those of a folder that could be read, and why others could not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import Film
from cxredge.errors import InputError, counted, printable, some_of
from cxredge.evidence_other_films import Unread
from cxredge.files import write_text
from cxredge.images.pixel_file import write_pixels
from cxredge.images.preprocess import to_planes
from cxredge.images.read import read_film
from cxredge.progress import track
from cxredge.recipe_input import InputSpec
from cxredge.results import FilmRecord
from cxredge.stages import Store
from cxredge.workers.jobs.base import IMAGES, PICTURES_DIGEST
from cxredge.workflows.stages.films import Films


@dataclass(frozen=True, eq=False)
class ReadFilms:
    """Films that were read, in their order. records: by the very bytes that were decoded."""

    films: tuple[Film, ...]
    records: tuple[FilmRecord, ...]
    sizes: NDArray[np.int64]
    """int64[N, 2]: rows and columns as read, upright."""
    unread: tuple[Unread, ...]
    places: tuple[int, ...]
    """Of those that were read, among those that were to be."""


def read_films(films: Sequence[Film], spec: InputSpec, file: Path) -> ReadFilms:
    """Read and preprocess all that can be; their pixels are in the new ``file`` then.

    Raises InputError FILMS-UNREAD: not one can.
    """
    read = read_some(films, spec, file)
    check_any(read.films, read.unread)
    return read


def read_some(films: Sequence[Film], spec: InputSpec, file: Path) -> ReadFilms:
    """``read_films``, which may be none."""
    kept: list[Film] = []
    records: list[FilmRecord] = []
    sizes: list[tuple[int, ...]] = []
    unread: list[Unread] = []
    places: list[int] = []

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for place, film in enumerate(track(films, "reading films", total=len(films))):
            try:
                source = film.source.read()
                picture = read_film(source, spec)
                planes = to_planes(picture, spec)
            except InputError as error:
                unread.append(Unread(film=film.file, code=error.code, cause=printable(error.cause)[:300]))
                continue
            kept.append(film)
            places.append(place)
            records.append(FilmRecord(file=film.file, sha256=source.sha256, patient=film.patient))
            sizes.append(picture.shape[:2])
            yield planes

    write_pixels(file, (spec.channels, spec.height, spec.width), pictures())
    return ReadFilms(
        tuple(kept), tuple(records), np.array(sizes, np.int64).reshape(-1, 2), tuple(unread), tuple(places)
    )


def check_any(kept: Sequence[Film], unread: Sequence[Unread]) -> None:
    """Raises InputError FILMS-UNREAD: no film was read."""
    if not kept:
        named = [f"{one.film} [{one.code}]" for one in unread]
        raise InputError(
            "FILMS-UNREAD",
            f"not one of {counted(len(unread), 'file')} is a film that this model takes: {some_of(named)}; "
            f"{unread[0].cause}",
            "name a folder with films as the model takes them; docs/preprocessing.md says which",
        )


class OtherFilms(Films):
    """Those that were read, as a stack."""

    kind = "other-films"

    def __init__(self, read: ReadFilms, spec: InputSpec, source: str, file: Path) -> None:
        """file: of their pixels, which becomes the stage's."""
        super().__init__("other", read.films, spec, source, read.records)
        self._file = file

    def make(self, folder: Path, store: Store) -> None:
        """They are there."""
        os.replace(self._file, folder / IMAGES)
        write_text(folder / PICTURES_DIGEST, self.films_sha256)
