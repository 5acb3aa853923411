"""Preprocessed films of a data set: to be judged on, to calibrate with, or some of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from cxredge.outputs import films_digest
from cxredge.quantize.calibration import film_records, refuse_noise
from cxredge.recipe import InputSpec
from cxredge.results import FilmRecord
from cxredge.stages import Stage, Store
from cxredge.workflows.stages.pictures import READERS, Drawn, Pictures

if TYPE_CHECKING:
    from cxredge.data.film import Film


class Films(Pictures):
    """Films of a data set, in their order. source: its name, in words."""

    kind = "films"
    code: tuple[str, ...] = ("cxredge.images.preprocess",)
    packages = READERS

    def __init__(self, stack: str, films: Sequence[Film], spec: InputSpec, source: str) -> None:
        self.stack = stack
        self.films = tuple(films)
        self.spec = spec
        self.source = source
        self.step = f"{stack} films"
        count = f"{len(self.films)} films of {len({film.patient for film in films})} patients from {source}"
        self.kept = f"{count}, already preprocessed"
        self.missing = f"{count}: not yet preprocessed with this input spec"

    @cached_property
    def records(self) -> tuple[FilmRecord, ...]:
        """Every film by name, hash and patient."""
        return film_records(self.films)

    @property
    def inputs(self) -> Mapping[str, object]:
        """The films' bytes, and the input spec."""
        return {"films": [r.sha256 for r in self.records], "input": self.spec.model_dump(mode="json")}

    @property
    def films_sha256(self) -> str:
        """The hash of films is that of their files: it is known before any is read."""
        return films_digest(record.sha256 for record in self.records)

    def draw(self, store: Store) -> Drawn:
        """Raises what reading a film raises."""
        from cxredge.images.film_file import FilmFile
        from cxredge.images.preprocess import preprocess_films

        # what is read must be what the key and the records name
        files = [FilmFile(film.path, record.sha256) for film, record in zip(self.films, self.records, strict=True)]
        pixels = preprocess_films(files, self.spec, self.step)
        return Drawn(pixels, self.films_sha256)


class CalibrationFilms(Films):
    """Films that set INT8 ranges: none of them may be noise."""

    kind = "calibration-films"
    code = ("cxredge.images.preprocess", "cxredge.quantize.calibration")

    def draw(self, store: Store) -> Drawn:
        """Raises InputError CALIBRATION-NOISE too."""
        drawn = super().draw(store)
        refuse_noise(drawn.pixels, self.source)
        return drawn


class SomeFilms(Pictures):
    """Some of ``of``. rows: their places, in the order wanted."""

    kind = "some-films"
    code = ("cxredge.outputs",)
    packages = ("numpy",)

    def __init__(self, stack: str, of: Films, rows: Sequence[int]) -> None:
        self.stack = stack
        self.of = of
        self.rows = [int(row) for row in rows]
        self.step = f"{stack} films"
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
        """Their pixels, copied."""
        digest = films_digest(self.of.records[row].sha256 for row in self.rows)
        return Drawn(self.of.pixels(store)[self.rows], digest)
