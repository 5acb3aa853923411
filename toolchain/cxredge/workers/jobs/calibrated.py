"""Jobs that may quantise: they start from the student, its calibration films and its rounded weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cxredge.workers.jobs.base import IMAGES, Desk
from cxredge.workers.jobs.student import StudentJob

if TYPE_CHECKING:
    from cxredge.quantize.calibration import CalibrationFilms
    from cxredge.students.base import Student

ROUNDED = "rounded.safetensors"
"""The student with rounded weights, in the folder that holds it."""


class CalibratedJob(StudentJob):
    """calibration: folder of the calibration films' pixels. rounded: folder of the rounded weights. Both for INT8."""

    calibration: str | None = None
    rounded: str | None = None

    def rounded_student(self, desk: Desk) -> Student | None:
        """The student with rounded weights; None for a job without."""
        return None if self.rounded is None else self.student_of(desk, self.rounded)

    def student_of(self, desk: Desk, folder: str) -> Student:
        """The student with the rounded weights of a folder."""
        from safetensors.torch import load_file

        from cxredge.quantize.rounding import load_rounded

        file = Path(folder) / ROUNDED
        return desk.once(("rounded", file), lambda: load_rounded(self.student(desk), load_file(file)))

    def films(self) -> CalibrationFilms | None:
        """The calibration films; None for a job without."""
        from cxredge.quantize.calibration import CalibrationFilms

        if self.calibration is None:
            return None
        pixels = np.load(Path(self.calibration) / IMAGES, mmap_mode="r")
        return CalibrationFilms(pixels, self.recipe.calibration.rule)
