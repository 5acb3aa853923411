"""The student with INT8 weights, rounded once for a scheme, from which its artifacts on every target start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cxredge.errors import some_of
from cxredge.recipe import Recipe
from cxredge.stages import Stage
from cxredge.vocabulary import ArtifactName, ModulePattern, SchemeName
from cxredge.workers.jobs.round_weights import RoundWeights
from cxredge.workers.task import AnyJob
from cxredge.workflows.stages.base import ByJob, Ticket, Where
from cxredge.workflows.stages.pictures import Pictures
from cxredge.workflows.stages.student import EAGER_PACKAGES, student_inputs


class RoundedWeights(ByJob):
    """``rounded.safetensors``, as artifacts of one scheme start from it that keep the same in float."""

    kind = "rounded"
    kept = "same student, weights and calibration films as last time"
    missing = "INT8 weights are rounded once, for all targets"
    code = (RoundWeights.__module__,)
    packages = EAGER_PACKAGES
    cost = 1000  # others wait for it

    def __init__(
        self,
        recipe: Recipe,
        weights: Path,
        calibration: Pictures,
        scheme: SchemeName,
        keep: tuple[ModulePattern, ...],
        label: str = "",
    ) -> None:
        self.recipe = recipe
        self.weights = weights
        self.calibration = calibration
        self.scheme = scheme
        self.keep = keep
        kept = f", {some_of(keep)} in float" if keep else ""
        self.step = self.process = f"round weights, {scheme}{kept}{label}"

    @classmethod
    def of(
        cls, recipe: Recipe, weights: Path, calibration: Pictures | None, name: ArtifactName, label: str = ""
    ) -> RoundedWeights | None:
        """What an artifact starts from; None where it is not INT8."""
        if calibration is None or not name.integer:
            return None
        return cls(recipe, weights, calibration, name.scheme, recipe.keep_float.get(name, ()), label)

    @property
    def beside_float_activations(self) -> RoundedWeights:
        """The same with weights that make up for no rounded activation: what one costs is seen beside these."""
        return RoundedWeights(self.recipe, self.weights, self.calibration, "w8", self.keep)

    @property
    def inputs(self) -> Mapping[str, object]:
        """The student, and how it is quantised."""
        rule = self.recipe.calibration.rule.model_dump(mode="json")
        return {
            **student_inputs(self.recipe),
            "scheme": self.scheme,
            "keep_float": list(self.keep),
            "ranges": rule if self.scheme == "w8a8" else None,
        }

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The films."""
        return (self.calibration,)

    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """Rounds them."""
        films = str(where(self.calibration))
        return RoundWeights(
            **ticket,
            recipe=self.recipe,
            weights=str(self.weights),
            calibration=films,
            scheme=self.scheme,
            keep=self.keep,
        )
