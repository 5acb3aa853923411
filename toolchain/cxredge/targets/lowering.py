"""What the artifacts of one student on one target are lowered from; what they share is done once."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.targets.checks import check_student
from cxredge.targets.training_mode import check_modes

if TYPE_CHECKING:
    from cxredge.quantize.keep_float import KernelRead
    from cxredge.students.base import Student


@dataclass
class Lowering:
    """A student in evaluation mode, and what a target makes of it on the way to its artifacts.

    student: with plain kernels (``quantize.kernels``) from ``check`` on. calibration: for INT8 schemes. work: a folder
    that lives until the last artifact is lowered. rounded: the student after ``round_weights`` with these films, if it
    is at hand: INT8 schemes start from it.
    """

    student: Student
    recipe: Recipe
    calibration: CalibrationFilms | None
    work: Path
    rounded: Student | None = None
    prepared: dict[tuple[bool, frozenset[str]], Any] = field(default_factory=dict)
    """What the target's ``_prepare_impl`` made, by whether weights are rounded and which modules stay in float."""
    _checked: bool = False

    def check(self) -> None:
        """Raises InputError STUDENT-TRAINING or STUDENT-CONTRACT."""
        check_modes(self.student)
        if not self._checked:
            from cxredge.quantize.branches import plain_student

            check_student(self.student, self.recipe)
            self.student = plain_student(self.student, self.recipe.input)
            self._checked = True

    @cached_property
    def kernels(self) -> tuple[KernelRead, ...]:
        """What INT8 may store."""
        from cxredge.quantize.keep_float import kernel_reads

        return kernel_reads(self.student, self.recipe.input)

    def source(self, integer: bool, kept: frozenset[str]) -> Student:
        """The student to export. integer: with rounded weights, but for those of the modules ``kept``."""
        if not integer:
            return self.student
        from cxredge.quantize.rounding import put_back, round_weights

        if self.rounded is None:
            assert self.calibration is not None  # the target has seen to it
            self.rounded = round_weights(self.student, self.recipe.input, self.calibration.images)
        return put_back(self.rounded, self.student, self.recipe.input, kept)

    def place(self) -> Path:
        """A new folder in ``work``."""
        return Path(tempfile.mkdtemp(dir=self.work, prefix="prepared-"))
