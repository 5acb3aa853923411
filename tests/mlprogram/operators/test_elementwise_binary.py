"""Functions of two elements against Python's own arithmetic, and against coremltools."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, inferred, noise
from mlprogram.operators.one import Array, evaluate
from mlprogram.operators.refusal import code


def floored(x: float, y: float) -> float:
    return float(x // y) if y else math.nan if x == 0 or x != x else math.copysign(math.inf, x) * math.copysign(1, y)


def remainder(x: float, y: float) -> float:
    return x % y if y else math.nan


def quotient(x: float, y: float) -> float:
    return x / y if y else floored(x, y)


def one_sign(kind: str, x: Array, y: Array) -> Array:
    """y with x's sign where ``mod`` is asked for: of two signs, coremltools and Core ML do not say the same."""
    if kind != "mod":
        return y
    size = abs(y.astype(float)).clip(max=2**31 - 1)
    return np.where(x < 0, -size, size).astype(y.dtype)


def power(x: float, y: float) -> float:
    if x == 0 and y < 0:
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf
    made = x**y
    return math.nan if isinstance(made, complex) else made


Scalar = Callable[[Any, Any], Any]
ARITHMETIC: dict[str, Scalar] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "pow": power, "real_div": quotient,
    "floor_div": floored, "mod": remainder, "maximum": max, "minimum": min,
}  # fmt: skip
COMPARISONS: dict[str, Scalar] = {
    "equal": operator.eq, "not_equal": operator.ne, "greater": operator.gt, "greater_equal": operator.ge,
    "less": operator.lt, "less_equal": operator.le,
}  # fmt: skip
LOGIC: dict[str, Scalar] = {
    "logical_and": lambda x, y: x and y, "logical_or": lambda x, y: x or y, "logical_xor": operator.ne,
}  # fmt: skip
FLOATS = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 7.0, -7.0, 2.5, 1e-3, 100.0])
INTEGERS = np.array([0, 1, -1, 2, -2, 3, -3, 7, -7, 12345, -54321, 2**31 - 1, -(2**31)], np.int32)


def each(function: Scalar, x: Array, y: Array) -> Array:
    """``function`` of every pair, after broadcasting, in Python's numbers."""
    x, y = np.broadcast_arrays(x, y)
    flat = [function(a, b) for a, b in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)]
    return np.array(flat).reshape(x.shape)


