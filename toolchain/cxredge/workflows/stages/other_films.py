"""Films that a bundle was not built with: those of a folder that could be read, and why others could not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import Film
from cxredge.errors import InputError, printable, some_of
from cxredge.evidence_other_films import Unread
from cxredge.images.preprocess import to_planes
from cxredge.images.read import read_film
from cxredge.progress import track
from cxredge.recipe import InputSpec
from cxredge.results import FilmRecord
from cxredge.stages import Store
from cxredge.workflows.stages.films import Films
from cxredge.workflows.stages.pictures import Drawn


@dataclass(frozen=True, eq=False)
class ReadFilms:
    """Films that were read, in their order. records: by the very bytes that were decoded."""

    films: tuple[Film, ...]
    records: tuple[FilmRecord, ...]
    pixels: NDArray[np.uint8]
    """uint8[N, ch, H, W]."""
    sizes: NDArray[np.int64]
    """int64[N, 2]: rows and columns as read, upright."""
    unread: tuple[Unread, ...]


def read_films(films: Sequence[Film], spec: InputSpec) -> ReadFilms:
    """Read and preprocess all that can be. Raises InputError FILMS-UNREAD: not one can."""
    kept, records, planes, sizes, unread = [], [], [], [], []
    for film in track(films, "reading films", total=len(films)):
        try:
            file = film.source.read()
            picture = read_film(file, spec)
            planes.append(to_planes(picture, spec))
        except InputError as error:
            unread.append(Unread(film=film.file, code=error.code, cause=printable(error.cause)[:300]))
            continue
        kept.append(film)
        records.append(FilmRecord(file=film.file, sha256=file.sha256, patient=film.patient))
        sizes.append(picture.shape[:2])
    if not kept:
        named = [f"{one.film} [{one.code}]" for one in unread]
        raise InputError(
            "FILMS-UNREAD",
            f"not one of {len(unread)} files is a film that this model takes: {some_of(named)}; {unread[0].cause}",
            "name a folder with films as the model takes them; docs/preprocessing.md says which",
        )
    return ReadFilms(tuple(kept), tuple(records), np.stack(planes), np.array(sizes, np.int64), tuple(unread))


class OtherFilms(Films):
    """Those that were read, as a stack."""

    kind = "other-films"

    def __init__(self, read: ReadFilms, spec: InputSpec, source: str) -> None:
        super().__init__("other", read.films, spec, source)
        self._read = read

    @property
    def records(self) -> tuple[FilmRecord, ...]:
        """By what was read."""
        return self._read.records

    def draw(self, store: Store) -> Drawn:
        """They are there."""
        return Drawn(self._read.pixels, self.films_sha256)
