"""The same films as they would lie one input pixel aside: a change that means nothing to any reader.

An input pixel is the 224th part of a film or so, 2 mm of a chest: patients and hands differ by far more. Yet networks
of strided convolutions answer otherwise (Azulay & Weiss 2019, "Why do deep convolutional networks generalize so poorly
to small image transformations?", JMLR 20:184). What a student's answers change by is its own noise, which needs no
artifact to be known. On the zoo's students JPEG of quality 95 changes about as much, and one grey level ten times less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Rows down and columns to the right, in input pixels."""


def shift(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8[n, ch, H, W] -> uint8[4 * n, ch, H, W]: all films moved by the first of ``SHIFTS``, then by the next.

    The row or column that comes free repeats its neighbour.
    """
    height, width = pixels.shape[2:]
    wide = np.pad(pixels, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    return np.concatenate([wide[:, :, 1 - d : 1 - d + height, 1 - r : 1 - r + width] for d, r in SHIFTS])
