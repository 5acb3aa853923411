from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.data.accidents import MOST_TRAIN, accident_films, accidents, quality_classes
from cxredge.images.preprocess import fit, resize
from cxredge.recipe_input import InputSpec
from cxredge.vocabulary import QUALITY_KINDS

INVERTED, UPSIDE_DOWN, TURNED, MIRRORED = range(4)


def spec(
    rows: int, columns: int, channels: Literal[1, 3] = 1, how: Literal["pad", "crop", "squash"] = "pad", pad: int = 0
) -> InputSpec:
    return InputSpec(channels=channels, height=rows, width=columns, fit=how, pad_value=pad)


def raw(rows: int, columns: int, channels: int = 1, seed: int = 0) -> NDArray[np.uint8]:
    """A film whose every pixel is another's, and no two of whose transforms agree: 20 to 235."""
    shape = (rows, columns) if channels == 1 else (rows, columns, channels)
    return np.random.default_rng(seed).integers(20, 236, shape, np.uint8)


def seen(film: NDArray[np.uint8], of: InputSpec) -> NDArray[np.uint8]:
    """uint8[ch, H, W]."""
    resized = resize(fit(film, of), of)
    return resized[None] if resized.ndim == 2 else resized.transpose(2, 0, 1)


def made(film: NDArray[np.uint8], of: InputSpec) -> NDArray[np.uint8]:
    """The four kinds of two equal films, uint8[4, 2, ch, H, W]."""
    pair = np.stack([seen(film, of)] * 2)
    return accidents(pair, of).reshape(4, 2, *pair.shape[1:])


@pytest.mark.parametrize("channels", [1, 3])
def test_they_are_what_a_reader_makes_of_such_films(channels: Literal[1, 3]) -> None:
    """At the student's own size, where no rounding of a resize stands between the two ways."""
    of, film = spec(24, 24, channels), raw(24, 24, channels)
    found = made(film, of)
    for at, changed in (
        (INVERTED, 255 - film),
        (UPSIDE_DOWN, film[::-1, ::-1]),
        (MIRRORED, film[:, ::-1]),
    ):
        assert np.array_equal(found[at], np.stack([seen(np.ascontiguousarray(changed), of)] * 2)), QUALITY_KINDS[at]
    for film_number, quarters in ((0, 1), (1, 3)):
        assert np.array_equal(found[TURNED, film_number], seen(np.ascontiguousarray(np.rot90(film, quarters)), of))


@pytest.mark.parametrize(("rows", "columns"), [(24, 16), (12, 24)])
@pytest.mark.parametrize("pad", [0, 128])
def test_bars_are_not_inverted(rows: int, columns: int, pad: int) -> None:
    of, film = spec(24, 24, pad=pad), raw(rows, columns)
    film[film == pad] += 1
    assert np.array_equal(made(film, of)[INVERTED, 0], seen(255 - film, of))


def test_crop_and_squash_have_no_bars() -> None:
    for how in ("crop", "squash"):
        of, film = spec(24, 24, how=how), raw(24, 24)  # type: ignore[arg-type]
        film[:4], film[-4:] = 0, 0
        assert np.array_equal(made(film, of)[INVERTED, 0], seen(255 - film, of))


def test_a_blank_film_is_inverted_whole() -> None:
    of = spec(16, 16)
    assert (made(np.zeros((16, 16), np.uint8), of)[INVERTED] == 255).all()


def test_films_on_their_side_are_fitted_again_where_the_image_is_not_square() -> None:
    """A square film stands between the same bars, whichever way it lies."""
    of = spec(20, 30)
    film = raw(20, 20)
    assert made(film, of).shape == (4, 2, 1, 20, 30)
    wide = made(raw(20, 30), of)[TURNED, 0, 0]
    # 30 rows and 20 columns in an image of 20 x 30: bars of 25 of 45 columns, and the film upright in 13 of 30
    assert (wide[:, :7] == 0).all()
    assert (wide[:, -7:] == 0).all()
    assert (wide[2:-2, 10:20] > 0).all()
    assert made(raw(20, 30, 3), spec(20, 30, 3)).shape == (4, 2, 3, 20, 30)


def test_classes_are_the_ordinary_films_and_each_accident_in_all_its_ways() -> None:
    of = spec(16, 16)
    films = np.stack([seen(raw(16, 16, seed=i), of) for i in range(5)])
    parts = list(quality_classes(films, of))
    assert [len(part) for part in parts] == [5, 5, 5, 10, 5]
    assert np.array_equal(parts[0], films)
    assert np.array_equal(parts[1 + TURNED][5:], np.rot90(films, 3, (2, 3)))


def test_films_are_spread_evenly() -> None:
    assert accident_films(3).tolist() == [0, 1, 2]
    assert accident_films(1).tolist() == [0]
    chosen = accident_films(1000)
    assert (len(chosen), chosen[0], chosen[-1]) == (60, 0, 999)
    assert set(np.diff(chosen)) <= {16, 17}
    assert len(accident_films(5000, MOST_TRAIN)) == MOST_TRAIN
