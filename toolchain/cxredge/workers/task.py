"""A task: the jobs that one worker process does one after another, and how each of them ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.vocabulary import Frozen
from cxredge.workers.jobs.import_network import ImportNetwork
from cxredge.workers.jobs.import_stack import ImportStack
from cxredge.workers.jobs.lower import Lower
from cxredge.workers.jobs.rank_sensitivity import RankSensitivity
from cxredge.workers.jobs.round_weights import RoundWeights
from cxredge.workers.jobs.run_artifact import RunArtifact
from cxredge.workers.jobs.run_reference import RunReference
from cxredge.workers.jobs.simulate import Simulate
from cxredge.workers.jobs.trace import Trace

AnyJob = Annotated[
    Lower
    | RoundWeights
    | RunArtifact
    | RunReference
    | RankSensitivity
    | Trace
    | Simulate
    | ImportNetwork
    | ImportStack,
    Field(discriminator="kind"),
]
"""Every kind of job; a new kind is one file in ``jobs/`` and its name here."""
TASK = "task.json"
ANSWERS = "answers"
"""Folder with one JSON file for each job that has ended, called by its place in the task."""


class Task(Frozen):
    """Work of one process. folder: its scratch space, with this record in it. cost: rough seconds."""

    name: str
    folder: str
    jobs: tuple[AnyJob, ...]
    cost: float = 1.0

    def answer(self, place: int) -> Path:
        """Where it is said how the job at ``place`` ended."""
        return Path(self.folder) / ANSWERS / f"{place}.json"

    def waits_for(self) -> frozenset[str]:
        """Names of jobs of other tasks that must have ended well before this one starts."""
        return frozenset(name for job in self.jobs for name in job.after) - {job.name for job in self.jobs}


class Answer(Frozen):
    """How one job ended: no code means well. ``exit`` is the error's exit status."""

    code: str | None = None
    cause: str = ""
    fix: str = ""
    choices: tuple[str, ...] = ()
    exit: int = 0

    @classmethod
    def of(cls, error: CxrError) -> Answer:
        """An error as it travels between processes."""
        return cls(code=error.code, cause=error.cause, fix=error.fix, choices=error.choices, exit=error.exit_code)

    def error(self) -> CxrError | None:
        """The error again."""
        if self.code is None:
            return None
        kind = EnvironmentProblem if self.exit == EnvironmentProblem.exit_code else InputError
        return kind(self.code, self.cause, self.fix, self.choices)
