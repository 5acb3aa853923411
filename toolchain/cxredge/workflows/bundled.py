"""A checked bundle as stages: its artifacts, and the films that its manifest names, found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.bundle.manifest import Manifest
from cxredge.errors import InputError
from cxredge.results import FilmRecord
from cxredge.stages import cache_folder
from cxredge.vocabulary import ArtifactName
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

    folder: Path
    manifest: Manifest
    weights: Path

    @cached_property
    def data(self) -> DataSet:
        """The data set that it was built with."""
        from cxredge.data.data_sets import open_data

        recipe = self.manifest.recipe
        return open_data(recipe.data, recipe.labels, cache_folder())

    @cached_property
    def artifacts(self) -> tuple[BundledArtifact, ...]:
        """In the manifest's order."""
        return tuple(BundledArtifact(e.artifact, self.folder / e.path) for e in self.manifest.artifacts)

    def artifact(self, name: ArtifactName) -> BundledArtifact:
        """One of them."""
        entry = self.manifest.artifact(name)
        return BundledArtifact(entry.artifact, self.folder / entry.path)

    @cached_property
    def trial(self) -> Trial:
        """What the artifacts were judged on. Raises InputError VERIFY-FILMS or DATA-*."""
        m = self.manifest
        spec, source = m.recipe.input, self.data.name
        evaluation = Films("evaluation", self.find(m.evaluation.split, m.evaluation.films), spec, source)
        validation = Films("validation", self.find(m.validation.split, m.validation.films), spec, source)
        ood = OutOfDistributionFilms(evaluation, m.recipe)
        return Trial(m.recipe, self.weights, evaluation, validation, ood)

    @cached_property
    def calibration(self) -> CalibrationFilms | None:
        """The films that set the ranges; None where no artifact is INT8."""
        m = self.manifest
        if m.calibration is None:
            return None
        films = self.find(m.calibration.split, m.calibration.films)
        return CalibrationFilms("calibration", films, m.recipe.input, self.data.name)

    @cached_property
    def rounded(self) -> RoundedWeights | None:
        """The weights that its INT8 artifacts start from, to be rounded again."""
        calibration = self.calibration
        return None if calibration is None else RoundedWeights(self.manifest.recipe, self.weights, calibration)

    def find(self, split: str, records: Sequence[FilmRecord]) -> tuple[Film, ...]:
        """The films of ``records``, held against their hashes. Raises InputError VERIFY-FILMS."""
        by_name = {film.file: film for film in self.data.films(split)}
        films = []
        for wanted in records:
            film = by_name.get(wanted.file)
            if film is None or film.sha256() != wanted.sha256:
                what = "is not there" if film is None else "has other bytes than when the bundle was built"
                raise InputError(
                    "VERIFY-FILMS",
                    f"film {wanted.file} of {self.data.name} {what}",
                    "verify on the data set that the bundle was built with (CXR_DATA)",
                )
            films.append(film)
        return tuple(films)
