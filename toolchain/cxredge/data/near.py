"""Near duplicates: one picture re-encoded, resized, made brighter or slightly cropped, found by its thumbnail.

Chest films resemble each other: laid over each other as they are, a film and a copy of it cropped by 2 % a side can
be less alike than two patients. So a film's likest few are found first, coarsely and among all, by local contrast less
the set's mean. With each of these it is then laid over anew, under crops of both, and what is compared is picture and
local contrast in equal parts. docs/data-check.md says what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film_facts import SIDE

NEAR = 0.975
"""Least correlation of what is called one picture; see docs/data-check.md for where films and copies lie."""
QUARTER = 0.25
"""Where films of a set are all alike, as phantoms are, one picture is nearer to 1 than this share of what three of four
films are to the likest of another patient."""
SURELY = 0.995
"""However alike films are: copies that were only re-encoded or resized lie above."""
CORE = 24
"""Rows and columns of what is laid over each other."""
LIKEST = 8
"""Films of other patients that a film is laid over."""
CROPS = (0.0, 0.025, 0.05)
"""Shares of a film's height or width that are taken off each of its sides."""
FINE = 0.0125
"""Half of a step of ``CROPS``: what promising pairs are tried with on each side once more."""
PROMISING = 0.93
BLOCK = 1024
"""Films that are compared at a time: memory does not grow with the square of their number."""

Crop = tuple[float, float, float, float]
"""What is taken off above, below, left and right."""


def near_pairs(
    thumbnails: NDArray[np.uint8], patients: Sequence[int], least: float | None = None
) -> tuple[list[tuple[int, int, float]], float]:
    """thumbnails uint8[N, SIDE, SIDE], and the films' patients by number -> pairs (i, j, correlation), i < j, and the
    least correlation of these.

    Of films of different patients only, and only of those that are among the ``LIKEST`` of one of them. least: None:
    ``NEAR``, or more where the films of the set are all alike.
    """
    partners: list[set[int]] = [set() for _ in range(len(thumbnails))]
    for i, likest in enumerate(_likest(thumbnails, np.asarray(patients))):
        for j in likest:
            partners[i].add(j)
            partners[j].add(i)
    best: dict[tuple[int, int], float] = {}
    nearest = np.full(len(thumbnails), -1.0)
    for i, others in enumerate(partners):
        if not others:
            continue
        order = sorted(others)
        for j, found in zip(order, overlaid(thumbnails[i], thumbnails[order]), strict=True):
            nearest[[i, j]] = np.maximum(nearest[[i, j]], found)
            if found >= (NEAR if least is None else least):
                pair = (min(i, j), max(i, j))
                best[pair] = max(best.get(pair, -1.0), found)
    if least is None:
        alike = float(np.quantile(nearest, 0.25)) if len(nearest) else 0.0
        least = min(SURELY, max(NEAR, 1 - QUARTER * (1 - alike)))
    return [(i, j, found) for (i, j), found in sorted(best.items()) if found >= least], least


def overlaid(film: NDArray[np.uint8], others: NDArray[np.uint8]) -> list[float]:
    """Correlation, -1..1, of each of ``others`` uint8[K, SIDE, SIDE], whole, with the best crop of ``film``."""
    whole = _described(_cropped(others, [(0.0, 0.0, 0.0, 0.0)])[:, 0])
    crops = _crops()
    found = _described(_cropped(film[None], crops)[0]) @ whole.T
    best = found.max(0)
    for k in np.flatnonzero(best >= PROMISING):
        centre = crops[int(found[:, k].argmax())]
        sides = [[side + step for step in (-FINE, 0.0, FINE) if side + step >= 0] for side in centre]
        fine: list[Crop] = [(a, b, c, d) for a, b, c, d in product(*sides)]
        best[k] = max(best[k], float((_described(_cropped(film[None], fine)[0]) @ whole[k]).max()))
    return [float(value) for value in best]


