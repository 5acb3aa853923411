"""Normalisations against their formulas in float64, and against coremltools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, inferred, noise, shapes
from mlprogram.operators.one import Array, evaluate
from mlprogram.operators.refusal import code

DTYPES = st.sampled_from(["float32", "float16"])
EPSILONS = st.sampled_from([1e-5, 1e-3, 0.5])


def along_channels(vector: Array, x: Array) -> Array:
    return vector.astype(float).reshape(-1, *[1] * (x.ndim - 2))


def compare(made: Array, expected: Array, cancelled: float = 0.0) -> None:
    """cancelled: size of the terms that a fused kernel subtracts, x * scale - mean * scale."""
    bound = 3e-5 if made.dtype == np.float32 else 2e-3
    atol = bound * (1 + np.abs(expected).max()) + 2**-22 * cancelled
    np.testing.assert_allclose(made, expected, rtol=bound, atol=atol)


@settings(deadline=None, max_examples=60)
@given(shapes(3, 5), DTYPES, EPSILONS, st.booleans(), st.booleans(), SEEDS)
def test_batch_norm(shape: tuple[int, ...], dtype: str, epsilon: float, scaled: bool, moved: bool, seed: int) -> None:
    x, mean, variance = noise(seed, shape, dtype), noise(seed, shape[1:2], dtype), abs(noise(seed + 1, shape[1:2]))
    gamma, beta = noise(seed + 2, shape[1:2], dtype), noise(seed + 3, shape[1:2], dtype)
    given_vectors = {"mean": mean, "variance": variance}
    expected = (x - along_channels(mean, x)) / np.sqrt(along_channels(variance, x) + np.float32(epsilon))
    if scaled:
        given_vectors["gamma"] = gamma
        expected *= along_channels(gamma, x)
    if moved:
        given_vectors["beta"] = beta
        expected += along_channels(beta, x)
    compare(*evaluate("batch_norm", {"x": x}, {"epsilon": epsilon}, [expected.astype(dtype)], given_vectors), expected)


@settings(deadline=None, max_examples=60)
@given(shapes(3, 5), DTYPES, EPSILONS, st.booleans(), st.booleans(), SEEDS)
def test_instance_norm(
    shape: tuple[int, ...], dtype: str, epsilon: float, scaled: bool, moved: bool, seed: int
) -> None:
    x = noise(seed, shape, dtype)
    gamma, beta = noise(seed + 2, shape[1:2], dtype), noise(seed + 3, shape[1:2], dtype)
    over, wide = tuple(range(2, x.ndim)), x.astype(float)
    expected = wide - wide.mean(over, keepdims=True)
    expected /= np.sqrt((expected**2).mean(over, keepdims=True) + np.float32(epsilon))
    vectors = {}
    if scaled:
        vectors["gamma"] = gamma
        expected *= along_channels(gamma, x)
    if moved:
        vectors["beta"] = beta
        expected += along_channels(beta, x)
    (made,) = evaluate("instance_norm", {"x": x}, {"epsilon": epsilon}, [expected.astype(dtype)], vectors)
    largest = max(1.0, float(np.abs(gamma).max())) if scaled else 1.0
    compare(made, expected, cancelled=float(np.abs(wide).max()) * largest / np.sqrt(epsilon))


@st.composite
def normed(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape and some of its axes, in any order, counted from either end."""
    shape = draw(shapes(1, 4))
    axes = draw(st.lists(st.integers(0, len(shape) - 1), unique=True, max_size=len(shape)))
    return shape, tuple(a - len(shape) if draw(st.booleans()) else a for a in axes)


@settings(deadline=None, max_examples=100)
@given(normed(), EPSILONS, st.booleans(), st.booleans(), SEEDS)
def test_layer_norm(
    case: tuple[tuple[int, ...], tuple[int, ...]], epsilon: float, scaled: bool, moved: bool, seed: int
) -> None:
    shape, axes = case
    x, over = noise(seed, shape), sorted(a % len(shape) for a in axes) or list(range(len(shape)))
    vectors = {}
    if scaled:
        vectors["gamma"] = noise(seed + 1, tuple(shape[a] for a in over))
    if moved:
        vectors["beta"] = noise(seed + 2, tuple(shape[a] for a in over))
    wide = x.astype(float)
    expected = wide - wide.mean(tuple(over), keepdims=True)
    expected /= np.sqrt((expected**2).mean(tuple(over), keepdims=True) + np.float32(epsilon))
    kept = [n if a in over else 1 for a, n in enumerate(shape)]
    expected = expected * vectors.get("gamma", np.ones(1)).reshape(kept if scaled else 1)
    expected = expected + vectors.get("beta", np.zeros(1)).reshape(kept if moved else 1)
    values = {"axes": axes, "epsilon": epsilon} if axes else {"epsilon": epsilon}
    compare(*evaluate("layer_norm", {"x": x}, values, [expected.astype(np.float32)], vectors), expected)


@pytest.mark.parametrize("axes", [(1, 2), (0, 2), (-1,), (0, 1, 2)])
def test_layer_norm_is_as_in_coremltools(axes: tuple[int, ...]) -> None:
    x = noise(1, (2, 3, 4))
    kept = tuple(x.shape[a] for a in axes)
    vectors = {"gamma": noise(2, kept), "beta": noise(3, kept)}
    (expected,) = inferred("layer_norm", x=x, axes=list(axes), epsilon=np.float32(1e-3), **vectors)
    compare(*evaluate("layer_norm", {"x": x}, {"axes": axes, "epsilon": 1e-3}, [x], vectors), expected)


