"""Lowering the student to one artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cxredge.errors import InputError
from cxredge.files import sha256_file, write_text
from cxredge.results import Artifact
from cxredge.targets import get_target
from cxredge.vocabulary import ArtifactName
from cxredge.workers.jobs.base import Clock, Desk, StudentJob

if TYPE_CHECKING:
    from cxredge.targets.lowering import Lowering

RECORD = "artifact.json"
"""JSON: the ``Artifact`` that describes the file beside it."""


class Lower(StudentJob):
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


def read_lowered(folder: Path) -> tuple[Artifact, Path]:
    """The record and the file of an artifact's folder. Raises InputError ARTIFACT-HASH when they do not fit."""
    record = read_record(folder)
    file = folder / record.file
    if sha256_file(file) != record.sha256:
        raise InputError("ARTIFACT-HASH", f"{file} is not the artifact that was lowered", "build it again")
    return record, file


def read_record(folder: Path) -> Artifact:
    """The record alone."""
    return Artifact.model_validate_json((folder / RECORD).read_bytes())
