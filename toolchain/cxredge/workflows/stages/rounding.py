"""The student with INT8 weights rounded once, from which every INT8 artifact starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cxredge.recipe import Recipe
from cxredge.stages import Stage
from cxredge.workers.jobs.round_weights import RoundWeights
from cxredge.workers.task import AnyJob
from cxredge.workflows.stages.base import ByJob, Ticket, Where
from cxredge.workflows.stages.pictures import Pictures
from cxredge.workflows.stages.student import EAGER_PACKAGES, student_inputs


class RoundedWeights(ByJob):
    """``rounded.safetensors``, rounded with the calibration films in view."""

    kind = "rounded"
    kept = "same student, weights and calibration films as last time"
    missing = "INT8 weights are rounded once, for all targets"
    code = (RoundWeights.__module__,)
    packages = EAGER_PACKAGES
    cost = 1000  # others wait for it

    def __init__(self, recipe: Recipe, weights: Path, calibration: Pictures, label: str = "") -> None:
        self.recipe = recipe
        self.weights = weights
        self.calibration = calibration
        self.step = self.process = f"round weights{label}"

    @property
    def inputs(self) -> Mapping[str, object]:
        """The student."""
        return student_inputs(self.recipe)

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The films."""
        return (self.calibration,)

    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """Rounds them."""
        films = str(where(self.calibration))
        return RoundWeights(**ticket, recipe=self.recipe, weights=str(self.weights), calibration=films)
