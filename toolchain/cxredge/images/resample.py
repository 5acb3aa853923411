"""The resize, as its executable specification: what the Kotlin and Swift twins reimplement, line by line.

``preprocess.resize`` calls Pillow; a test holds this file and Pillow to the same bytes on hundreds of sizes. It is
Pillow's antialiased bilinear on 8 bits: a triangle filter as wide as the reduction, in fixed point.

For one axis of ``n_in`` samples, giving ``n_out``, in float64 and in this order:

    scale   = n_in / n_out
    reach   = max(scale, 1)                                   the triangle's half width, in input samples
    for i in 0 .. n_out - 1:
        centre = (i + 0.5) * scale
        first  = max(trunc(centre - reach + 0.5), 0)          trunc drops the fraction, towards zero
        end    = min(trunc(centre + reach + 0.5), n_in)
        weight[j] = max(1 - |(first + j - centre + 0.5) * (1 / reach)|, 0)   for j in 0 .. end - first - 1
        total  = weight[0] + weight[1] + ...                  summed in that order
        k[j]   = trunc(0.5 + (weight[j] / total) * 2**22)     an integer
        out[i] = clamp((2**21 + k[0] * in[first] + k[1] * in[first + 1] + ...) >> 22, 0, 255)

The sum fits a signed 32-bit integer. The width is resized first, to 8 bits again, then the height; an axis whose size
does not change is left alone. Channels are independent. The order matters by a level here and there: one call of
Pillow 13 may do the height first where that is less work, so ``preprocess.resize`` makes one call an axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PRECISION_BITS = 22


def coefficients(n_in: int, n_out: int) -> list[tuple[int, NDArray[np.int64]]]:
    """For each of ``n_out`` samples: its first input, and the int64 weights from there on (their sum is near 2**22)."""
    scale = n_in / n_out
    reach = max(scale, 1.0)
    inverse = 1.0 / reach
    rows = []
    for i in range(n_out):
        centre = (i + 0.5) * scale
        first = max(int(centre - reach + 0.5), 0)
        end = min(int(centre + reach + 0.5), n_in)
        weights = [max(1.0 - abs((first + j - centre + 0.5) * inverse), 0.0) for j in range(end - first)]
        total = 0.0
        for weight in weights:
            total += weight
        fixed = [int(0.5 + (weight / total) * (1 << PRECISION_BITS)) for weight in weights]
        rows.append((first, np.array(fixed, dtype=np.int64)))
    return rows


def resample(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """uint8[h, w] or uint8[h, w, ch] -> uint8[height, width] or uint8[height, width, ch]."""
    if image.shape[1] != width:
        image = _pass(image.swapaxes(0, 1), width).swapaxes(0, 1)
    if image.shape[0] != height:
        image = _pass(image, height)
    return np.ascontiguousarray(image)


def _pass(image: NDArray[np.uint8], n_out: int) -> NDArray[np.uint8]:
    """Resize the first axis."""
    out = np.empty((n_out, *image.shape[1:]), dtype=np.uint8)
    for i, (first, weights) in enumerate(coefficients(image.shape[0], n_out)):
        window = image[first : first + len(weights)].astype(np.int64)
        total = np.tensordot(weights, window, axes=1) + (1 << (PRECISION_BITS - 1))
        out[i] = np.clip(total >> PRECISION_BITS, 0, 255)
    return out
