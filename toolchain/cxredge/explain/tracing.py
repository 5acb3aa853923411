"""Tracing one artifact: every unit's error, and the logits'."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.explain.alignment import trace_units
from cxredge.explain.records import TraceRecord
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.keep_float import kept_by_scheme
from cxredge.recipe import Recipe
from cxredge.targets import get_target
from cxredge.targets.tracer import Origin
from cxredge.vocabulary import ArtifactName

if TYPE_CHECKING:
    from cxredge.students.base import Student


def trace(
    name: ArtifactName,
    path: Path,
    recipe: Recipe,
    student: Student,
    rounded: Student | None,
    calibration: CalibrationFilms | None,
    images: NDArray[np.uint8],
) -> TraceRecord:
    """Trace artifact ``name`` at ``path``, hash-checked, on uint8[N, ch, H, W].

    rounded, calibration: for INT8 schemes, as the artifact was lowered from them. Raises what ``trace_units`` raises.
    """
    target = get_target(name.target)
    scheme = name.scheme
    kept = kept_by_scheme(target.name, student, [scheme], recipe)[scheme].modules
    origin = Origin(rounded or student, recipe, scheme, calibration if scheme == "w8a8" else None, kept)
    words, units = trace_units(target, path, origin, student, images)
    signal, noise = _logits(name, path, student, images)
    return TraceRecord(source=words, units=units, signal=signal, noise=noise)


def _logits(
    name: ArtifactName, path: Path, student: Student, images: NDArray[np.uint8]
) -> tuple[float | None, float | None]:
    from cxredge.targets.reference import Reference

    reference = Reference(student)
    signal = noise = 0.0
    with get_target(name.target).open(path) as runner:
        for image in images:
            one = np.ascontiguousarray(image[None], np.float32)
            expected = reference.run(one)["logits"].astype(np.float64)
            try:
                found = runner.run(one)["logits"]
            except InputError:  # RUN-OUTPUT: the trace says where it begins
                return None, None
            signal += float(np.square(expected).sum())
            noise += float(np.square(expected - found).sum())
    return signal, noise
