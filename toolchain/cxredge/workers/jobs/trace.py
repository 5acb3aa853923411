"""Layerwise error: tracing one artifact's own tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cxredge.workers.jobs.base import Clock, Desk
from cxredge.workers.jobs.explain import ExplainJob
from cxredge.workers.jobs.lowered import read_lowered


class Trace(ExplainJob):
    """lowered: folder with the artifact's file and its ``artifact.json``."""

    kind: Literal["trace"] = "trace"
    lowered: str

    def do(self, desk: Desk) -> None:
        """Raises what ``explain.tracing.trace`` raises, and InputError ARTIFACT-HASH."""
        from cxredge.explain.tracing import trace

        clock = Clock()
        desk.single_thread()
        _, file = read_lowered(Path(self.lowered))
        student, rounded = self.student(desk), self.rounded_student(desk)
        found = trace(self.artifact, file, self.recipe, student, rounded, self.films(), self.images())
        self.write(desk, found, clock)
