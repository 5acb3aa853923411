"""Running the reference, the float32 eager student, over one stack of preprocessed pictures."""

from __future__ import annotations

import json
from typing import Literal

from cxredge.files import write_text
from cxredge.workers.jobs.base import Desk
from cxredge.workers.jobs.run import RunJob
from cxredge.workers.jobs.student import StudentJob

REFERENCE = "reference"
EAGER = "eager PyTorch"
FACTS = "student.json"
"""JSON: number of the student's parameters."""


class RunReference(RunJob, StudentJob):
    """Also writes ``student.json``."""

    kind: Literal["reference"] = "reference"

    def do(self, desk: Desk) -> None:
        """Raises InputError WEIGHTS-*, STUDENT-* or RUN-*."""
        from cxredge.targets.reference import Reference

        student = self.reference(desk)
        parameters = sum(p.numel() for p in student.parameters())
        write_text(self.place / FACTS, json.dumps({"parameters": parameters}))
        self.run_stack(desk, REFERENCE, self.recipe.weights.sha256, EAGER, Reference(student))
