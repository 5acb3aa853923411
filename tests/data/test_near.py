"""Thumbnails laid over each other: crops are found both ways, and flat films are like nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film_facts import SIDE, thumbnail
from cxredge.data.near import NEAR, SURELY, near_pairs, overlaid


def picture(seed: int) -> NDArray[np.uint8]:
    """uint8[256, 256]: blots of random sizes and places."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:256, 0:256]
    film = sum(
        level * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2))
        for cx, cy, width, level in zip(
            *random.uniform(0, 256, (2, 12)), random.uniform(12, 60, 12), random.uniform(-1, 1, 12), strict=True
        )
    )
    film = np.asarray(film)
    return np.uint8(255 * (film - film.min()) / np.ptp(film))


def test_a_crop_is_found_from_either_side_and_others_are_not() -> None:
    films = [picture(seed) for seed in range(40)]
    films.append(films[0][10:250, 6:246])
    films.append(np.uint8(255 * (films[1] / 255) ** 0.8))
    small = np.stack([thumbnail(film) for film in films])
    pairs, least = near_pairs(small, range(len(small)))
    assert [(i, j) for i, j, _ in pairs] == [(0, 40), (1, 41)]
    assert NEAR <= least <= SURELY
    assert near_pairs(small, [*range(40), 0, 1])[0] == [], "of one patient films are alike"
    assert overlaid(small[0], small[40:41])[0] > 0.98
    assert overlaid(small[40], small[:1])[0] < overlaid(small[0], small[40:41])[0]


def test_films_that_are_all_alike_need_more() -> None:
    """One drawing with noise of its own for every patient: no two are one picture."""
    base = thumbnail(picture(3)).astype(np.float64)
    noise = np.random.default_rng(0).normal(0, 5, (60, SIDE, SIDE))
    films = np.uint8(np.clip(base + noise, 0, 255))
    assert len(near_pairs(films, range(60), least=NEAR)[0]) > 60
    pairs, least = near_pairs(np.concatenate([films, films[:1]]), range(61))
    assert [(i, j) for i, j, _ in pairs] == [(0, 60)]
    assert least > NEAR


def test_flat_films_are_like_nothing_and_few_films_are_no_fault() -> None:
    flat = np.full((3, SIDE, SIDE), 7, np.uint8)
    assert near_pairs(flat, range(3))[0] == []
    assert near_pairs(flat[:1], [0])[0] == []