@settings(deadline=None, max_examples=50)
@given(shapes(3, 5), DTYPES, EPSILONS, SEEDS)
def test_l2_norm(shape: tuple[int, ...], dtype: str, epsilon: float, seed: int) -> None:
    x = noise(seed, shape, dtype)
    blocks = x.astype(float).reshape(*shape[:-3], -1)
    lengths = np.sqrt((blocks**2).sum(-1) + np.float32(epsilon))
    expected = (blocks / lengths[..., None]).reshape(shape)
    compare(*evaluate("l2_norm", {"x": x}, {"epsilon": epsilon}, [expected.astype(dtype)]), expected)


def test_l2_norm_is_as_in_coremltools() -> None:
    for shape in ((2, 3, 4), (2, 1, 3, 2, 2)):
        x = noise(1, shape)
        (expected,) = inferred("l2_norm", x=x, epsilon=np.float32(1e-3))
        compare(*evaluate("l2_norm", {"x": x}, {"epsilon": 1e-3}, [x]), expected)


@settings(deadline=None, max_examples=60)
@given(shapes(3, 5, 5), DTYPES, st.integers(1, 7), st.sampled_from([(1e-4, 0.75, 1.0), (0.3, 0.5, 2.0)]), SEEDS)
def test_local_response_norm(
    shape: tuple[int, ...], dtype: str, size: int, factors: tuple[float, float, float], seed: int
) -> None:
    x = noise(seed, shape, dtype)
    alpha, beta, k = factors
    wide, expected = x.astype(float), np.empty(shape)
    for c in range(shape[1]):
        first, end = max(0, c - size // 2), c + (size - 1) // 2 + 1
        expected[:, c] = wide[:, c] / (k + alpha / size * (wide[:, first:end] ** 2).sum(1)) ** beta
    values = {"size": size, "alpha": alpha, "beta": beta, "k": k}
    if size % 2 == 0:
        assert code("local_response_norm", {"x": x}, values, [x]) == "MLPROGRAM-VALUE"
        return
    compare(*evaluate("local_response_norm", {"x": x}, values, [expected.astype(dtype)]), expected)


def test_defaults() -> None:
    x = noise(1, (2, 3, 4))
    zero, one = np.zeros(3, np.float32), np.ones(3, np.float32)
    (made,) = evaluate("batch_norm", {"x": x}, {}, [x], {"mean": zero, "variance": zero})
    np.testing.assert_allclose(made, x / np.sqrt(1e-5), rtol=1e-5)
    for kind, epsilon in (("instance_norm", 1e-5), ("layer_norm", 1e-5), ("l2_norm", 1e-6)):
        small = x * 1e-3
        (implied,) = evaluate(kind, {"x": small}, {}, [x])
        (said,) = evaluate(kind, {"x": small}, {"epsilon": epsilon}, [x])
        np.testing.assert_array_equal(implied, said)
    (implied,) = evaluate("local_response_norm", {"x": 99 * x}, {"size": 3}, [x])
    values = {"size": 3, "alpha": 1e-4, "beta": 0.75, "k": 1.0}
    (said,) = evaluate("local_response_norm", {"x": 99 * x}, values, [x])
    np.testing.assert_array_equal(implied, said)
    assert np.isfinite(evaluate("instance_norm", {"x": x[..., :1]}, {}, [x[..., :1]], {"beta": one})[0] - 1).all()


X = np.ones((2, 3, 4), np.float32)
V2, V3 = np.ones(2, np.float32), np.ones(3, np.float32)
STATISTICS = {"mean": V3, "variance": V3}


@pytest.mark.parametrize(
    ("kind", "x", "values", "constants"),
    [
        ("batch_norm", X, {}, {"mean": V3}),
        ("batch_norm", X, {}, {"mean": V2, "variance": V3}),
        ("batch_norm", X, {}, {"mean": V3, "variance": V2}),
        ("batch_norm", X, {}, {**STATISTICS, "gamma": V2}),
        ("batch_norm", X, {}, {**STATISTICS, "beta": V2}),
        ("batch_norm", X[0], {}, STATISTICS),
        ("batch_norm", X.astype(np.int32), {}, STATISTICS),
        ("batch_norm", X, {"epsilon": "1e-5"}, STATISTICS),
        ("instance_norm", X, {}, {"gamma": V2}),
        ("instance_norm", X, {}, {"beta": V2}),
        ("instance_norm", X[0], {}, {}),
        ("layer_norm", X, {"axes": (3,)}, {}),
        ("layer_norm", X, {"axes": (-4,)}, {}),
        ("layer_norm", X, {"axes": (1,)}, {"gamma": V2}),
        ("layer_norm", X, {"axes": (2,)}, {"beta": V3}),
        ("layer_norm", X, {"axes": (0, 2)}, {"gamma": np.ones((4, 2), np.float32)}),
        ("l2_norm", X[0], {}, {}),
        ("local_response_norm", X, {"size": 0}, {}),
        ("local_response_norm", X[0], {"size": 1}, {}),
        ("local_response_norm", X, {}, {}),
    ],
)
def test_wrong_arguments(kind: str, x: Array, values: dict[str, Any], constants: dict[str, Array]) -> None:
    declared = TensorType(str(x.dtype), x.shape)
    assert code(kind, {"x": x}, values, [declared], constants) == "MLPROGRAM-VALUE"
