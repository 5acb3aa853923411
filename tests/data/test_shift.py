"""Shifted films: the same film one input pixel aside, to every side, and nothing else."""

from __future__ import annotations

import numpy as np

from cxredge.data.shift import SHIFTS, shift


def test_every_film_moves_by_one_pixel_to_every_side() -> None:
    films = np.random.default_rng(0).integers(0, 256, (3, 2, 5, 7), np.uint8)
    moved = shift(films)
    assert (moved.shape, moved.dtype, len(set(SHIFTS))) == ((12, 2, 5, 7), np.dtype(np.uint8), 4)
    right, left, down, up = moved.reshape(4, 3, 2, 5, 7)
    np.testing.assert_array_equal(right[..., 1:], films[..., :-1])
    np.testing.assert_array_equal(left[..., :-1], films[..., 1:])
    np.testing.assert_array_equal(down[..., 1:, :], films[..., :-1, :])
    np.testing.assert_array_equal(up[..., :-1, :], films[..., 1:, :])
    # what comes free repeats its neighbour
    np.testing.assert_array_equal(right[..., 0], films[..., 0])
    np.testing.assert_array_equal(up[..., -1, :], films[..., -1, :])


def test_the_smallest_film_is_all_border() -> None:
    one = np.full((1, 1, 1, 1), 9, np.uint8)
    assert (shift(one) == 9).all()
