"""Layerwise error of one artifact: its trace, and its scheme simulated in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxredge.explain.records import SimulationRecord, TraceRecord
from cxredge.recipe import Recipe
from cxredge.stages import Stage, Store
from cxredge.targets import get_target, target_module
from cxredge.vocabulary import ArtifactName
from cxredge.workers.jobs.explain import EXPLAINED
from cxredge.workers.jobs.simulate import Simulate
from cxredge.workers.jobs.trace import Trace
from cxredge.workers.task import AnyJob
from cxredge.workflows.stages.artifact import BundledArtifact
from cxredge.workflows.stages.base import ByJob, Ticket, Where
from cxredge.workflows.stages.pictures import Pictures
from cxredge.workflows.stages.rounding import RoundedWeights
from cxredge.workflows.stages.student import EAGER_PACKAGES, student_inputs


class Explained(ByJob):
    """``explained.json``. rounded: for an INT8 artifact."""

    kept = "explained on these films"
    missing = "not explained on these films"

    def __init__(
        self, recipe: Recipe, weights: Path, artifact: ArtifactName, pictures: Pictures, rounded: RoundedWeights | None
    ) -> None:
        self.recipe = recipe
        self.weights = weights
        self.artifact = artifact
        self.pictures = pictures
        self.rounded = rounded

    @property
    def inputs(self) -> Mapping[str, object]:
        """The student, and how it is quantised."""
        r = self.recipe
        return {
            "artifact": self.artifact,
            **student_inputs(r),
            "keep_float": list(r.keep_float.get(self.artifact, ())),
            "ranges": r.calibration.rule.model_dump(mode="json"),
        }

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The films, and for INT8 the rounded weights and what set the ranges."""
        rounded = () if self.rounded is None else (self.rounded, self.rounded.calibration)
        return (self.pictures, *rounded)

    def _common(self, where: Where) -> dict[str, Any]:
        return {
            "artifact": self.artifact,
            "recipe": self.recipe,
            "weights": str(self.weights),
            "pictures": str(where(self.pictures)),
            "calibration": None if self.rounded is None else str(where(self.rounded.calibration)),
            "rounded": None if self.rounded is None else str(where(self.rounded)),
        }


class Traced(Explained):
    """The artifact's own tensors."""

    kind = "traces"
    cost = 30

    def __init__(
        self,
        recipe: Recipe,
        weights: Path,
        lowered: BundledArtifact,
        pictures: Pictures,
        rounded: RoundedWeights | None,
    ) -> None:
        super().__init__(recipe, weights, lowered.artifact, pictures, rounded)
        target = get_target(lowered.artifact.target)
        self.lowered = lowered
        self.step = self.process = f"trace {lowered.artifact}"
        self.code = (Trace.__module__, target_module(target.name))  # the job looks its target up by name
        self.packages = (*EAGER_PACKAGES, *target.tools())

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The artifact too."""
        return (*super().needs, self.lowered)

    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """Traces it."""
        return Trace(**ticket, **self._common(where), lowered=str(where(self.lowered)))

    def read(self, store: Store) -> TraceRecord:
        """The record, once it is there."""
        return TraceRecord.model_validate_json((store.folder(self) / EXPLAINED).read_bytes())


class Simulated(Explained):
    """Its scheme, for all artifacts that are alike in INT8."""

    kind = "simulations"
    cost = 60
    code = (Simulate.__module__,)
    packages = EAGER_PACKAGES

    def __init__(
        self, recipe: Recipe, weights: Path, artifact: ArtifactName, pictures: Pictures, rounded: RoundedWeights
    ) -> None:
        super().__init__(recipe, weights, artifact, pictures, rounded)
        self.unfitted = rounded.beside_float_activations
        self.step = self.process = f"simulate {artifact}"

    @property
    def inputs(self) -> Mapping[str, object]:
        """Targets do not count: artifacts of one scheme that keep the same in float have the same numbers here."""
        return {**super().inputs, "artifact": self.artifact.scheme}

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The weights beside float activations, too."""
        return (*super().needs, self.unfitted)

    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """Plays it."""
        return Simulate(**ticket, **self._common(where), unfitted=str(where(self.unfitted)))

    def read(self, store: Store) -> SimulationRecord:
        """The record, once it is there."""
        return SimulationRecord.model_validate_json((store.folder(self) / EXPLAINED).read_bytes())
