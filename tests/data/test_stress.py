"""Stress: every change does what it is called, the same every time, and nothing more."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.data.data_sets import open_data
from cxredge.data.stress import MOST_FILMS, STRESSES, stress, stress_films
from cxredge.images.preprocess import preprocess_films
from cxredge.recipe_data import PhantomData
from cxredge.recipe_decision import Labels
from cxredge.recipe_input import InputSpec

PAD = 17


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    data = PhantomData(source="phantom", seed=4, patients={"train": 1, "val": 1, "test": 3})
    films = open_data(data, Labels(names=("Nodule",)), tmp_path_factory.mktemp("phantoms")).films("test")[:4]
    return preprocess_films([f.path for f in films], InputSpec(height=96, width=112, fit="pad"), "test")


@pytest.fixture(scope="module")
def kinds(clean: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    changed = stress(clean, PAD)
    assert changed.shape == (len(STRESSES) * len(clean), *clean.shape[1:])
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(stress(clean, PAD), changed)
    parts = np.split(changed.astype(np.float64), len(STRESSES))
    return {s.kind: part for s, part in zip(STRESSES, parts, strict=True)}


def test_films_are_spread_evenly() -> None:
    assert stress_films(7).tolist() == list(range(7))
    assert stress_films(1).tolist() == [0]
    for count in (60, 61, 164, 1000):
        chosen = stress_films(count)
        assert len(chosen) == MOST_FILMS
        assert (chosen[0], chosen[-1]) == (0, count - 1)
        assert set(np.diff(chosen)) <= {(count - 1) // 59, (count - 1) // 59 + 1}


def test_every_kind_changes_every_film(clean: NDArray[np.uint8], kinds: dict[str, NDArray[np.float64]]) -> None:
    for kind, changed in kinds.items():
        difference = np.abs(changed - clean).mean((1, 2, 3))
        assert (difference > 0.5).all(), kind
        assert (difference < 60).all(), kind


def test_tone(clean: NDArray[np.uint8], kinds: dict[str, NDArray[np.float64]]) -> None:
    for kind, exponent in (("darker", 1.5), ("brighter", 1 / 1.5)):
        np.testing.assert_allclose(kinds[kind], 255 * (clean / 255.0) ** exponent, atol=0.5)
    assert (kinds["darker"] <= clean).all()
    assert (kinds["brighter"] >= clean).all()


def test_jpeg_and_blur_keep_the_light_and_lose_detail(
    clean: NDArray[np.uint8], kinds: dict[str, NDArray[np.float64]]
) -> None:
    for kind in ("jpeg", "blur"):
        assert np.abs(kinds[kind].mean((1, 2, 3)) - clean.mean((1, 2, 3))).max() < 1
    # curvature is what a blur takes; a slope it leaves
    detail = np.abs(np.diff(clean.astype(float), 2, axis=3)).mean()
    assert np.abs(np.diff(kinds["blur"], 2, axis=3)).mean() < 0.6 * detail
    # a dot becomes a Gaussian of sigma 1
    dot = np.zeros((1, 1, 33, 33), np.uint8)
    dot[0, 0, 16, 16] = 255
    spread = stress(dot, 0)[[s.kind for s in STRESSES].index("blur"), 0].astype(float)
    assert spread.sum() == pytest.approx(255, abs=20)
    across = np.arange(33) - 16
    assert (spread.sum(0) * across**2).sum() / spread.sum() == pytest.approx(1, abs=0.25)


def test_turns_go_both_ways_and_fill_with_the_bars_grey() -> None:
    white = np.full((2, 1, 64, 64), 255, np.uint8)
    white[:, :, 30:34, 52:56] = 0  # a mark at three o'clock, 22 pixels from the middle
    part = [s.kind for s in STRESSES].index("turned")
    for turned, side in zip(stress(white, PAD)[2 * part : 2 * part + 2, 0].astype(float), (-1, 1), strict=True):
        assert PAD in [int(turned[i, j]) for i in (0, -1) for j in (0, -1)]
        mark = (255 - turned[10:54, 46:60]).clip(0)
        height = (mark.sum(1) * np.arange(10, 54)).sum() / mark.sum() - 31.5
        # the first goes up, as a turn to the left does
        assert height == pytest.approx(side * 22 * np.sin(np.deg2rad(5)), abs=0.3)


def test_photo_is_light_that_falls_off(clean: NDArray[np.uint8], kinds: dict[str, NDArray[np.float64]]) -> None:
    assert (kinds["photo"] <= clean).all()
    white = np.full((5, 1, 40, 60), 255, np.uint8)
    light = np.split(stress(white, 0), len(STRESSES))[[s.kind for s in STRESSES].index("photo")][:, 0] / 255.0
    assert light.max() <= 1
    # at the darkest corner both losses meet: 0.7 x 0.75
    assert light.min() == pytest.approx(0.525, abs=0.03)
    assert light[0][20, 30] == pytest.approx(0.85, abs=0.01), "half of the slope in the middle, and no vignette"
    assert np.abs(np.diff(light, axis=1)).max() < 0.03, "smooth"
    assert not np.allclose(light[0], light[1]), "another side each time"


def test_colour_pictures(clean: NDArray[np.uint8], kinds: dict[str, NDArray[np.float64]]) -> None:
    planes = np.split(stress(np.repeat(clean, 3, 1), PAD).astype(np.float64), len(STRESSES))
    for how, changed in zip(STRESSES, planes, strict=True):
        assert changed.shape == (len(clean), 3, *clean.shape[2:])
        # JPEG goes over YCbCr, which rounds
        atol = 3 if how.kind == "jpeg" else 0
        np.testing.assert_allclose(changed, np.repeat(kinds[how.kind], 3, 1), atol=atol, err_msg=how.kind)
