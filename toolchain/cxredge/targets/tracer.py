"""Intermediate tensors of one artifact, image by image: what a target implements so that losses can be explained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.vocabulary import SchemeName

if TYPE_CHECKING:
    from cxredge.students.base import Student

THE_FILE = "the artifact itself, run with all its tensors kept"


@dataclass(frozen=True)
class Origin:
    """What an artifact was lowered from.

    student: for INT8 schemes, the one with rounded weights, but for those of the modules ``kept``, which stay in float.
    """

    student: Student
    recipe: Recipe
    scheme: SchemeName
    calibration: CalibrationFilms | None
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Traced:
    """One tensor. values: float32, dequantised, in the file's own axes. half: the file computes it in float16.

    A tensor that is quantised and dequantised again stands under its own name with what it is then: what readers get.
    """

    name: str
    values: NDArray[np.float32]
    half: bool = False


class Tracer(ABC):
    """source: what the tensors are read from, in words."""

    source = THE_FILE

    @abstractmethod
    def trace(self, image: NDArray[np.float32]) -> Iterator[Traced]:
        """Every float tensor that image: float32[1, ch, H, W], values 0..255, gives, in the order of execution.

        Names are those of the same student's fp32 file; where two tensors share a name, the later one counts.
        """
