"""The two ways in which a stage is made: here, or by a job in a process of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, TypedDict

from cxredge.stages import Stage, Store
from cxredge.workers.task import AnyJob

Where = Callable[[Stage], Path]
"""The folder in which a stage's files are, or will be when a job that needs them starts."""


class Here(Stage):
    """Made in this process, from what is there already."""

    made_here = True

    @abstractmethod
    def make(self, folder: Path, store: Store) -> None:
        """Write the result's files into ``folder``."""


class Ticket(TypedDict):
    """What every job is told: its name, the folder that it fills, and the jobs that it waits for."""

    name: str
    out: str
    after: tuple[str, ...]


class ByJob(Stage):
    """Made by a job. The job's ``out`` becomes the stage's folder."""

    process: str
    """Jobs with the same one run in one process, and share what they import and load."""
    cost: float
    """Rough seconds."""
    refusable: ClassVar[bool] = False
    """Whether an InputError of its job is a property of one artifact, beside which others may still be of use."""

    @property
    def name(self) -> str:
        """Its job's name, which no other stage's has."""
        return self.step

    @abstractmethod
    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """The job that makes it."""
