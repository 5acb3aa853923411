"""Jobs that start from the eager student."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.recipe import Recipe
from cxredge.workers.jobs.base import Desk, Job

if TYPE_CHECKING:
    from cxredge.students.base import Student


class StudentJob(Job):
    """weights: the student's file."""

    recipe: Recipe
    weights: str

    def reference(self, desk: Desk) -> Student:
        """The recipe's student as it is, in evaluation mode. Raises InputError WEIGHTS-*, STUDENT-*."""
        from cxredge.students import build_student

        return desk.once(("reference", self.weights), lambda: build_student(self.recipe, Path(self.weights)))

    def student(self, desk: Desk) -> Student:
        """The same with plain kernels: what is rounded, lowered and looked into. Raises what ``reference`` raises."""
        from cxredge.quantize.branches import plain_student

        return desk.once(("student", self.weights), lambda: plain_student(self.reference(desk), self.recipe.input))
