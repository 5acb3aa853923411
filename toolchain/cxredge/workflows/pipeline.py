"""The pipeline of one recipe: recipe -> films -> artifacts -> outputs, as stages that depend on each other.

``plan`` prints it; ``build`` materializes it. It reads films and hashes, and makes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.errors import InputError, counted, nearest
from cxredge.quantize.calibration import choose_films
from cxredge.recipe import Recipe, recipe_path, weights_file
from cxredge.recipe_file import load_recipe
from cxredge.recipe_training import check_trained
from cxredge.stages import Stage, cache_folder
from cxredge.students import checked_weights
from cxredge.vocabulary import ArtifactName
from cxredge.workflows.stages.accidents import AccidentFilms
from cxredge.workflows.stages.artifact import LoweredArtifact
from cxredge.workflows.stages.films import CalibrationFilms, Films
from cxredge.workflows.stages.out_of_distribution import OutOfDistributionFilms
from cxredge.workflows.stages.outputs import ArtifactOutputs
from cxredge.workflows.stages.rounding import RoundedWeights
from cxredge.workflows.stages.selftest import SelfTestInputs
from cxredge.workflows.trial import Trial

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet


class Pipeline:
    """One recipe, the artifacts asked for, and the stages between them. file: that the recipe was read from.

    Its properties raise what opening the data and choosing films raise.
    """

    def __init__(self, recipe: Recipe, file: Path, names: tuple[ArtifactName, ...]) -> None:
        self.recipe = recipe
        self.file = file
        self.weights = weights_file(recipe, file)
        self.names = names

    @cached_property
    def data(self) -> DataSet:
        """The recipe's data set."""
        from cxredge.data.data_sets import open_data

        return open_data(self.recipe.data, self.recipe.labels, cache_folder())

    @property
    def inputs(self) -> tuple[Path, ...]:
        """What is read, as files and as whole folders. Raises InputError DATA-MISSING."""
        from cxredge.data.data_sets import data_folders

        return (self.file, self.weights, *data_folders(self.recipe.data))

    @cached_property
    def calibration(self) -> CalibrationFilms | None:
        """Calibration films; None when no artifact needs them."""
        if not any(name.integer for name in self.names):
            return None
        films = choose_films(self.data, self.recipe)
        return CalibrationFilms("calibration", films, self.recipe.input, self.data.name)

    @cached_property
    def trial(self) -> Trial:
        """What artifacts are judged on. Raises InputError EVALUATION-FEW."""
        wanted = self.recipe.evaluation
        films = self.data.films(wanted.split)
        if wanted.count is not None and len(films) < wanted.count:
            raise InputError(
                "EVALUATION-FEW",
                f"{self.data.name} has {counted(len(films), 'film')} in {wanted.split}, evaluation.count is "
                f"{wanted.count}",
                f"ask for at most {len(films)}, or leave count out to use all",
            )
        spec, source = self.recipe.input, self.data.name
        evaluation = Films("evaluation", films[: wanted.count], spec, source)
        ood = None if self.recipe.novelty is None else OutOfDistributionFilms(evaluation, self.recipe)
        accidents = None if self.recipe.quality is None else AccidentFilms(evaluation)
        return Trial(self.recipe, self.weights, evaluation, self.validation, ood, accidents)

    @cached_property
    def validation(self) -> Films:
        """All films of the split that the calibration films are of: temperatures are fitted on them."""
        return Films("validation", self.data.films(self.recipe.calibration.split), self.recipe.input, self.data.name)

    def rounded(self, name: ArtifactName) -> RoundedWeights | None:
        """The student with INT8 weights as the artifact starts from it; None where it needs none."""
        return RoundedWeights.of(self.recipe, self.weights, self.calibration, name)

    @cached_property
    def artifacts(self) -> tuple[LoweredArtifact, ...]:
        """In the recipe's order."""
        return tuple(
            LoweredArtifact(self.recipe, self.weights, name, self.calibration, self.rounded(name))
            for name in self.names
        )

    @cached_property
    def self_test(self) -> SelfTestInputs:
        """The self-test's inputs."""
        return SelfTestInputs(self.recipe.input)

    @property
    def wanted(self) -> list[Stage]:
        """Everything that judging and bundling read. Artifacts come first: a process lowers all before it runs any."""
        calibration = () if self.calibration is None else (self.calibration,)
        trial = self.trial
        pictures = (*trial.judged_on, self.self_test)
        tests = [self.self_test_outputs(artifact) for artifact in self.artifacts]
        return [*calibration, *pictures, *self.artifacts, *trial.outputs(self.artifacts), *tests]

    def self_test_outputs(self, artifact: LoweredArtifact) -> ArtifactOutputs:
        """What an artifact says of the self-test's inputs."""
        return ArtifactOutputs(artifact, self.self_test)


def recipe_pipeline(place: Path, targets: tuple[str, ...] = (), schemes: tuple[str, ...] = ()) -> Pipeline:
    """The pipeline of a recipe, restricted to some targets and schemes (none named: all that the recipe builds).

    Raises InputError RECIPE-* (RECIPE-UNTRAINED among them), WEIGHTS-*, BUILD-TARGET, BUILD-SCHEME or BUILD-NOTHING.
    """
    recipe = load_recipe(place)
    chosen = chosen_artifacts(recipe, targets, schemes)
    check_trained(recipe, recipe_path(place))
    pipeline = Pipeline(recipe, recipe_path(place), chosen)
    checked_weights(pipeline.weights, recipe.weights.sha256)
    return pipeline


def chosen_artifacts(recipe: Recipe, targets: Sequence[str], schemes: Sequence[str]) -> tuple[ArtifactName, ...]:
    """The recipe's artifacts, restricted to some targets and schemes (none named: all).

    Raises InputError BUILD-TARGET, BUILD-SCHEME, BUILD-NOTHING.
    """
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
        if (not targets or name.target in targets) and (not schemes or name.scheme in schemes)
    )
    if not chosen:
        raise InputError(
            "BUILD-NOTHING",
            "no artifact of the recipe fits both --targets and --schemes",
            "widen one",
            recipe.artifacts(),
        )
    return chosen
