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
    unfitted: Student,
    calibration: CalibrationFilms,
    images: NDArray[np.uint8],
) -> SimulationRecord:
    """Play the INT8 scheme of artifact ``name`` on uint8[N, ch, H, W].

    rounded: with the artifact's own weights, which make up for the activations' rounding. unfitted: with weights that
    make up for no more than each other. What one unit costs is told by these: to keep it in float is to fit the others
    anew, and the fitted ones would miss the error that they were fitted to. Shares are theirs, and decibels those
    of ``rounded`` with as much more as they gain.
    """
    kept = kept_by_scheme(name.target, student, [name.scheme], recipe)[name.scheme].units
    weights_only, keep = name.scheme == "w8", frozenset(kept)
    own = Simulation(student, recipe.input, calibration, rounded, weights_only).logit_sqnr_db(images, keep)
    simulation = Simulation(student, recipe.input, calibration, unfitted, weights_only)
    base = simulation.logit_sqnr_db(images, keep)

    def moved(decibels: float | None) -> float | None:
        return None if decibels is None or own is None or base is None else decibels + own - base

    restored = simulation.sensitivity(images, keep)
    steps = [s for s in islice(simulation.order(images, keep), MOST_STEPS) if s.share is not None]
    return SimulationRecord(
        logit_sqnr_db=own,
        units=tuple(
            RestoredUnit(unit=r.unit.name, logit_sqnr_db=moved(r.logit_sqnr_db), share=r.share) for r in restored
        ),
        steps=tuple(KeptStep(units=s.units, logit_sqnr_db=moved(s.logit_sqnr_db), share=s.share or 0.0) for s in steps),
    )
