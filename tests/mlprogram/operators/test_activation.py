"""Activations against their formulas in float64, and against coremltools."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlprogram.operators.arrays import SEEDS, inferred, noise, shapes
from mlprogram.operators.one import Array, evaluate
from mlprogram.operators.refusal import code

EDGES = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 6.0, 6.5, 1e-7, -1e-7, 30.0, -30.0, 200.0, -200.0, 6e4, -6e4])
FACTORS = st.sampled_from([0.0, 0.01, 0.5, 1.0, 2.5, -0.75])
erf = np.vectorize(math.erf)


def sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0, -x))


FORMULAS: dict[str, Callable[[Array, float, float], Array]] = {
    "relu": lambda x, a, b: np.where(x > 0, x, 0),
    "relu6": lambda x, a, b: np.where(x > 6, 6, np.where(x > 0, x, 0)),
    "leaky_relu": lambda x, a, b: np.where(x >= 0, x, a * x),
    "clamped_relu": lambda x, a, b: np.minimum(abs(b), np.where(x >= 0, x, a * x)),
    "thresholded_relu": lambda x, a, b: np.where(x >= a, x, 0),
    "elu": lambda x, a, b: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0))),
    "silu": lambda x, a, b: x * sigmoid(x),
    "sigmoid": lambda x, a, b: sigmoid(x),
    "sigmoid_hard": lambda x, a, b: np.minimum(np.maximum(a * x + b, 0), 1),
    "linear_activation": lambda x, a, b: a * x + b,
    "scaled_tanh": lambda x, a, b: a * np.tanh(b * x),
    "softplus": lambda x, a, b: np.logaddexp(0, x),
    "softsign": lambda x, a, b: x / (1 + abs(x)),
}
WITH_ALPHA = ("leaky_relu", "thresholded_relu", "elu")
WITH_BOTH = ("clamped_relu", "sigmoid_hard", "linear_activation", "scaled_tanh")


def values_of(kind: str, alpha: float, beta: float) -> dict[str, Any]:
    beta = abs(beta) if kind == "clamped_relu" else beta
    return {"alpha": alpha, "beta": beta} if kind in WITH_BOTH else {"alpha": alpha} if kind in WITH_ALPHA else {}


def compare(made: Array, expected: Array) -> None:
    bound = 2e-6 if made.dtype == np.float32 else 1e-3
    with np.errstate(over="ignore"):
        rounded = expected.astype(made.dtype)
    np.testing.assert_allclose(made, rounded, rtol=bound, atol=1e-7)


@pytest.mark.parametrize("kind", sorted(FORMULAS))
@settings(deadline=None, max_examples=25)
@given(shapes(0, 4), FACTORS, FACTORS, st.sampled_from(["float32", "float16"]), SEEDS)
def test_formulas(kind: str, shape: tuple[int, ...], alpha: float, beta: float, dtype: str, seed: int) -> None:
    x = np.asarray(noise(seed, shape, dtype))
    alpha, beta = float(np.float32(alpha)), float(np.float32(beta))
    for given_x in (x, EDGES.astype(dtype)):
        expected = np.asarray(FORMULAS[kind](given_x.astype(float), alpha, beta))
        compare(*evaluate(kind, {"x": given_x}, values_of(kind, alpha, beta), [given_x]), expected)


@pytest.mark.parametrize("kind", sorted(set(FORMULAS) - {"silu"}))
def test_values_are_those_of_coremltools(kind: str) -> None:
    x, values = noise(3, (2, 3, 4)), values_of(kind, 0.5, 0.25)
    (expected,) = inferred(kind, x=x.copy(), **{k: np.float32(v) for k, v in values.items()})
    np.testing.assert_allclose(evaluate(kind, {"x": x}, values, [x])[0], expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("mode", ["EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION", None])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_gelu(mode: str | None, dtype: str) -> None:
    x = np.concatenate([noise(1, (400,)), EDGES]).astype(dtype)
    wide = x.astype(float)
    if mode == "TANH_APPROXIMATION":
        expected = 0.5 * wide * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))
    elif mode == "SIGMOID_APPROXIMATION":
        expected = wide * sigmoid(1.702 * wide)
    else:
        expected = 0.5 * wide * (1 + erf(wide / np.sqrt(2)))
    values = {"mode": mode} if mode else {}
    (made,) = evaluate("gelu", {"x": x}, values, [x])
    bound = 1e-6 if dtype == "float32" else 1e-3
    np.testing.assert_allclose(made, expected, rtol=10 * bound, atol=bound)
    (theirs,) = inferred("gelu", x=x.astype(np.float32), **values)
    np.testing.assert_allclose(made, theirs, rtol=10 * bound, atol=bound)


@pytest.mark.parametrize("kind", ["relu", "relu6", "leaky_relu", "clamped_relu", "thresholded_relu"])
def test_infinities(kind: str) -> None:
    x = np.array([np.inf, -np.inf], np.float32)
    values = values_of(kind, 0.5, 0.25)
    with np.errstate(invalid="ignore"):
        expected = FORMULAS[kind](x.astype(float), 0.5, 0.25)
    np.testing.assert_array_equal(evaluate(kind, {}, values, [x], {"x": x})[0], expected)


@settings(deadline=None, max_examples=40)
@given(shapes(3, 5), st.sampled_from(["float32", "float16"]), SEEDS)
def test_one_factor_a_channel(shape: tuple[int, ...], dtype: str, seed: int) -> None:
    x, alpha, beta = noise(seed, shape, dtype), noise(seed + 1, shape[1:2], dtype), noise(seed + 2, shape[1:2], dtype)
    wide, a, b = x.astype(float), *(v.astype(float).reshape(-1, *[1] * (len(shape) - 2)) for v in (alpha, beta))
    if len(shape) != 4 and len(alpha) > 1:
        assert code("prelu", {"x": x}, {}, [x], {"alpha": alpha}) == "MLPROGRAM-RUN"
        same = np.full_like(alpha, alpha[0])
        compare(*evaluate("prelu", {"x": x}, {}, [x], {"alpha": same}), np.where(wide > 0, wide, float(same[0]) * wide))
    else:
        compare(*evaluate("prelu", {"x": x}, {}, [x], {"alpha": alpha}), np.where(wide > 0, wide, a * wide))
    expected = a * np.logaddexp(0, wide * b)
    compare(*evaluate("softplus_parametric", {"x": x}, {}, [x], {"alpha": alpha, "beta": beta}), expected)


@settings(deadline=None, max_examples=40)
@given(shapes(1, 4), st.integers(-4, 3), st.sampled_from(["float32", "float16"]), SEEDS)
def test_softmax(shape: tuple[int, ...], axis: int, dtype: str, seed: int) -> None:
    x = 50 * noise(seed, shape, dtype)
    if not -len(shape) <= axis < len(shape):
        assert code("softmax", {"x": x}, {"axis": axis}, [x]) == "MLPROGRAM-VALUE"
        return
    wide = np.exp(x.astype(float) - x.max(axis, keepdims=True))
    expected = wide / wide.sum(axis, keepdims=True)
    compare(*evaluate("softmax", {"x": x}, {"axis": axis} if axis != -1 else {}, [x]), expected)


X = np.ones((2, 3, 4), np.float32)


@pytest.mark.parametrize(
    ("kind", "x", "values", "constants"),
    [
        ("gelu", X, {"mode": "exact"}, {}),
        ("clamped_relu", X, {"alpha": 1.0, "beta": -1.0}, {}),
        ("clamped_relu", X, {"alpha": 1.0}, {}),
        ("leaky_relu", X, {}, {}),
        ("leaky_relu", X, {"alpha": (1.0, 2.0)}, {}),
        ("prelu", X, {}, {"alpha": np.ones(4, np.float32)}),
        ("prelu", X, {}, {"alpha": np.ones(1, np.float32)}),
        ("prelu", X[0], {}, {"alpha": np.ones(4, np.float32)}),
        ("prelu", X[0, 0], {}, {"alpha": np.ones(4, np.float32)}),
        ("softplus_parametric", X, {}, {"alpha": np.ones(3, np.float32), "beta": np.ones(4, np.float32)}),
        ("softplus_parametric", X[0], {}, {"alpha": np.ones(4, np.float32), "beta": np.ones(4, np.float32)}),
        *((kind, X.astype(np.int32), {}, {}) for kind in ("relu", "relu6", "silu", "softplus", "softsign", "softmax")),
        ("sigmoid", X.astype(np.int8), {}, {}),
    ],
)
def test_wrong_arguments(kind: str, x: Array, values: dict[str, Any], constants: dict[str, Array]) -> None:
    assert code(kind, {"x": x}, values, [x], constants) == "MLPROGRAM-VALUE"
