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
from cxredge.vocabulary import SchemeName

if TYPE_CHECKING:
    from cxredge.quantize.keep_float import KernelRead
    from cxredge.students.base import Student


@dataclass
class Lowering:
    """A student in evaluation mode, and what a target makes of it on the way to its artifacts.

    student: with plain kernels (``quantize.kernels``) from ``check`` on. calibration: for INT8 schemes. work: a folder
    that lives until the last artifact is lowered. rounded: the student after ``round_weights`` with these films, as all
    its INT8 artifacts start from it; None: each is rounded here.
    """

    student: Student
    recipe: Recipe
    calibration: CalibrationFilms | None
    work: Path
    rounded: Student | None = None
    prepared: dict[tuple[SchemeName | None, frozenset[str]], Any] = field(default_factory=dict)
    """What the target's ``_prepare_impl`` made, by the scheme whose INT8 weights it has and the modules in float."""
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

    def source(self, scheme: SchemeName | None, kept: frozenset[str]) -> Student:
        """The student to export. scheme: with its INT8 weights, but for those of the modules ``kept``."""
        if scheme is None:
            return self.student
        if self.rounded is not None:
            return self.rounded
        from cxredge.quantize.rounding import round_weights

        assert self.calibration is not None  # the target has seen to it
        return round_weights(self.student, self.recipe.input, self.calibration, scheme == "w8", kept)

    def place(self) -> Path:
        """A new folder in ``work``."""
        return Path(tempfile.mkdtemp(dir=self.work, prefix="prepared-"))
