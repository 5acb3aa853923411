"""A mask of a film as the student's input has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxredge.images.preprocess import fit, resize
from cxredge.recipe_input import InputSpec


def preprocess_mask(mask: NDArray[np.bool_], spec: InputSpec) -> NDArray[np.uint8]:
    """bool[h, w], in film pixels -> uint8[H, W]: it goes the film's own way, fit and resize, onto bars of 0.

    255 is a pixel that lies in the mask; one of its edge counts in part. Raises what ``fit`` raises.
    """
    grey = mask.astype(np.uint8) * np.uint8(255)
    return resize(fit(grey, spec.model_copy(update={"pad_value": 0})), spec)
