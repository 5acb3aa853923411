"""Layerwise error: simulating an artifact's scheme in PyTorch."""

from __future__ import annotations

from typing import Literal

from cxredge.workers.jobs.base import Clock, Desk
from cxredge.workers.jobs.explain import ExplainJob


class Simulate(ExplainJob):
    """The student in INT8 as the artifact's scheme has it, whatever its target.

    unfitted: folder of weights that make up for no rounded activation.
    """

    kind: Literal["simulate"] = "simulate"
    unfitted: str

    def do(self, desk: Desk) -> None:
        """Raises InputError CALIBRATION-NAN or KEEP-FLOAT-*."""
        from cxredge.explain.simulation import simulate

        clock = Clock()
        desk.single_thread()
        films = self.films()
        assert self.rounded is not None
        assert films is not None
        own, unfitted = (self.student_of(desk, folder) for folder in (self.rounded, self.unfitted))
        found = simulate(self.artifact, self.recipe, self.student(desk), own, unfitted, films, self.images())
        self.write(desk, found, clock)