def _likest(thumbnails: NDArray[np.uint8], patients: NDArray[np.integer]) -> Iterator[list[int]]:
    """For every film those of other patients that are likest by local contrast, less the mean of all."""
    count = len(thumbnails)
    total = np.zeros(SIDE * SIDE)
    blocks = [slice(start, start + BLOCK) for start in range(0, count, BLOCK)]
    for block in blocks:
        total += _contrast(thumbnails[block]).sum(0)
    mean = (total / count).astype(np.float32)
    for rows in blocks:
        mine = _unit(_contrast(thumbnails[rows]) - mean)
        scores = np.full((len(mine), 0), 0, np.float32)
        names: NDArray[np.intp] = np.full((len(mine), 0), 0, np.intp)
        for columns in blocks:
            found = mine @ _unit(_contrast(thumbnails[columns]) - mean).T
            found[patients[rows, None] == patients[None, columns]] = -np.inf
            scores = np.concatenate([scores, found], axis=1)
            names = np.concatenate([names, np.tile(np.arange(count)[columns], (len(mine), 1))], axis=1)
            kept = np.argsort(-scores, axis=1, kind="stable")[:, :LIKEST]
            scores = np.take_along_axis(scores, kept, axis=1)
            names = np.take_along_axis(names, kept, axis=1)
        for these, alike in zip(names, scores, strict=True):
            yield [int(name) for name, score in zip(these, alike, strict=True) if np.isfinite(score)]


def _contrast(films: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8[N, s, s] -> float32[N, s * s] of length 1: what a film has more than its surroundings."""
    return _unit(_less_surroundings(_unit(films.astype(np.float32)).reshape(films.shape), SIDE // 8))


def _described(films: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[N, s, s] -> float32[N, 2 * s * s] of length 1: picture and local contrast in equal parts."""
    picture = _unit(films)
    contrast = _unit(_less_surroundings(picture.reshape(films.shape), CORE // 8))
    return np.concatenate([picture, contrast], axis=1) * np.float32(0.5**0.5)


def _unit(films: NDArray[np.float32]) -> NDArray[np.float32]:
    """[N, ...] -> float32[N, K] of mean 0 and length 1; 0 where a film is flat at this size, and is like nothing."""
    flat = films.reshape(len(films), -1)
    flat = flat - flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, length, out=np.zeros_like(flat), where=length > 1e-6)


def _less_surroundings(films: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Each cell less the mean of the square of ``2 * reach + 1`` cells around it, mirrored at the border."""
    around, wide = films, 2 * reach + 1
    for _ in range(2):
        # along the last axis, then, turned, along the other; one more in front, which the first difference takes away
        sums = np.pad(around, ((0, 0), (0, 0), (reach + 1, reach)), mode="reflect").cumsum(2, dtype=np.float64)
        around = ((sums[:, :, wide:] - sums[:, :, :-wide]) / wide).astype(np.float32).swapaxes(1, 2)
    return films - around


@cache
def _crops() -> list[Crop]:
    return [(a, b, c, d) for a, b, c, d in product(CROPS, repeat=4)]


def _cropped(films: NDArray[np.uint8], crops: Sequence[Crop]) -> NDArray[np.float32]:
    """uint8[N, SIDE, SIDE] -> float32[N, crops, CORE, CORE]; a cell is the mean of what it covers."""
    rows = np.stack([_axis(above, below) for above, below, _, _ in crops])
    columns = np.stack([_axis(left, right) for _, _, left, right in crops])
    return np.matmul(np.matmul(rows, films[:, None].astype(np.float32)), columns.transpose(0, 2, 1))


@cache
def _axis(before: float, behind: float) -> NDArray[np.float32]:
    """float32[CORE, SIDE]: how much of each cell of the thumbnail is in each of what is left of it; rows add to 1."""
    edges = np.linspace(before * SIDE, (1 - behind) * SIDE, CORE + 1)
    cells = np.arange(SIDE)
    shared = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    covered = np.maximum(shared, 0)
    return np.asarray(covered / covered.sum(1, keepdims=True), np.float32)
