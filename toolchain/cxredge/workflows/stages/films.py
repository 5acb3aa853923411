"""Preprocessed films of a data set: to be judged on, to calibrate with, or some of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import counted
from cxredge.images.readers import READERS
from cxredge.outputs import films_digest
from cxredge.progress import track
from cxredge.quantize.calibration import film_records, refuse_noise
from cxredge.recipe_input import InputSpec
from cxredge.results import FilmRecord
from cxredge.stages import Store
from cxredge.workflows.stages.pictures import Drawn, Pictures, SomePictures

if TYPE_CHECKING:
    from cxredge.data.film import Film


class Films(Pictures):
    """Films of a data set, in their order. source: its name, in words."""

    kind = "films"
    code: tuple[str, ...] = ("cxredge.images.preprocess",)
    packages = READERS

    def __init__(
        self,
        stack: str,
        films: Sequence[Film],
        spec: InputSpec,
        source: str,
        records: Sequence[FilmRecord] | None = None,
    ) -> None:
        """records: what is known of the films; None: their files are hashed when that is asked for."""
        self.stack = stack
        self.films = tuple(films)
        self._known = records
        self.spec = spec
        self.source = source
        self.step = f"{stack} films"
        patients = counted(len({film.patient for film in films}), "patient")
        count = f"{counted(len(self.films), 'film')} of {patients} from {source}"
        self.kept = f"{count}, already preprocessed"
        self.missing = f"{count}: not yet preprocessed with this input spec"

    @cached_property
    def records(self) -> tuple[FilmRecord, ...]:
        """Every film by name, hash and patient."""
        return film_records(self.films) if self._known is None else tuple(self._known)

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
        shape = self.spec.channels, self.spec.height, self.spec.width
        places = track(range(len(self.films)), self.step, len(self.films))
        return Drawn(map(self.picture, places), shape, self.films_sha256)

    def picture(self, place: int) -> NDArray[np.uint8]:
        """One film, preprocessed anew: uint8[ch, H, W]. Raises what reading a film raises."""
        from cxredge.images.film_file import FilmFile
        from cxredge.images.preprocess import preprocess

        # what is read must be what the key and the records name
        return preprocess(FilmFile(self.films[place].path, self.records[place].sha256), self.spec)


class CalibrationFilms(Films):
    """Films that set INT8 ranges: none of them may be noise."""

    kind = "calibration-films"
    code = ("cxredge.images.preprocess", "cxredge.quantize.calibration")

    def draw(self, store: Store) -> Drawn:
        """Raises InputError CALIBRATION-NOISE too."""
        drawn = super().draw(store)
        pixels = np.stack(list(drawn.pictures))
        refuse_noise(pixels, self.source)
        return Drawn.of(pixels, drawn.digest)


class SomeFilms(SomePictures):
    """Some of ``of``, which are films: named by their files, not by pixels. rows: their places, in the order wanted."""

    kind = "some-films"

    def __init__(self, stack: str, of: Films, rows: Sequence[int]) -> None:
        super().__init__(of, rows)
        self.stack = stack
        self.step = f"{stack} films"
        self._films = of

    def hashes(self, store: Store) -> tuple[str, ...]:
        """Of each film's file."""
        return tuple(self._films.records[row].sha256 for row in self.rows)
