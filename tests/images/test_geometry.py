"""Places: films in their frames, cells on films, and maps spread over pixels."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.images.geometry import cells_on_film, film_sizes, frame, tents, upsample
from cxredge.images.preprocess import fit, resize
from cxredge.recipe_input import InputSpec

Fit = Literal["pad", "crop", "squash"]
FITS = st.sampled_from(["pad", "crop", "squash"])


def spec(kind: Fit, height: int, width: int) -> InputSpec:
    return InputSpec(height=height, width=width, fit=kind)


@settings(deadline=None)
@given(FITS, st.integers(1, 90), st.integers(1, 90), st.integers(16, 60), st.integers(16, 60))
def test_the_frame_says_where_the_film_is(kind: Fit, h: int, w: int, height: int, width: int) -> None:
    film = np.arange(1, h * w + 1, dtype=np.int64).reshape(h, w) % 255 + 1
    fitted = fit(film.astype(np.uint8), spec(kind, height, width))
    rows, columns, top, left = frame(h, w, spec(kind, height, width))
    assert fitted.shape == (rows, columns)
    expected = np.zeros_like(fitted)
    for i in range(max(0, top), min(rows, top + h)):
        across = range(max(0, left), min(columns, left + w))
        expected[i, across.start : across.stop] = film[i - top, across.start - left : across.stop - left]
    np.testing.assert_array_equal(fitted, expected)


@pytest.mark.parametrize("kind", ["pad", "crop", "squash"])
@pytest.mark.parametrize(("h", "w"), [(300, 200), (200, 300), (260, 250)])
def test_a_dot_is_found_again_on_the_film(kind: Fit, h: int, w: int) -> None:
    """A map as fine as the input: its peak, put back on the film, is where the dot was drawn."""
    given = spec(kind, 64, 48)
    for place in ((h // 2, w // 2), (h // 2 - 70, w // 2 + 60), (h // 2 + 40, w // 2 - 55)):
        film = np.zeros((h, w), np.uint8)
        film[place[0] - 3 : place[0] + 4, place[1] - 3 : place[1] + 4] = 255
        seen = resize(fit(film, given), given).astype(np.float64)
        mass = np.array([(seen * axis).sum() / seen.sum() for axis in np.indices(seen.shape)])
        cell = np.rint(mass).astype(np.int64)
        (found,) = cells_on_film(cell[None], (64, 48), np.array([[h, w]]), given)
        rows, columns, _, _ = frame(h, w, given)
        # what rounding to a pixel and to 8 bits leaves
        assert np.all(np.abs(found - place) <= 0.6 * np.array([rows / 64, columns / 48])), (found, place)


def test_a_coarse_cell_is_centred_on_its_pixel() -> None:
    # 6 cells of 32 pixels; the film is as large as the input, so that pixel = film pixel
    given = spec("pad", 192, 192)
    found = cells_on_film(np.array([[0, 0], [2, 5]]), (6, 6), np.array([[192, 192]] * 2), given)
    np.testing.assert_allclose(found, [[0, 0], [64, 160]], atol=1e-9)
    # twice as fine: input pixel 64 covers film pixels 128 and 129
    (found,) = cells_on_film(np.array([[2, 0]]), (6, 6), np.array([[384, 384]]), given)
    np.testing.assert_allclose(found, [128.5, 0.5], atol=1e-9)
    # upright film between bars: column 0 of the map looks at the left one
    (found,) = cells_on_film(np.array([[0, 0]]), (6, 6), np.array([[192, 96]]), given)
    np.testing.assert_allclose(found, [0, -48], atol=1e-9)
    assert cells_on_film(np.empty((0, 2), np.int64), (6, 6), np.empty((0, 2), np.int64), given).shape == (0, 2)


def test_sizes_are_those_of_the_table(cxr_data: Path) -> None:
    with (cxr_data / "cxr_covid" / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))[:6]
    found = film_sizes([cxr_data / "cxr_covid" / row["file"] for row in rows], spec("pad", 64, 64))
    assert found.tolist() == [[int(row["height"]), int(row["width"])] for row in rows]
    assert film_sizes([], spec("pad", 64, 64)).shape == (0, 2)


def test_tents_share_every_pixel_out() -> None:
    for cells, pixels in ((6, 192), (1, 5), (7, 7), (3, 10)):
        assert tents(cells, pixels).shape == (pixels, cells)
        np.testing.assert_allclose(tents(cells, pixels).sum(1), 1, atol=1e-12)


SIDES = st.tuples(st.integers(1, 8), st.integers(1, 40)).map(lambda s: (s[0], s[0] * s[1]))
"""(cells, pixels), pixels a multiple of cells as behind strided convolutions."""


@settings(deadline=None)
@given(SIDES, SIDES, st.data())
def test_a_hot_cell_peaks_at_its_pixel(rows: tuple[int, int], columns: tuple[int, int], data: st.DataObject) -> None:
    i, j = data.draw(st.integers(0, rows[0] - 1)), data.draw(st.integers(0, columns[0] - 1))
    cam = np.zeros((rows[0], columns[0]))
    cam[i, j] = 3.0
    picture = upsample(cam, rows[1], columns[1])
    assert picture.shape == (rows[1], columns[1])
    peak = (i * rows[1] // rows[0], j * columns[1] // columns[0])
    assert picture[peak] == pytest.approx(3.0)
    assert picture.max() == pytest.approx(3.0)
    # the only peak, but where the last cell's value is held to the border
    if i < rows[0] - 1 and j < columns[0] - 1:
        assert np.argwhere(picture > 3.0 - 1e-9).tolist() == [list(peak)]


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 70), st.integers(1, 70), st.floats(-5, 5))
def test_a_constant_map_stays_constant(h: int, w: int, height: int, width: int, value: float) -> None:
    np.testing.assert_allclose(upsample(np.full((h, w), value), height, width), value, atol=1e-12)


def test_between_two_cells_the_map_is_linear() -> None:
    picture = upsample(np.array([[0.0, 1.0, 5.0]]), 4, 12)
    np.testing.assert_allclose(picture[0], [0, 0.25, 0.5, 0.75, 1, 2, 3, 4, 5, 5, 5, 5], atol=1e-12)
    assert np.array_equal(picture, np.repeat(picture[:1], 4, 0))
