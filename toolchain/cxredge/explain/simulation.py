"""Playing an artifact's INT8 scheme in PyTorch: what each unit loses, and what float would give back."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.explain.records import KeptStep, RestoredUnit, SimulationRecord
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.keep_float import kept_by_scheme
from cxredge.quantize.sensitivity import Simulation
from cxredge.recipe import Recipe
from cxredge.vocabulary import ArtifactName

if TYPE_CHECKING:
    from cxredge.students.base import Student

MOST_STEPS = 3
"""Steps of the order that are looked at: a recipe that needs more has another problem."""


def simulate(
    name: ArtifactName,
    recipe: Recipe,
    student: Student,
    rounded: Student,
    calibration: CalibrationFilms,
    images: NDArray[np.uint8],
) -> SimulationRecord:
    """Play the INT8 scheme of artifact ``name`` on uint8[N, ch, H, W]."""
    kept = kept_by_scheme(name.target, student, [name.scheme], recipe)[name.scheme].units
    simulation = Simulation(student, recipe.input, calibration, rounded, weights_only=name.scheme == "w8")
    keep = frozenset(kept)
    restored = simulation.sensitivity(images, keep)
    steps = [s for s in islice(simulation.order(images, keep), MOST_STEPS) if s.share is not None]
    return SimulationRecord(
        logit_sqnr_db=simulation.logit_sqnr_db(images, keep),
        units=tuple(RestoredUnit(unit=r.unit.name, logit_sqnr_db=r.logit_sqnr_db, share=r.share) for r in restored),
        steps=tuple(KeptStep(units=s.units, logit_sqnr_db=s.logit_sqnr_db, share=s.share or 0.0) for s in steps),
    )
