"""One picture in two splits, as far as a look at all films tells: found once for a list of films, and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cxredge.data.patients import key as patient_key
from cxredge.files import canonical_json, write_text
from cxredge.images.film_file import FilmFile
from cxredge.images.readers import READERS
from cxredge.progress import track
from cxredge.stages import Cache, Stage

if TYPE_CHECKING:
    from cxredge.data.film import Film

LEAKS = "leaks.json"
MOST = 20_000
"""Films that are compared: the time grows with the square of their number, and takes minutes here."""


class Leak(NamedTuple):
    """Two films of different splits that show one picture, by their places in the set."""

    one: str
    other: str
    correlation: float


class FilmLeaks(Stage):
    """Films of different splits and patients that ``near_pairs`` calls one picture: ``leaks.json``."""

    kind = "leaks"
    made_here = True
    code = ("cxredge.data.near", "cxredge.data.film_facts")
    packages = READERS

    def __init__(self, films: Sequence[Film]) -> None:
        self.films = tuple(films)
        self.step = "Comparing films"
        self.kept, self.missing = "already compared", "not yet compared"

    @property
    def inputs(self) -> Mapping[str, object]:
        """The films' bytes, patients, splits and names."""
        return {"films": [[film.sha256(), film.patient, film.split, film.file] for film in self.films]}

    def read(self, store: Cache) -> tuple[Leak, ...]:
        """The leaks, the likest pair first. Raises what ``film_facts`` raises."""
        return tuple(Leak(*row) for row in json.loads((store.made(self, self._make) / LEAKS).read_text()))

    def _make(self, folder: Path) -> None:
        import numpy as np

        from cxredge.data.film_facts import film_facts
        from cxredge.data.near import near_pairs

        shown = track(self.films, self.step, len(self.films))
        thumbnails = np.stack([film_facts(FilmFile(film.path, film.expected_sha256)).thumbnail for film in shown])
        numbers: dict[object, int] = {}
        patients = [numbers.setdefault(patient_key(film.patient), len(numbers)) for film in self.films]
        found = [
            Leak(self.films[i].file, self.films[j].file, round(correlation, 4))
            for i, j, correlation in near_pairs(thumbnails, patients)[0]
            if self.films[i].split != self.films[j].split
        ]
        write_text(folder / LEAKS, canonical_json(sorted(found, key=lambda leak: -leak.correlation)))
