from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, inferred, noise, shapes
from mlprogram.operators.one import evaluate
from mlprogram.operators.refusal import code

FORMULAS = {
    "reduce_mean": lambda x: x.mean(-1),
    "reduce_sum": lambda x: x.sum(-1),
    "reduce_max": lambda x: x.max(-1),
    "reduce_min": lambda x: x.min(-1),
    "reduce_prod": lambda x: x.prod(-1),
    "reduce_l1_norm": lambda x: np.abs(x).sum(-1),
    "reduce_l2_norm": lambda x: np.sqrt((x**2).sum(-1)),
    "reduce_sum_square": lambda x: (x**2).sum(-1),
    "reduce_log_sum": lambda x: np.log(x.sum(-1)),
    "reduce_log_sum_exp": lambda x: np.log(np.exp(x).sum(-1)),
}
OF_INTEGERS = ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_l1_norm", "reduce_sum_square")


def reduced(kind: str, x: np.ndarray, axes: list[int], keep_dims: bool) -> np.ndarray:
    """The reduction in float64 (int64): the axes are moved behind and made one."""
    named = sorted({a % x.ndim for a in axes})
    kept = [a for a in range(x.ndim) if a not in named]
    wide = x.astype(np.float64 if x.dtype.kind == "f" else np.int64)
    flat = wide.transpose(*kept, *named).reshape(*(x.shape[a] for a in kept), -1)
    result = np.asarray(FORMULAS[kind](flat))
    return result.reshape([n if a in kept else 1 for a, n in enumerate(x.shape)]) if keep_dims else result


@given(st.sampled_from(sorted(FORMULAS)), shapes(1, 5), st.data(), st.booleans(), SEEDS)
@settings(max_examples=75, deadline=None)
def test_reductions(kind, shape, data, keep_dims, seed) -> None:
    dtype = data.draw(st.sampled_from(("float32", "int32"))) if kind in OF_INTEGERS else "float32"
    x = noise(seed, shape, dtype)
    if kind == "reduce_log_sum":
        x = np.abs(x) + np.float32(0.1)
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    axes = [a - len(shape) * data.draw(st.booleans()) for a in axes]
    every = data.draw(st.booleans())
    expected = reduced(kind, x, list(range(len(shape))) if every else axes, keep_dims).astype(dtype)
    values = {"keep_dims": keep_dims} | ({} if every else {"axes": axes})
    (got,) = evaluate(kind, {"x": x}, values, [expected])
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(FORMULAS))
def test_what_coremltools_infers(kind: str) -> None:
    x = np.abs(noise(3, (3, 4, 5))) + np.float32(0.1)
    (expected,) = inferred(kind, x=x, axes=[0, -1], keep_dims=True)
    (got,) = evaluate(kind, {"x": x}, {"axes": [0, -1], "keep_dims": True}, [expected])
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", sorted(set(FORMULAS) - set(OF_INTEGERS)))
def test_no_mean_of_integers(kind: str) -> None:
    with pytest.raises(InputError, match="does not take int32"):
        evaluate(kind, {"x": noise(0, (3,), "int32")}, {}, [TensorType("int32", ())])


def test_integers_wrap_around() -> None:
    x = np.array([2**31 - 1, 2], np.int32)
    for kind, expected in (("reduce_sum", -(2**31) + 1), ("reduce_prod", -2), ("reduce_sum_square", 5)):
        assert evaluate(kind, {"x": x}, {}, [np.int32(expected)])[0] == expected


def test_an_empty_list_of_axes_is_refused() -> None:
    axes = np.zeros(0, np.int32)
    with pytest.raises(InputError, match="empty"):
        evaluate("reduce_sum", {"x": noise(0, (3,))}, {"axes": axes}, [TensorType("float32", (3,))])


@pytest.mark.parametrize("axes", [[2], [-3], [0, 0]])
def test_axes_that_are_not_there_are_refused(axes: list[int]) -> None:
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("reduce_sum", {"x": noise(0, (3, 2))}, {"axes": axes}, [TensorType("float32", (2,))])


def test_sums_of_float16_are_float32_until_the_end() -> None:
    x = np.full((1, 4096), 1.0, np.float16)
    # float16 itself cannot count beyond 2048
    assert evaluate("reduce_sum", {"x": x}, {"axes": [1]}, [np.float16([4096])])[0] == 4096
    assert evaluate("reduce_sum", {"x": x * 20}, {"axes": [1]}, [np.float16([np.inf])])[0] == np.inf


def test_log_sum_exp_does_not_overflow() -> None:
    (got,) = evaluate("reduce_log_sum_exp", {"x": np.float32([1000, 1000])}, {}, [np.float32(0)])
    np.testing.assert_allclose(got, 1000 + np.log(2), rtol=1e-6)


@given(st.sampled_from(("argmax", "argmin")), shapes(1, 4), st.data(), st.sampled_from(("int32", "uint16")), SEEDS)
@settings(max_examples=30, deadline=None)
def test_argmax_and_argmin(kind, shape, data, dtype, seed) -> None:
    # few distinct values, so that ties are common: whose index they have is open
    x = np.round(noise(seed, shape))
    axis, keep = data.draw(st.integers(-len(shape), len(shape) - 1)), data.draw(st.booleans())
    best = x.max(axis, keepdims=True) if kind == "argmax" else x.min(axis, keepdims=True)
    size = x.shape[axis]
    places = np.arange(size).reshape([size if a == axis % len(shape) else 1 for a in range(len(shape))])
    expected = np.where(x == best, places, size).min(axis, keepdims=keep).astype(dtype)
    values = {"axis": axis, "keep_dims": keep, "output_dtype": dtype}
    if ((x == best).sum(axis) > 1).any():
        assert code(f"reduce_{kind}", {"x": x}, values, [expected]) == "MLPROGRAM-RUN"
        x = x + 0.01 * np.random.default_rng(seed).permutation(x.size).reshape(shape).astype(np.float32) / x.size
        expected = np.expand_dims(getattr(x, kind)(axis), axis) if keep else getattr(x, kind)(axis)
        expected = np.asarray(expected).astype(dtype)
    (got,) = evaluate(f"reduce_{kind}", {"x": x}, values, [expected])
    np.testing.assert_array_equal(got, expected)
