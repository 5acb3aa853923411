from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cxredge.images.preprocess import resize
from cxredge.images.resample import coefficients, resample
from cxredge.recipe_input import InputSpec


def by_pillow(image: np.ndarray, height: int, width: int) -> np.ndarray:
    step = Image.fromarray(image).resize((width, image.shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(step.resize((width, height), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("seed", range(10))
def test_equals_pillow_on_random_sizes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(60):
        h, w, height, width = (int(n) for n in rng.integers(1, [120, 120, 90, 90]))
        image = rng.integers(0, 256, (h, w, 3) if rng.integers(2) else (h, w)).astype(np.uint8)
        np.testing.assert_array_equal(resample(image, height, width), by_pillow(image, height, width))


@pytest.mark.parametrize(("n_in", "n_out"), [(2140, 224), (1760, 512), (224, 1024), (1955, 320), (3001, 17)])
def test_equals_pillow_on_film_sizes(n_in: int, n_out: int) -> None:
    rng = np.random.default_rng(n_in)
    image = rng.integers(0, 256, (n_in, 3)).astype(np.uint8)
    np.testing.assert_array_equal(resample(image, n_out, 3), by_pillow(image, n_out, 3))


@pytest.mark.parametrize("size", [(64, 60), (100, 40), (33, 90)])
def test_order_of_the_passes_is_ours_whatever_pillow_prefers(size: tuple[int, int]) -> None:
    # 50 x 50 -> 20 x 60 is where one call of Pillow 13 does the height first
    image = np.random.default_rng(5).integers(0, 256, size).astype(np.uint8)
    spec = InputSpec(height=20, width=60, fit="squash")
    np.testing.assert_array_equal(resize(image, spec), resample(image, 20, 60))


def test_equals_one_call_of_pillow_where_both_sides_shrink_alike() -> None:
    image = np.random.default_rng(6).integers(0, 256, (500, 430)).astype(np.uint8)
    one = np.asarray(Image.fromarray(image).resize((86, 100), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resample(image, 100, 86), one)


def test_weights_of_a_sample_sum_to_one_and_stay_inside() -> None:
    for n_in, n_out in ((1, 16), (7, 16), (16, 16), (1000, 16), (17, 16)):
        rows = coefficients(n_in, n_out)
        assert len(rows) == n_out
        for first, weights in rows:
            assert 0 <= first <= first + len(weights) <= n_in
            assert abs(int(weights.sum()) - (1 << 22)) <= len(weights)


def test_flat_stays_flat() -> None:
    for level in (0, 1, 127, 254, 255):
        assert (resample(np.full((37, 91), level, np.uint8), 16, 24) == level).all()
