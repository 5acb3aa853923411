"""Running one artifact over one stack of preprocessed pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cxredge.results import Artifact
from cxredge.targets import get_target
from cxredge.vocabulary import ArtifactName
from cxredge.workers.jobs.base import Desk
from cxredge.workers.jobs.lowered import read_lowered
from cxredge.workers.jobs.run import RunJob

if TYPE_CHECKING:
    from cxredge.targets.runner import Runner


class RunArtifact(RunJob):
    """lowered: folder with the artifact's file and its ``artifact.json``."""

    kind: Literal["run"] = "run"
    artifact: ArtifactName
    lowered: str

    def do(self, desk: Desk) -> None:
        """Raises InputError ARTIFACT-HASH, RUN-*, TARGET-LOAD or EnvironmentProblem RUN-SHAPE."""
        target = get_target(self.artifact.target)
        record, runner = desk.once(("runner", self.lowered), self._open)
        self.run_stack(desk, record.name, record.sha256, target.runtime().name, runner)

    def _open(self) -> tuple[Artifact, Runner]:
        record, file = read_lowered(Path(self.lowered))
        return record, get_target(self.artifact.target).open(file)
