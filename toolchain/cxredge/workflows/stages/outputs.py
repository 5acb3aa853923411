"""What one artifact, or the reference, says of one stack of pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from cxredge.outputs import OutputsFile, read_outputs
from cxredge.recipe import Recipe
from cxredge.stages import Stage, Store
from cxredge.targets import get_target, target_module
from cxredge.workers.jobs.run import OUTPUTS, TIME
from cxredge.workers.jobs.run_artifact import RunArtifact
from cxredge.workers.jobs.run_reference import FACTS, REFERENCE, RunReference
from cxredge.workers.task import AnyJob
from cxredge.workflows.stages.artifact import BundledArtifact, LoweredArtifact
from cxredge.workflows.stages.base import ByJob, Ticket, Where
from cxredge.workflows.stages.pictures import Pictures
from cxredge.workflows.stages.student import EAGER_PACKAGES, student_inputs


class Outputs(ByJob):
    """``outputs.safetensors`` and ``time.json``."""

    kind = "outputs"
    pictures: Pictures

    @property
    def name(self) -> str:
        """With the pictures."""
        return f"{self.step} on {self.pictures.step}"

    def read(self, store: Store) -> OutputsFile:
        """The outputs, once they are there. Raises InputError OUTPUTS-FORMAT or RUN-OUTPUT."""
        return read_outputs(store.folder(self) / OUTPUTS)

    def median_ms(self, store: Store) -> float:
        """Median milliseconds a picture."""
        return float(json.loads((store.folder(self) / TIME).read_text())["median_ms"])


class ArtifactOutputs(Outputs):
    """Of one artifact."""

    kept = "this artifact was run on these films"
    missing = "this artifact was not run on these films"
    refusable = True
    cost = 1

    def __init__(self, lowered: LoweredArtifact | BundledArtifact, pictures: Pictures) -> None:
        target = get_target(lowered.artifact.target)
        self.artifact = lowered.artifact
        self.lowered = lowered
        self.pictures = pictures
        self.step = f"run {lowered.artifact}{lowered.label}"
        self.process = lowered.process
        self.code = (RunArtifact.__module__, target_module(target.name))  # the job looks its target up by name
        self.packages = ("numpy", *target.run_packages)

    @property
    def inputs(self) -> Mapping[str, object]:
        """What runs it here."""
        return {"runtime": get_target(self.artifact.target).runtime().name}

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The file, and the pictures."""
        return (self.lowered, self.pictures)

    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """Runs it."""
        return RunArtifact(
            **ticket,
            artifact=self.artifact,
            lowered=str(where(self.lowered)),
            stack=self.pictures.stack,
            pictures=str(where(self.pictures)),
        )


class ReferenceOutputs(Outputs):
    """Of the float32 eager student; with ``student.json``."""

    step = process = REFERENCE
    kept = "the reference was run on these films"
    missing = "the reference was not run on these films"
    code = (RunReference.__module__,)
    packages = EAGER_PACKAGES
    cost = 2

    def __init__(self, recipe: Recipe, weights: Path, pictures: Pictures) -> None:
        self.recipe = recipe
        self.weights = weights
        self.pictures = pictures

    @property
    def inputs(self) -> Mapping[str, object]:
        """The student."""
        return student_inputs(self.recipe)

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The pictures."""
        return (self.pictures,)

    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """Runs it."""
        return RunReference(
            **ticket,
            recipe=self.recipe,
            weights=str(self.weights),
            stack=self.pictures.stack,
            pictures=str(where(self.pictures)),
        )

    def parameters(self, store: Store) -> int:
        """Number of the student's parameters."""
        return int(json.loads((store.folder(self) / FACTS).read_text())["parameters"])
