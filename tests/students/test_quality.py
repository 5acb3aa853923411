from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Quality as Thresholds
from cxredge.students import build_student
from cxredge.students.quality import STRENGTH, Quality, by_parts
from cxredge.vocabulary import QUALITY_KINDS
from support.tiny_recipe import write_weights

FEATURES = 12


def classes(counts: tuple[int, ...], seed: int) -> list[Tensor]:
    """Clouds around centres of their own, at scales that differ from feature to feature by a hundred."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(0, 1.5, (len(counts), FEATURES))
    scales = 10.0 ** np.linspace(-1, 1, FEATURES)
    return [
        torch.from_numpy((5 + (centre + random.normal(size=(count, FEATURES))) * scales).astype(np.float32))
        for centre, count in zip(centres, counts, strict=True)
    ]


def test_it_is_the_logistic_regression_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train, other = classes((60, 40, 80), 1), torch.cat(classes((20, 20, 20), 2))
    found = Quality.fitted_to(train)(other).numpy()
    scaler = StandardScaler().fit(torch.cat(train).double().numpy())
    truth = np.repeat(np.arange(3), [60, 40, 80])
    model = LogisticRegression(C=STRENGTH, tol=1e-8, max_iter=5000)
    model.fit(scaler.transform(torch.cat(train).double().numpy()), truth)
    logits = model.decision_function(scaler.transform(other.double().numpy()))
    np.testing.assert_allclose(found, logits[:, 1:] - logits[:, :1], atol=2e-3)


def test_equal_films_give_equal_heads_and_maps_are_pooled() -> None:
    train = classes((30, 30, 30, 30, 30), 1)
    one, two = Quality.fitted_to(train), Quality.fitted_to(train)
    assert torch.equal(one.weight, two.weight)
    assert torch.equal(one.bias, two.bias)
    assert one.fitted
    assert not Quality(FEATURES, 4).fitted
    maps = torch.rand(3, FEATURES, 2, 5)
    assert torch.allclose(one(maps), one(maps.mean((2, 3))), atol=1e-4)


def test_features_that_never_move_weigh_nothing_and_break_nothing() -> None:
    train = [torch.cat([part, torch.full((len(part), 1), 7.0)], 1) for part in classes((30, 30), 1)]
    head = Quality.fitted_to(train)
    assert torch.isfinite(head.weight).all()
    moved = train[0].clone()
    moved[:, -1] += 1e-3
    assert torch.allclose(head(moved), head(train[0]), atol=1e-3)
    still = Quality.fitted_to([torch.ones(5, 3), torch.ones(5, 3)])
    assert torch.isfinite(still(torch.ones(1, 3))).all()


def test_parts_are_the_whole() -> None:
    images = np.random.default_rng(0).integers(0, 256, (11, 1, 4, 4), np.uint8)
    found = by_parts(lambda image: image.flatten(1), images, "test")
    assert np.array_equal(found.numpy(), images.reshape(11, 16).astype(np.float32))


def test_the_number_of_threads_changes_no_byte_and_stays() -> None:
    images = np.random.default_rng(0).integers(0, 256, (22, 8, 24, 24), np.uint8)
    layer = torch.nn.Conv2d(8, 64, 3)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(by_parts(lambda image: layer(image).mean((2, 3)), images, "test"))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert not found[0].requires_grad
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.fixture
def told(tiny: Recipe) -> Recipe:
    return tiny.model_copy(update={"quality": Thresholds(thresholds=dict.fromkeys(QUALITY_KINDS, 0.0), rule="test")})


def test_a_head_that_the_recipe_says_must_be_there_and_fitted(told: Recipe, tiny: Recipe, tmp_path: Path) -> None:
    def refusal(recipe: Recipe, quality: bool, spoil: object = None) -> str:
        file = tmp_path / "weights.safetensors"
        digest = write_weights(file, spoil, side=32, quality=quality)  # type: ignore[arg-type]
        weights = recipe.weights.model_copy(update={"sha256": digest})
        try:
            student = build_student(recipe.model_copy(update={"weights": weights}), file)
        except InputError as error:
            return error.code
        with torch.no_grad():
            return " ".join(student(torch.zeros(1, 1, 32, 32)))

    without = tiny.model_copy(update={"quality": None})
    assert refusal(told, True) == "logits cam novelty quality"
    assert refusal(without, False) == "logits cam novelty"
    assert refusal(told, False) == "QUALITY-UNFITTED"
    assert refusal(told, True, lambda tensors: tensors["quality.weight"].zero_()) == "QUALITY-UNFITTED"
    assert refusal(told, True, lambda tensors: tensors["quality.bias"].fill_(float("nan"))) == "WEIGHTS-NAN"
    assert refusal(without, True) == "WEIGHTS-FIT"
