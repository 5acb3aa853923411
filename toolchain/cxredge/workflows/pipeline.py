"""The walk of one build, decided before anything is done: recipe -> films -> artifacts -> outputs.

``plan`` prints it; ``build`` follows it. Every step is a stage whose key says whether its result is already there.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.errors import InputError, nearest
from cxredge.files import sha256_file
from cxredge.outputs import films_digest
from cxredge.parity.judge import Shown
from cxredge.quantize import calibration
from cxredge.recipe import Recipe, recipe_path
from cxredge.recipe_file import load_recipe
from cxredge.results import Artifact, FilmRecord
from cxredge.stages import Stage, cache_folder, source_digest
from cxredge.students import checked_weights
from cxredge.targets import get_target
from cxredge.vocabulary import INTEGER_SCHEMES
from cxredge.workers.pool import REFERENCE

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet, Film
    from cxredge.data.out_of_distribution import Strangers

STRANGERS = "strangers.json"


@dataclass(frozen=True)
class Films:
    """A list of films with its stage of preprocessed pixels: ``images.npy``, uint8[N, ch, H, W]."""

    films: tuple[Film, ...]
    records: tuple[FilmRecord, ...]
    stage: Stage

    @property
    def images(self) -> Path:
        """Where the preprocessed pixels are, once the stage is filled."""
        return self.stage.folder / "images.npy"

    @property
    def digest(self) -> str:
        """Names the films and their order."""
        return films_digest(r.sha256 for r in self.records)


class Walk:
    """One recipe, the artifacts asked for, and the stages between them. Reads films and hashes; makes nothing."""

    def __init__(self, recipe: Recipe, weights: Path, artifacts: tuple[str, ...]) -> None:
        self.recipe = recipe
        self.weights = weights
        self.artifacts = artifacts
        checked_weights(weights, recipe.weights.sha256)

    @cached_property
    def data(self) -> DataSet:
        """The recipe's data set."""
        from cxredge.data.data_sets import open_data

        return open_data(self.recipe.data, self.recipe.labels, cache_folder() / "data")

    @cached_property
    def calibration(self) -> Films | None:
        """Calibration films; None when no artifact needs them."""
        if not any(integer(name) for name in self.artifacts):
            return None
        return self._films(calibration.choose_films(self.data, self.recipe))

    @cached_property
    def evaluation(self) -> Films:
        """Films on which artifacts are held against the reference. Raises InputError EVALUATION-FEW."""
        wanted = self.recipe.evaluation
        films = self.data.films(wanted.split)
        if wanted.count is not None and len(films) < wanted.count:
            raise InputError(
                "EVALUATION-FEW",
                f"{self.data.name} has {len(films)} films in {wanted.split}, evaluation.count is {wanted.count}",
                f"ask for at most {len(films)}, or leave count out to use all",
            )
        return self._films(films[: wanted.count])

    @cached_property
    def validation(self) -> Films:
        """All films of the split that the calibration films are of: temperatures are fitted on them."""
        return self._films(self.data.films(self.recipe.calibration.split))

    @cached_property
    def stranger_sets(self) -> dict[str, Path]:
        """Data sets of pictures that are no such films."""
        return find_stranger_sets(self.recipe)

    @cached_property
    def strangers_stage(self) -> Stage:
        """Stage of preprocessed strangers: ``images.npy``, uint8[M, ch, H, W], and their list, ``strangers.json``."""
        tables = [folder / name for folder in self.stranger_sets.values() for name in ("labels.csv", "SHA256SUMS")]
        inputs = {
            "films": self.evaluation.stage.key,
            "sets": {kind: folder.name for kind, folder in self.stranger_sets.items()},
            "tables": [sha256_file(table) for table in tables if table.is_file()],
        }
        return Stage("strangers", inputs)

    @cached_property
    def strangers(self) -> Strangers:
        """The pictures in the stage, once it is filled."""
        from cxredge.data.out_of_distribution import Strangers

        return Strangers.model_validate_json((self.strangers_stage.folder / STRANGERS).read_bytes())

    @property
    def shown(self) -> Shown:
        """The films behind every artifact's answers."""
        groups = [picture.group for picture in self.strangers.pictures]
        return Shown(self.evaluation.films, self.validation.films, groups)

    def _films(self, films: tuple[Film, ...]) -> Films:
        records = calibration.film_records(films)
        inputs = {
            "films": [r.sha256 for r in records],
            "input": self.recipe.input.model_dump(mode="json"),
            "pillow": importlib.metadata.version("pillow"),
            "source": source_digest("images"),
        }
        return Films(films, records, Stage("films", inputs))

    def lower_stage(self, name: str) -> Stage:
        """Stage that holds one artifact's file and ``artifact.json``."""
        target = name.split("/")[0]
        r = self.recipe
        inputs: dict[str, object] = {
            "artifact": name,
            "student": r.student.model_dump(mode="json"),
            "weights": r.weights.sha256,
            "input": r.input.model_dump(mode="json"),
            "labels": list(r.labels.names),
            "model": [r.name, r.version, r.licence, r.card.summary],
            "tools": get_target(target).tools(),
            "source": source_digest("targets", "students", "mlprogram"),
        }
        if name in r.keep_float:
            inputs["keep_float"] = list(r.keep_float[name])
        if integer(name) and self.calibration is not None:
            inputs["calibration"] = [self.calibration.stage.key, r.calibration.percentile]
        if name in r.keep_float:
            inputs["keep_float"] = list(r.keep_float[name])
        return Stage("artifacts", inputs)

    def rounded_stage(self) -> Stage:
        """Stage that holds the student with rounded weights, from which every INT8 artifact starts."""
        assert self.calibration is not None
        r = self.recipe
        inputs = {
            "student": r.student.model_dump(mode="json"),
            "weights": r.weights.sha256,
            "input": r.input.model_dump(mode="json"),
            "labels": len(r.labels.names),
            "calibration": self.calibration.stage.key,
            "torch": importlib.metadata.version("torch"),
            "source": source_digest("students"),
        }
        return Stage("rounded", inputs)

    def outputs_stage(self, name: str, artifact_sha256: str) -> Stage:
        """Stage that holds the outputs of one artifact, or of the reference, on the evaluation films."""
        target = name.split("/")[0]
        inputs: dict[str, object] = {
            "artifact": name,
            "sha256": artifact_sha256,
            "films": [self.evaluation.stage.key, self.validation.stage.key, self.strangers_stage.key],
            "self-test": source_digest("bundle/selftest.py", "images"),
            "tools": {} if target == REFERENCE else get_target(target).tools(),
            "torch": importlib.metadata.version("torch"),
            "source": source_digest("targets", "students", "mlprogram", "outputs.py"),
        }
        if name == REFERENCE:
            inputs["student"] = self.recipe.student.model_dump(mode="json")
            inputs["input"] = self.recipe.input.model_dump(mode="json")
        return Stage("outputs", inputs)


