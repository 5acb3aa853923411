"""How far an artifact's outputs are from the reference's, in numbers; of maps a part of the films at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
PART = 2**20
"""Values of an array that are made float64 at a time."""


def in_parts(one: Array, other: Array) -> Iterator[tuple[Array, Array]]:
    """The same films of both, whose values are ``PART`` or little more: maps of many films are never held at once."""
    step = max(1, PART // max(1, one[:1].size))
    for start, stop in pairwise([*range(0, len(one), step), len(one)]):
        yield one[start:stop], other[start:stop]


def sqnr_db(reference: Array, other: Array) -> float | None:
    """Signal-to-quantisation-noise ratio in dB: 10 log10(sum r^2 / sum (o - r)^2), in float64.

    None when the error is exactly zero, or the reference is: the ratio then has no finite value.
    """
    signal = noise = 0.0
    for one, two in in_parts(reference, other):
        wide = one.astype(np.float64)
        signal += float((wide**2).sum())
        noise += float(((two.astype(np.float64) - wide) ** 2).sum())
    return 10.0 * float(np.log10(signal / noise)) if signal > 0 and noise > 0 else None


def max_abs(reference: Array, other: Array) -> float:
    """Largest absolute difference, in the arrays' own unit."""
    return float(np.abs(other.astype(np.float64) - reference.astype(np.float64)).max())


def max_relative(reference: Array, other: Array) -> float:
    """Largest |o - r| / max(|r|, 1e-6): for scores that are never negative, such as novelty."""
    wide = reference.astype(np.float64)
    return float((np.abs(other.astype(np.float64) - wide) / np.maximum(np.abs(wide), 1e-6)).max())


def map_correlations(reference: Array, other: Array) -> NDArray[np.float64]:
    """Pearson's r between maps [..., h, w] -> float64[M], M the number of maps, in C order.

    NaN for a map that is constant in the reference: it has no correlation. 0 for one that only ``other`` flattened.
    """
    flat_r = reference.astype(np.float64).reshape(-1, int(np.prod(reference.shape[-2:])))
    flat_o = other.astype(np.float64).reshape(flat_r.shape)
    centred_r = flat_r - flat_r.mean(1, keepdims=True)
    centred_o = flat_o - flat_o.mean(1, keepdims=True)
    spread_r, spread_o = np.linalg.norm(centred_r, axis=1), np.linalg.norm(centred_o, axis=1)
    shaped = spread_r > 1e-9 * np.maximum(1.0, np.abs(flat_r).max(1))
    product = (centred_r * centred_o).sum(1)
    return np.where(shaped, product / (np.where(shaped, spread_r, 1.0) * np.maximum(spread_o, 1e-30)), np.nan)


def median_map_correlation(reference: Array, other: Array) -> float | None:
    """Median of ``map_correlations`` over films and labels of float32[N, C, h, w]; None when all maps are constant."""
    found = np.concatenate([map_correlations(*part) for part in in_parts(reference, other)])
    found = found[~np.isnan(found)]
    return float(np.median(found)) if len(found) else None
