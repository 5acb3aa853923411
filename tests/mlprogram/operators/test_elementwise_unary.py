"""Functions of one element against numpy in float64, and ``cast`` against numpy's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, inferred, noise, shapes
from mlprogram.operators.one import Array, evaluate
from mlprogram.operators.refusal import code

EDGES = np.array([0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1.0, -1.0, 0.99, 1e-3, -1e-3, 10.0, -10.0, 80.0, -80.0, 6e4])
erf = np.vectorize(math.erf)


def half_to_even(x: Array) -> Array:
    down = np.floor(x)
    up = (x - down > 0.5) | ((x - down == 0.5) & (down % 2 == 1))
    return down + up


FORMULAS: dict[str, Callable[[Array], Array]] = {
    "abs": lambda x: np.sqrt(x * x),
    "acos": lambda x: np.pi / 2 - np.arctan2(x, np.sqrt(1 - x * x)),
    "asin": lambda x: np.arctan2(x, np.sqrt(1 - x * x)),
    "atan": lambda x: np.arctan2(x, 1),
    "atanh": lambda x: (np.log1p(x) - np.log1p(-x)) / 2,
    "ceil": lambda x: -np.floor(-x),
    "cos": lambda x: np.exp(1j * x).real,
    "cosh": lambda x: (np.exp(x) + np.exp(-x)) / 2,
    "erf": erf,
    "exp": lambda x: np.e**x,
    "exp2": lambda x: 2.0**x,
    "floor": lambda x: -np.ceil(-x),
    "round": half_to_even,
    "sign": lambda x: (x > 0).astype(float) - (x < 0),
    "sin": lambda x: np.exp(1j * x).imag,
    "sinh": np.sinh,
    "sqrt": lambda x: np.where(x >= 0, abs(x) ** 0.5, np.nan),
    "square": lambda x: x * x,
    "tan": lambda x: np.sin(x) / np.cos(x),
    "tanh": lambda x: 1 - 2 / (np.exp(2 * x) + 1),
}


@pytest.mark.parametrize("kind", sorted(FORMULAS))
@settings(deadline=None, max_examples=25)
@given(shapes(0, 4), st.sampled_from(["float32", "float16"]), SEEDS)
def test_formulas(kind: str, shape: tuple[int, ...], dtype: str, seed: int) -> None:
    for x in (np.asarray(noise(seed, shape, dtype)), EDGES.astype(dtype)):
        with np.errstate(all="ignore"):
            expected = np.asarray(FORMULAS[kind](x.astype(float))).astype(dtype)
        (made,) = evaluate(kind, {"x": x}, {}, [x])
        bound = 5e-6 if dtype == "float32" else 1e-3
        np.testing.assert_allclose(made, expected, rtol=bound, atol=1e-6 if dtype == "float32" else 1e-7)


@pytest.mark.parametrize("kind", sorted(FORMULAS))
def test_values_are_those_of_coremltools(kind: str) -> None:
    x = np.concatenate([noise(3, (20,)), EDGES[:7]]).astype(np.float32)
    with np.errstate(all="ignore"):
        (expected,) = inferred(kind, x=x)
    np.testing.assert_allclose(evaluate(kind, {"x": x}, {}, [x])[0], expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["abs", "sign", "square", "threshold"])
def test_integers(kind: str) -> None:
    x = np.array([0, 7, -7, 2**31 - 1, -(2**31), 2**24 + 1, 65536], np.int32)
    # what has no place in 32 bits wraps
    wide = x.astype(np.int64)
    exact = {"abs": abs(wide), "sign": (wide > 0) * 1 - (wide < 0), "square": wide * wide, "threshold": None}[kind]
    values = {"alpha": np.int32(2**24 + 1)} if kind == "threshold" else {}
    expected = np.where(wide < 2**24 + 1, 2**24 + 1, wide) if exact is None else exact
    (made,) = evaluate(kind, {"x": x}, values, [x])
    np.testing.assert_array_equal(made, expected.astype(np.int32))
    np.testing.assert_array_equal(made, inferred(kind, x=x, **values)[0])


@pytest.mark.parametrize("kind", ["inverse", "log", "rsqrt"])
@settings(deadline=None, max_examples=30)
@given(st.sampled_from([1e-12, 1e-4, 0.5]), st.sampled_from(["float32", "float16"]), SEEDS)
def test_epsilon(kind: str, epsilon: float, dtype: str, seed: int) -> None:
    x = abs(noise(seed, (9,), dtype)) + np.asarray(0.01, dtype)
    moved = x.astype(float) + np.float32(epsilon)
    expected = {"inverse": 1 / moved, "log": np.log(moved), "rsqrt": moved**-0.5}[kind]
    (made,) = evaluate(kind, {"x": x}, {"epsilon": epsilon}, [x])
    bound = 2e-6 if dtype == "float32" else 1e-3
    np.testing.assert_allclose(made, expected, rtol=bound, atol=1e-6)


def test_epsilon_at_zero() -> None:
    zero = np.zeros(1, np.float32)
    assert evaluate("log", {"x": zero}, {"epsilon": 1e-45}, [zero])[0][0] == pytest.approx(math.log(2**-149))
    assert evaluate("log", {"x": zero}, {"epsilon": 0.0}, [zero])[0][0] == -np.inf
    assert evaluate("inverse", {"x": zero}, {"epsilon": np.float32(1e-4)}, [zero])[0][0] == pytest.approx(1e4)
    assert evaluate("rsqrt", {"x": zero}, {"epsilon": 1e-12}, [zero])[0][0] == pytest.approx(1e6)


@settings(deadline=None, max_examples=40)
@given(shapes(0, 3), st.sampled_from(["float32", "float16"]), st.integers(-3, 3), st.integers(-3, 3), SEEDS)
def test_clip_and_threshold(shape: tuple[int, ...], dtype: str, alpha: int, beta: int, seed: int) -> None:
    x, low, high = np.asarray(noise(seed, shape, dtype)), np.asarray(alpha, dtype), np.asarray(beta, dtype)
    # bounds that are the wrong way round give the upper one, as iOS 15 has it
    expected = np.where(np.where(x < low, low, x) > high, high, np.where(x < low, low, x))
    made = evaluate("clip", {"x": x}, {"alpha": low[()], "beta": high[()]}, [x])[0]
    np.testing.assert_array_equal(made, expected)
    (made,) = evaluate("threshold", {"x": x}, {"alpha": low[()]}, [x])
    np.testing.assert_array_equal(made, np.where(x < low, low, x))


def test_clip_without_a_bound() -> None:
    x = np.array([-1e30, 1.0, 1e30], np.float32)
    (made,) = evaluate("clip", {"x": x}, {"alpha": np.float32(0), "beta": np.float32(np.inf)}, [x])
    np.testing.assert_array_equal(made, [0, 1, x[2]])


def test_infinities() -> None:
    x = np.array([np.inf, -np.inf, np.nan], np.float32)
    for kind, expected in {
        "ceil": x,
        "exp": [np.inf, 0, np.nan],
        "tanh": [1, -1, np.nan],
        "erf": [1, -1, np.nan],
    }.items():
        np.testing.assert_array_equal(evaluate(kind, {}, {}, [x], {"x": x})[0], expected)


def test_logical_not() -> None:
    x = np.array([True, False])
    np.testing.assert_array_equal(evaluate("logical_not", {"x": x}, {}, [x])[0], [False, True])


SPELLED = {
    "bool": "bool", "fp16": "float16", "fp32": "float32", "int8": "int8", "uint8": "uint8", "int16": "int16",
    "uint16": "uint16", "int32": "int32",
}  # fmt: skip
INTEGERS = ["int8", "uint8", "int16", "uint16", "int32"]


@pytest.mark.parametrize("target", sorted(SPELLED))
@settings(deadline=None, max_examples=60)
@given(st.sampled_from([*INTEGERS, "bool", "float32", "float16"]), SEEDS)
def test_cast(target: str, source: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    if source.startswith("float"):
        x = (random.normal(0, 1, 8) * 10.0 ** random.integers(0, 5, 8)).clip(-6e4, 6e4).astype(source)
    elif source == "bool":
        x = random.random(8) < 0.5
    else:
        limits = np.iinfo(source)
        x = random.integers(limits.min, limits.max, 8, endpoint=True).astype(source)
    with np.errstate(over="ignore"):
        if target in INTEGERS:
            # towards zero; of what has no place there MIL says nothing
            limits = np.iinfo(target)
            if not all(limits.min <= math.trunc(v) <= limits.max for v in x.tolist()):
                assert code("cast", {"x": x}, {"dtype": target}, [TensorType(target, x.shape)]) == "MLPROGRAM-RUN"
                x = x.clip(max(limits.min, -6e4), min(limits.max, 6e4)).astype(source)
                x = np.where(x.astype(float) < limits.min, 0, x).astype(source)
            expected = np.array([math.trunc(v) for v in x.tolist()]).astype(target)
        elif target == "bool":
            expected = np.array([v != 0 for v in x.tolist()])
        else:
            expected = np.array([float(v) for v in x.tolist()]).astype(SPELLED[target])
    (made,) = evaluate("cast", {"x": x}, {"dtype": target}, [expected])
    np.testing.assert_array_equal(made, expected)


def test_cast_to_integers_is_as_in_coremltools() -> None:
    signed = np.array([-2.9, -0.5, 0.5, 2.9, 127.9, -128.4], np.float32)
    for target in ("int8", "uint8", "int16", "uint16", "int32"):
        x = signed[1:5] if target.startswith("u") else signed
        (expected,) = inferred("cast", x=x, dtype=target)
        (made,) = evaluate("cast", {"x": x}, {"dtype": target}, [TensorType(target, x.shape)])
        np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 2.0**31, -(2.0**32), 128.0, -129.0])
def test_what_has_no_place_in_an_integer(value: float) -> None:
    x = np.array([1.0, value], np.float32)
    target = "int8" if abs(value) < 200 else "int32"
    declared = [TensorType(target, (2,))]
    assert code("cast", {}, {"dtype": target}, declared, {"x": x}) == "MLPROGRAM-RUN"


X = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("kind", "x", "values"),
    [
        ("cast", X, {"dtype": "int64"}),
        ("cast", X, {"dtype": "float32"}),
        ("cast", X, {}),
        ("clip", X, {"alpha": 0.0}),
        ("clip", X, {"alpha": (0.0, 1.0), "beta": 1.0}),
        ("clip", X.astype(np.int32), {"alpha": 0.0, "beta": 1.0}),
        ("threshold", X, {"alpha": (0.0, 1.0, 2.0)}),
        ("exp2", X.astype(np.int32), {}),
        ("exp", X.astype(np.int8), {}),
        ("abs", X.astype(np.int8), {}),
        ("abs", X.astype(bool), {}),
        ("logical_not", X, {}),
        ("log", X, {}),
        ("inverse", X, {"epsilon": "small"}),
    ],
)
def test_wrong_arguments(kind: str, x: Array, values: dict[str, Any]) -> None:
    assert code(kind, {"x": x}, values, [x]) == "MLPROGRAM-VALUE"


def test_a_declared_dtype_that_is_not_the_one_cast_to() -> None:
    assert code("cast", {"x": X}, {"dtype": "fp16"}, [X]) == "MLPROGRAM-SHAPE"
    assert code("cast", {"x": X}, {"dtype": "int32"}, [X.astype(np.int16)]) == "MLPROGRAM-SHAPE"
