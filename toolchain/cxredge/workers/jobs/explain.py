"""Layerwise error: tracing one artifact's tensors, and simulating its scheme in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cxredge.files import write_text
from cxredge.vocabulary import ArtifactName
from cxredge.workers.jobs.base import IMAGES, Clock, Desk, StudentJob
from cxredge.workers.jobs.lower import read_lowered

if TYPE_CHECKING:
    from cxredge.explain.records import SimulationRecord, TraceRecord

EXPLAINED = "explained.json"
"""JSON: a ``TraceRecord``, or a ``SimulationRecord``."""


class ExplainJob(StudentJob):
    """Writes ``explained.json``. artifact: what is explained. pictures: folder of the pixels to explain it on."""

    artifact: ArtifactName
    pictures: str

    def images(self) -> NDArray[np.uint8]:
        """uint8[N, ch, H, W]."""
        found: NDArray[np.uint8] = np.load(Path(self.pictures) / IMAGES)
        return found

    def write(self, desk: Desk, record: TraceRecord | SimulationRecord, clock: Clock) -> None:
        """Write the record, and say so."""
        write_text(self.place / EXPLAINED, record.model_dump_json())
        desk.say(f"{self.name}: done in {clock}")


class Trace(ExplainJob):
    """lowered: folder with the artifact's file and its ``artifact.json``."""

    kind: Literal["trace"] = "trace"
    lowered: str

    def do(self, desk: Desk) -> None:
        """Raises what ``explain.artifact.trace`` raises, and InputError ARTIFACT-HASH."""
        from cxredge.explain.artifact import trace

        clock = Clock()
        desk.single_thread()
        _, file = read_lowered(Path(self.lowered))
        student, rounded = self.student(desk), self.rounded_student(desk)
        found = trace(self.artifact, file, self.recipe, student, rounded, self.films(), self.images())
        self.write(desk, found, clock)


class Simulate(ExplainJob):
    """The student in INT8 as the artifact's scheme has it, whatever its target."""

    kind: Literal["simulate"] = "simulate"

    def do(self, desk: Desk) -> None:
        """Raises InputError CALIBRATION-NAN or KEEP-FLOAT-*."""
        from cxredge.explain.simulation import simulate

        clock = Clock()
        desk.single_thread()
        rounded, films = self.rounded_student(desk), self.films()
        assert rounded is not None
        assert films is not None
        found = simulate(self.artifact, self.recipe, self.student(desk), rounded, films, self.images())
        self.write(desk, found, clock)
