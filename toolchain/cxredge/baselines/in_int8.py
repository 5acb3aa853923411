"""A network in INT8, as every target computes it, played in PyTorch: no artifact is built of a teacher."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from cxredge.quantize.calibration import CalibrationFilms

if TYPE_CHECKING:
    from cxredge.distill.splits import Films
    from cxredge.recipe import Recipe
    from cxredge.students.backbone_student import BackboneStudent


def calibration_films(recipe: Recipe, val: Films) -> NDArray[np.uint8]:
    """uint8[n, ch, H, W]: films of val, evenly spread, as many as ``calibration.count`` asks for, or all."""
    images: NDArray[np.uint8] = val.images.numpy()
    wanted = min(recipe.calibration.count, len(images))
    return images[np.arange(wanted) * len(images) // wanted]


def logits_in_int8(
    model: BackboneStudent, recipe: Recipe, films: NDArray[np.uint8], images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """float32[N, C] of ``images``, uint8[N, ch, H, W]; ``films`` set the ranges, and what weights are rounded to.

    The same rounding of weights and the same ranges as a build has, static and per tensor for activations. Raises
    InputError CALIBRATION-NAN.
    """
    import warnings

    from cxredge.quantize.sensitivity import Simulation

    plain = copy.deepcopy(model).to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    threads = torch.get_num_threads()
    try:
        # torch's own use of what it deprecates is nobody's business here
        warnings.simplefilter("ignore", FutureWarning)
        simulation = Simulation(plain, recipe.input, CalibrationFilms(films, recipe.calibration.rule))
        return simulation.run(images)["logits"].astype(np.float32)
    finally:
        torch.set_num_threads(threads)  # the simulation takes one, and trainings count them
