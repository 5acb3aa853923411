"""Layerwise error: simulating an artifact's scheme in PyTorch."""

from __future__ import annotations

from typing import Literal

from cxredge.workers.jobs.base import Clock, Desk
from cxredge.workers.jobs.explain import ExplainJob


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
