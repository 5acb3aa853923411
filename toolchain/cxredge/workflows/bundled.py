"""A checked bundle as stages: its artifacts, and the films that its manifest names, found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.bundle.bundle import Bundle
from cxredge.errors import InputError
from cxredge.places import check_apart
from cxredge.recipe import Recipe
from cxredge.results import FilmRecord
from cxredge.stages import STAGES, cache_folder
from cxredge.vocabulary import ArtifactName
from cxredge.workflows.stages.accidents import AccidentFilms
from cxredge.workflows.stages.artifact import BundledArtifact
from cxredge.workflows.stages.films import CalibrationFilms, Films
from cxredge.workflows.stages.out_of_distribution import OutOfDistributionFilms
from cxredge.workflows.stages.rounding import RoundedWeights
from cxredge.workflows.trial import Trial

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.data.film import Film


@dataclass(frozen=True, eq=False)
class Bundled:
    """A bundle whose hashes were checked. weights: of its reference."""

    bundle: Bundle
    weights: Path
    left_out: Mapping[ArtifactName, str] = field(default_factory=dict)
    """Artifacts that are not asked, and why."""

    @property
    def recipe(self) -> Recipe:
        """What it was built from."""
        return self.bundle.record.recipe

    @cached_property
    def data(self) -> DataSet:
        """The data set that it was built with. Raises InputError OUTPUT-IS-INPUT where the cache is in the bundle."""
        from cxredge.data.data_sets import open_data

        # phantoms are drawn into the cache
        check_apart([cache_folder() / STAGES], [self.bundle.folder, self.weights])
        return open_data(self.recipe.data, self.recipe.labels, cache_folder())

    @cached_property
    def artifacts(self) -> tuple[BundledArtifact, ...]:
        """Those that are asked, in the manifest's order."""
        return tuple(self.artifact(e.name) for e in self.bundle.manifest.artifacts if e.name not in self.left_out)

    def artifact(self, name: ArtifactName) -> BundledArtifact:
        """One of them."""
        return BundledArtifact(self.bundle.artifact(name), self.bundle.file(name))

    @cached_property
    def trial(self) -> Trial:
        """What the artifacts were judged on. Raises InputError VERIFY-FILMS or DATA-*."""
        lists, spec, source = self.bundle.record.films, self.recipe.input, self.data.name
        evaluation, validation = (
            Films(what, self.find(found.split, found.films), spec, source, found.films)
            for what, found in (("evaluation", lists.evaluation), ("validation", lists.validation))
        )
        ood = None if self.recipe.novelty is None else OutOfDistributionFilms(evaluation, self.recipe)
        accidents = None if self.recipe.quality is None else AccidentFilms(evaluation)
        return Trial(self.recipe, self.weights, evaluation, validation, ood, accidents)

    @cached_property
    def calibration(self) -> CalibrationFilms | None:
        """The films that set the ranges; None where no artifact is INT8."""
        record = self.bundle.record.calibration
        if record is None:
            return None
        return CalibrationFilms("calibration", self.find(record.split, record.films), self.recipe.input, self.data.name)

    def rounded(self, name: ArtifactName) -> RoundedWeights | None:
        """The weights that an artifact starts from, to be rounded again; None where it is not INT8."""
        return RoundedWeights.of(self.recipe, self.weights, self.calibration, name)

    def find(self, split: str, records: Sequence[FilmRecord]) -> tuple[Film, ...]:
        """The films of ``records``, held against their hashes. Raises InputError VERIFY-FILMS."""
        films = self.named(split, records)
        for film, wanted in zip(films, records, strict=True):
            if film.sha256() != wanted.sha256:
                raise self._other_film(wanted, "has other bytes than when the bundle was built")
        return films

    def named(self, split: str, records: Sequence[FilmRecord]) -> tuple[Film, ...]:
        """The films of ``records`` by name; no file is read. Raises InputError VERIFY-FILMS."""
        by_name = {film.file: film for film in self.data.films(split)}
        for wanted in records:
            if wanted.file not in by_name:
                raise self._other_film(wanted, "is not there")
        return tuple(by_name[wanted.file] for wanted in records)

    def _other_film(self, wanted: FilmRecord, what: str) -> InputError:
        return InputError(
            "VERIFY-FILMS",
            f"film {wanted.file} of {self.data.name} {what}",
            "verify on the data set that the bundle was built with (CXR_DATA)",
        )
