from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cxredge.recipe_data import PhantomData
from cxredge.recipe_file import load_recipe
from cxredge.students.backbone_student import BackboneStudent
from cxredge.students.novelty import Novelty

ZOO = Path(__file__).parents[2] / "model_zoo" / "phantom"
FEATURES, RANK = 24, 5


def training_features(count: int, seed: int) -> NDArray[np.float32]:
    """float32[count, FEATURES]: positive, with a few strong directions, as pooled features behind a ReLU are."""
    random = np.random.default_rng(seed)
    directions = np.random.default_rng(0).normal(size=(RANK, FEATURES))
    strong = random.normal(size=(count, RANK)) * [0.8, 0.5, 0.4, 0.3, 0.2] @ directions
    return np.exp(0.3 * (strong + random.normal(0, 0.2, (count, FEATURES)))).astype(np.float32)


def fitted(features: NDArray[np.float32], rank: int = RANK) -> Novelty:
    novelty = Novelty(features.shape[1], rank)
    novelty.fit(torch.from_numpy(features))
    return novelty


def score(novelty: Novelty, features: NDArray[np.float32]) -> NDArray[np.float32]:
    return novelty(torch.from_numpy(features)[:, :, None, None]).numpy()


def mahalanobis(train: NDArray[np.float32], other: NDArray[np.float32], rank: int) -> NDArray[np.float64]:
    """By the covariance matrix of probabilistic PCA itself, inverted by numpy, in float64."""
    unit, there = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (train.astype(float), other.astype(float)))
    values, vectors = np.linalg.eigh(np.cov(unit, rowvar=False))
    strong, tail = vectors[:, -rank:], values[:-rank].mean()
    covariance = strong @ np.diag(values[-rank:]) @ strong.T + tail * (np.eye(len(values)) - strong @ strong.T)
    centred = there - unit.mean(0)
    squared: NDArray[np.float64] = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
    return squared / train.shape[1]


def test_closed_form() -> None:
    train = training_features(300, 1)
    novelty = fitted(train)
    for other in (train, training_features(50, 2), np.random.default_rng(3).random((50, FEATURES), np.float32)):
        np.testing.assert_allclose(score(novelty, other), mahalanobis(train, other, RANK), rtol=1e-3)


def test_the_mean_over_the_training_films_is_one() -> None:
    """(n - 1) / n to be exact: the variances are the unbiased ones."""
    train = training_features(200, 1)
    assert float(score(fitted(train), train).mean()) == pytest.approx(199 / 200, rel=1e-3)


def test_new_films_score_as_training_films_and_others_far_above() -> None:
    train = training_features(400, 1)
    novelty = fitted(train)
    usual = score(novelty, training_features(400, 2))
    other = score(novelty, np.random.default_rng(3).random((400, FEATURES), np.float32))
    assert 0.8 < float(np.median(usual)) < 1.2
    assert float(other.min()) > 2 * float(np.percentile(usual, 99))


def test_what_lies_off_the_axes_counts() -> None:
    train = training_features(300, 1)
    novelty = fitted(train)
    axes = novelty.axes.double().numpy()
    mean = novelty.mean.double().numpy()
    step = np.random.default_rng(4).normal(size=(20, FEATURES))
    for direction in (axes.T, mean / np.linalg.norm(mean)):  # at right angles to the axes, and to the length
        step -= step @ np.linalg.pinv(direction) @ direction
    moved = (mean + 0.5 * step / np.linalg.norm(step, axis=1, keepdims=True)).astype(np.float32)
    assert float(score(novelty, moved).min()) > 5 * float(np.percentile(score(novelty, train), 99))


def test_noise_does_not_drown_the_score_where_features_lie_on_two_axes() -> None:
    """As those of a network that saw few films: two axes hold nearly all; INT8 errs by more than the rest varies."""
    random = np.random.default_rng(5)
    axes, base = random.normal(size=(2, FEATURES)), 3 + random.random(FEATURES)

    def films(count: int, noise: float) -> NDArray[np.float32]:
        strong = random.normal(size=(count, 2)) @ axes
        return (base + 0.3 * strong + random.normal(0, noise, (count, FEATURES))).astype(np.float32)

    train = films(400, 1e-4)
    novelty = fitted(train)
    assert float(score(novelty, train).mean()) == pytest.approx(399 / 400, rel=1e-3)
    assert mahalanobis(train, films(400, 1e-2), RANK).mean() > 100, "by their own variances"
    noisy = score(novelty, films(400, 1e-2))
    assert float(noisy.mean()) < 3
    strangers = (base + random.normal(0, 0.5, (100, FEATURES))).astype(np.float32)
    assert float(score(novelty, strangers).min()) > float(np.percentile(noisy, 99))


def test_brightness_of_the_features_does_not_matter() -> None:
    train = training_features(100, 1)
    novelty = fitted(train)
    np.testing.assert_allclose(score(novelty, 7 * train), score(novelty, train), rtol=1e-3)


def test_no_features_at_all_are_finite_and_novel() -> None:
    train = training_features(100, 1)
    dead = score(fitted(train), np.zeros((1, FEATURES), np.float32))
    assert np.isfinite(dead).all()
    assert dead[0] > 10 * float(score(fitted(train), train).max())


def test_fewer_films_than_features() -> None:
    train = training_features(RANK + 3, 1)
    found = score(fitted(train), training_features(40, 2))
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_weights_files_hold_what_was_fitted_and_no_constants() -> None:
    novelty = fitted(training_features(100, 1))
    state = novelty.state_dict()
    assert set(state) == {"mean", "axes", "excess", "precision"}
    loaded = Novelty(FEATURES, RANK)
    loaded.load_state_dict(state)
    other = training_features(9, 5)
    assert np.array_equal(score(loaded, other), score(novelty, other))


@pytest.fixture(scope="module")
def zoo_student() -> BackboneStudent:
    from cxredge.students import build_student

    recipe = load_recipe(ZOO)
    return build_student(recipe, ZOO / recipe.weights.file)


def test_the_zoos_student_finds_noise_and_blanks_novel(zoo_student: BackboneStudent, tmp_path: Path) -> None:
    from cxredge.data.data_sets import open_data
    from cxredge.images.preprocess import preprocess_films

    recipe = load_recipe(ZOO)
    data = PhantomData(source="phantom", seed=5, patients={"train": 1, "val": 4, "test": 1})
    paths = [film.path for film in open_data(data, recipe.labels, tmp_path).films("val")]
    known = preprocess_films(paths, recipe.input, "test")
    shape = known.shape[1:]
    strange = {
        "noise": np.random.default_rng(0).integers(0, 256, shape),
        "black": np.zeros(shape),
        "grey": np.full(shape, 128),
        "white": np.full(shape, 255),
        "stripes": np.broadcast_to(np.arange(shape[2]) // 8 % 2 * 255, shape),
    }
    with torch.no_grad():
        usual = zoo_student(torch.from_numpy(known).float())["novelty"]
        # phantoms of another seed are of the training films' kind
        assert 0.5 < float(usual.median()) < 1.6
        assert float(usual.median()) < recipe.novelty.threshold
        for name, picture in strange.items():
            found = float(zoo_student(torch.tensor(picture, dtype=torch.float32)[None])["novelty"])
            assert found > 3 * recipe.novelty.threshold, name