@st.composite
def broadcast(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that fit: axes of one are 1, or are not there."""
    whole = tuple(draw(st.lists(st.integers(1, 4), max_size=4)))
    parts = []
    for _ in range(2):
        kept = tuple(n if draw(st.booleans()) else 1 for n in whole)
        parts.append(kept[draw(st.integers(0, len(whole))) :])
    return parts[0], parts[1]


@pytest.mark.parametrize("kind", sorted(ARITHMETIC))
@settings(deadline=None, max_examples=40)
@given(broadcast(), st.sampled_from(["float32", "float16"]), SEEDS)
def test_floats(kind: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: str, seed: int) -> None:
    x, y = (np.asarray(noise(seed + i, shape, dtype)) for i, shape in enumerate(shapes))
    pairs = [(x, y), (FLOATS.astype(dtype)[:, None], FLOATS.astype(dtype))]
    for a, b in pairs:
        b = one_sign(kind, a, b)
        with np.errstate(over="ignore"):
            expected = each(ARITHMETIC[kind], a, b).astype(dtype)
        (made,) = evaluate(kind, {"x": a, "y": b}, {}, [expected])
        bound = 1e-5 if dtype == "float32" else 1e-3
        np.testing.assert_allclose(made, expected, rtol=bound, atol=1e-6 if dtype == "float32" else 2e-3)


@pytest.mark.parametrize("kind", sorted({*ARITHMETIC} - {"pow", "real_div"}))
@settings(deadline=None, max_examples=40)
@given(broadcast(), SEEDS)
def test_integers(kind: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], seed: int) -> None:
    """What does not fit wraps."""
    x, y = (np.asarray(noise(seed + i, shape, "int32")) for i, shape in enumerate(shapes))
    rules = {"floor_div": operator.floordiv, "mod": operator.mod}
    for a, b in ((x, y), (INTEGERS[:, None], INTEGERS)):
        b = one_sign(kind, a, np.where(b == 0, 1, b) if kind in rules else b)
        expected = each(rules.get(kind, ARITHMETIC[kind]), a, b).astype(np.int64).astype(np.int32)
        (made,) = evaluate(kind, {"x": a, "y": b}, {}, [expected])
        np.testing.assert_array_equal(made, expected)


def test_powers_of_integers() -> None:
    x, y = np.array([[2], [-3], [0], [7]], np.int32), np.array([0, 1, 2, 5, 30], np.int32)
    expected = np.array([[a**b % 2**32 for b in y.tolist()] for [a] in x.tolist()], np.uint64).astype(np.int32)
    np.testing.assert_array_equal(evaluate("pow", {"x": x, "y": y}, {}, [expected])[0], expected)


@pytest.mark.parametrize("kind", sorted(COMPARISONS))
@settings(deadline=None, max_examples=25)
@given(broadcast(), st.sampled_from(["float32", "float16", "int32"]), SEEDS)
def test_comparisons(kind: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: str, seed: int) -> None:
    x, y = (np.asarray(noise(seed + i, shape, dtype)) for i, shape in enumerate(shapes))
    edges = INTEGERS if dtype == "int32" else FLOATS.astype(dtype)
    close = np.array([2**24, 2**24 + 1, 2**31 - 2, 2**31 - 1], np.int32) if dtype == "int32" else edges
    for a, b in ((x, y), (edges[:, None], edges), (close[:, None], close)):
        expected = each(COMPARISONS[kind], a, b)
        np.testing.assert_array_equal(evaluate(kind, {"x": a, "y": b}, {}, [expected])[0], expected)


@pytest.mark.parametrize("kind", sorted(LOGIC))
def test_logic(kind: str) -> None:
    x, y = np.array([[True], [False]]), np.array([True, False])
    expected = each(LOGIC[kind], x, y)
    np.testing.assert_array_equal(evaluate(kind, {"x": x, "y": y}, {}, [expected])[0], expected)


@pytest.mark.parametrize("kind", sorted({*ARITHMETIC, *COMPARISONS}))
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_values_are_those_of_coremltools(kind: str, dtype: str) -> None:
    if (kind, dtype) == ("real_div", "int32"):
        return
    edges = FLOATS.astype(dtype) if dtype == "float32" else INTEGERS[:9]
    x, y = edges[:, None], edges[2:]
    if kind in ("pow", "mod"):
        x, y = abs(x), abs(y)
    with np.errstate(all="ignore"):
        (expected,) = inferred(kind, x=x, y=y)
    declared = TensorType("bool" if kind in COMPARISONS else dtype, expected.shape)
    (made,) = evaluate(kind, {"x": x, "y": y}, {}, [declared])
    np.testing.assert_allclose(made, expected.astype(made.dtype), rtol=2e-6)


@pytest.mark.parametrize("kind", ["floor_div", "mod"])
def test_no_division_of_integers_by_zero(kind: str) -> None:
    x = np.array([5, -5, 0], np.int32)
    assert code(kind, {"x": x, "y": np.array([1, -1, 0], np.int32)}, {}, [x]) == "MLPROGRAM-RUN"


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_the_sign_of_a_remainder(dtype: str) -> None:
    """stablehlo-coreml#70: Core ML gives -7 mod 2 the sign of -7, coremltools that of 2."""
    for x, y in ((-7, 2), (7, -2)):
        pair = {"x": np.array([x], dtype), "y": np.array([y], dtype)}
        assert code("mod", pair, {}, [pair["x"]]) == "MLPROGRAM-RUN"
    for x, y, left in ((7, 2, 1), (-7, -2, -1), (-8, 2, 0), (0, -2, 0)):
        pair = {"x": np.array([x], dtype), "y": np.array([y], dtype)}
        assert evaluate("mod", pair, {}, [pair["x"]])[0].tolist() == [left]
    down = {"x": np.array([-7, 7, -7, 7], dtype), "y": np.array([2, -2, -2, 2], dtype)}
    assert evaluate("floor_div", down, {}, [down["x"]])[0].tolist() == [-4, -4, 3, 3]


@pytest.mark.parametrize("kind", ["maximum", "minimum"])
def test_infinities(kind: str) -> None:
    x, y = np.array([np.inf, -np.inf, np.nan], np.float32), np.zeros(3, np.float32)
    expected = {"maximum": [np.inf, 0, np.nan], "minimum": [0, -np.inf, np.nan]}[kind]
    np.testing.assert_array_equal(evaluate(kind, {}, {}, [x], {"x": x, "y": y})[0], expected)


def test_float16_is_rounded_once() -> None:
    x, y = np.array([2048.0, 60000.0], np.float16), np.array([1.0, 60000.0], np.float16)
    with np.errstate(over="ignore"):
        expected = (x.astype(np.float32) + y.astype(np.float32)).astype(np.float16)
    np.testing.assert_array_equal(evaluate("add", {"x": x, "y": y}, {}, [expected])[0], expected)
    assert expected.tolist() == [2048.0, math.inf]


X = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("kind", "x", "y"),
    [
        ("add", X, X[:, :2]),
        ("add", X, X.astype(np.int32)),
        ("add", X.astype(np.int32), X),
        ("add", X.astype(bool), X.astype(bool)),
        ("sub", X.astype(np.int8), X.astype(np.int8)),
        ("mul", X.astype(np.uint16), X.astype(np.uint16)),
        ("maximum", X.astype(bool), X.astype(bool)),
        ("real_div", X.astype(np.int32), X.astype(np.int32)),
        ("equal", X.astype(bool), X.astype(bool)),
        ("less", X, X.astype(np.int32)),
        ("logical_and", X, X),
        ("logical_or", X.astype(bool), X),
    ],
)
def test_wrong_arguments(kind: str, x: Array, y: Array) -> None:
    result = TensorType("bool" if kind in COMPARISONS or kind in LOGIC else str(x.dtype), x.shape)
    assert code(kind, {"x": x, "y": y}, {}, [result]) == "MLPROGRAM-VALUE"


def test_a_missing_operand() -> None:
    assert code("add", {"x": X}, {}, [X]) == "MLPROGRAM-VALUE"
