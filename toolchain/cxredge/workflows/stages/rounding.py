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

EAGER_PACKAGES = ("numpy", "safetensors", "timm", "torch")
"""What decides the eager student's numbers."""


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
        r = self.recipe
        return {
            "student": r.student.model_dump(mode="json"),
            "weights": r.weights.sha256,
            "input": r.input.model_dump(mode="json"),
            "labels": len(r.labels.names),
        }

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The films."""
        return (self.calibration,)

    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """Rounds them."""
        films = str(where(self.calibration))
        return RoundWeights(**ticket, recipe=self.recipe, weights=str(self.weights), calibration=films)