def walk_recipe(place: Path, targets: tuple[str, ...] = (), schemes: tuple[str, ...] = ()) -> Walk:
    """The walk of a recipe, restricted to some targets and schemes (none named: all that the recipe builds).

    Raises InputError RECIPE-*, WEIGHTS-*, BUILD-TARGET, BUILD-SCHEME or BUILD-NOTHING.
    """
    recipe = load_recipe(place)
    known = {scheme for schemes_ in recipe.targets.values() for scheme in schemes_}
    for word in targets:
        if word not in recipe.targets:
            raise InputError(
                "BUILD-TARGET",
                f"the recipe {recipe.name} has no target {word}",
                "choose targets of the recipe",
                nearest(word, recipe.targets),
            )
    for word in schemes:
        if word not in known:
            raise InputError(
                "BUILD-SCHEME",
                f"the recipe {recipe.name} has no scheme {word}",
                "choose schemes of the recipe",
                nearest(word, known),
            )
    chosen = tuple(
        name
        for name in recipe.artifacts()
        if (not targets or name.split("/")[0] in targets) and (not schemes or name.split("/")[1] in schemes)
    )
    if not chosen:
        raise InputError(
            "BUILD-NOTHING",
            "no artifact of the recipe fits both --targets and --schemes",
            "widen one",
            recipe.artifacts(),
        )
    return Walk(recipe, recipe_path(place).parent / recipe.weights.file, chosen)


def integer(artifact: str) -> bool:
    """Whether ``target/scheme`` has INT8 weights, and so needs calibration films."""
    return artifact.split("/")[1] in INTEGER_SCHEMES


def find_stranger_sets(recipe: Recipe) -> dict[str, Path]:
    """What ``stranger_sets`` finds for a recipe. None for phantoms: their bundles depend on no data set."""
    from cxredge.data.out_of_distribution import stranger_sets

    return {} if recipe.data.source == "phantom" else stranger_sets(recipe.data.name)


def read_artifact(stage: Stage) -> Artifact:
    """The record of a lowered artifact in its stage."""
    return Artifact.model_validate_json((stage.folder / "artifact.json").read_bytes())
