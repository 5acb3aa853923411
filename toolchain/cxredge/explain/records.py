"""What the workers of ``explain`` do: trace one artifact, and play its scheme in PyTorch. Each writes one record."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.explain.traces import UnitError, trace_units
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.keep_float import kept_by_scheme
from cxredge.quantize.sensitivity import Simulation
from cxredge.recipe import Recipe
from cxredge.targets import get_target
from cxredge.targets.tracer import Origin
from cxredge.vocabulary import INTEGER_SCHEMES, Frozen, SchemeName

if TYPE_CHECKING:
    from cxredge.students.base import Student

MOST_STEPS = 3
"""Steps of the order that are looked at: a recipe that needs more has another problem."""


class TraceRecord(Frozen):
    """One artifact's intermediates. signal, noise: of the logits; None where the runtime gave NaN or infinity."""

    source: str
    units: tuple[UnitError, ...]
    signal: float | None
    noise: float | None


class RestoredUnit(Frozen):
    """See ``simulation.Restored``."""

    unit: str
    logit_sqnr_db: float | None
    share: float


class KeptStep(Frozen):
    """See ``simulation.Kept``; always measured."""

    units: tuple[str, ...]
    logit_sqnr_db: float | None
    share: float


class SimulationRecord(Frozen):
    """What the simulation says of one scheme; units in the order of execution."""

    logit_sqnr_db: float | None
    units: tuple[RestoredUnit, ...]
    steps: tuple[KeptStep, ...]


def trace(
    name: str,
    path: Path,
    recipe: Recipe,
    student: Student,
    rounded: Student | None,
    calibration: CalibrationFilms | None,
    images: NDArray[np.uint8],
) -> TraceRecord:
    """Trace artifact ``name`` (``target/scheme``) at ``path``, hash-checked, on uint8[N, ch, H, W].

    rounded, calibration: for INT8 schemes. Raises what ``trace_units`` raises.
    """
    target = get_target(name.split("/")[0])
    scheme: SchemeName = name.split("/")[1]  # type: ignore[assignment]  # the recipe has checked it
    kept = kept_by_scheme(target.name, student, [scheme], recipe)[scheme].modules
    source = student
    if scheme in INTEGER_SCHEMES:
        from cxredge.quantize.rounding import put_back

        assert rounded is not None
        source = put_back(rounded, student, recipe.input, kept)
    origin = Origin(source, recipe, scheme, calibration if scheme == "w8a8" else None, kept)
    words, units = trace_units(target, path, origin, student, images)
    signal, noise = _logits(name, path, student, images)
    return TraceRecord(source=words, units=units, signal=signal, noise=noise)


def _logits(name: str, path: Path, student: Student, images: NDArray[np.uint8]) -> tuple[float | None, float | None]:
    from cxredge.targets.reference import Reference

    reference = Reference(student)
    signal = noise = 0.0
    with get_target(name.split("/")[0]).open(path) as runner:
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


def simulate(
    name: str,
    recipe: Recipe,
    student: Student,
    rounded: Student,
    calibration: CalibrationFilms,
    images: NDArray[np.uint8],
) -> SimulationRecord:
    """Play the INT8 scheme of artifact ``name`` on uint8[N, ch, H, W]."""
    target, scheme = name.split("/")
    kept = kept_by_scheme(target, student, [scheme], recipe)[scheme].units  # type: ignore[arg-type,list-item,index]
    simulation = Simulation(student, recipe.input, calibration, rounded, weights_only=scheme == "w8")
    keep = frozenset(kept)
    restored = simulation.sensitivity(images, keep)
    steps = [s for s in islice(simulation.order(images, keep), MOST_STEPS) if s.share is not None]
    return SimulationRecord(
        logit_sqnr_db=simulation.logit_sqnr_db(images, keep),
        units=tuple(RestoredUnit(unit=r.unit.name, logit_sqnr_db=r.logit_sqnr_db, share=r.share) for r in restored),
        steps=tuple(KeptStep(units=s.units, logit_sqnr_db=s.logit_sqnr_db, share=s.share or 0.0) for s in steps),
    )
