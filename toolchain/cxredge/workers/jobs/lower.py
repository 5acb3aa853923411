"""Lowering the student to one artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cxredge.files import write_text
from cxredge.targets import get_target
from cxredge.vocabulary import ArtifactName
from cxredge.workers.jobs.base import Clock, Desk
from cxredge.workers.jobs.calibrated import CalibratedJob
from cxredge.workers.jobs.lowered import RECORD

if TYPE_CHECKING:
    from cxredge.targets.lowering import Lowering


class Lower(CalibratedJob):
    """Writes the artifact's file and ``artifact.json``. Jobs of one process share the student's export."""

    kind: Literal["lower"] = "lower"
    artifact: ArtifactName

    def do(self, desk: Desk) -> None:
        """Raises what ``Target.lower`` raises."""
        clock = Clock()
        lowering = desk.once(("lowering", self.artifact.target, self.rounded), lambda: self._lowering(desk))
        artifact = get_target(self.artifact.target).lower(lowering, self.artifact.scheme, self.place)
        write_text(self.place / RECORD, artifact.model_dump_json(indent=2))
        desk.say(f"{artifact.name}: lowered in {clock}, {artifact.bytes:,} bytes")

    def _lowering(self, desk: Desk) -> Lowering:
        from cxredge.targets.lowering import Lowering

        student, rounded = self.student(desk), self.rounded_student(desk)
        return Lowering(student, self.recipe, self.films(), desk.work, rounded)
