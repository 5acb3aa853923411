from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.library import operators
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, inferred, noise, shapes
from mlprogram.operators.one import evaluate
from mlprogram.operators.refusal import code

DTYPES = st.sampled_from(("float32", "float16", "int32"))


@given(shapes(0, 3), st.lists(st.booleans(), min_size=9, max_size=9), DTYPES | st.just("bool"), SEEDS)
@settings(max_examples=30, deadline=None)
def test_select_broadcasts(shape, ones, dtype, seed) -> None:
    made = [tuple(1 if ones[3 * k + i] else n for i, n in enumerate(shape)) for k in range(3)]
    cond, a, b = noise(seed, made[0], "bool"), noise(seed, made[1], dtype), noise(seed + 1, made[2], dtype)
    expected = np.empty(np.broadcast_shapes(*made), dtype)
    for place in np.ndindex(expected.shape):
        source = a if np.broadcast_to(cond, expected.shape)[place] else b
        expected[place] = np.broadcast_to(source, expected.shape)[place]
    (got,) = evaluate("select", {"cond": cond, "a": a, "b": b}, {}, [expected])
    np.testing.assert_array_equal(got, expected)


@given(shapes(1, 3, 6), st.data(), st.booleans(), DTYPES, SEEDS)
@settings(max_examples=40, deadline=None)
def test_topk_and_argsort(shape, data, ascending, dtype, seed) -> None:
    # all different
    x = np.random.default_rng(seed).permutation(int(np.prod(shape))).reshape(shape).astype(dtype)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    order = np.argsort(x if ascending else -x, axis, kind="stable").astype(np.int32)
    (got,) = evaluate("argsort", {"x": x}, {"axis": axis, "ascending": ascending}, [order])
    np.testing.assert_array_equal(got, order)
    k = data.draw(st.integers(1, shape[axis]) | st.just(-1))
    indices = order.take(range(shape[axis] if k == -1 else k), axis)
    values = {"k": k, "axis": axis, "ascending": ascending}
    results = [np.take_along_axis(x, indices, axis), indices.astype(np.uint16)]
    for one, other in zip(evaluate("topk", {"x": x}, values, results), results, strict=True):
        np.testing.assert_array_equal(one, other)
    (alone,) = evaluate("topk", {"x": x}, {**values, "return_indices": False}, results[:1])
    np.testing.assert_array_equal(alone, results[0])


def test_the_order_of_equal_values_is_open() -> None:
    """Their indices are refused as soon as it matters; the values themselves are none the worse."""
    x = np.array([3, 1, 2, 2, 0], np.float32)
    assert code("argsort", {"x": x}, {}, [np.zeros(5, np.int32)]) == "MLPROGRAM-RUN"
    for k in (2, 3, -1):
        results = [np.sort(x)[::-1][: k if k > 0 else 5].copy(), np.zeros(k if k > 0 else 5, np.int32)]
        assert code("topk", {"x": x}, {"k": k}, results) == "MLPROGRAM-RUN"
        (values,) = evaluate("topk", {"x": x}, {"k": k, "return_indices": False}, results[:1])
        np.testing.assert_array_equal(values, results[0])
    first = [x[:1], np.zeros(1, np.int32)]
    assert evaluate("topk", {"x": x}, {"k": 1}, first)[1].tolist() == [0]
    assert code("topk", {"x": x}, {"k": 2, "sort": False, "return_indices": False}, [x[:2]]) == "MLPROGRAM-VALUE"


def test_topk_as_coremltools_infers() -> None:
    x = noise(0, (3, 7))
    expected = inferred("topk", x=x, k=3, axis=1, ascending=True)
    for one, other in zip(
        evaluate("topk", {"x": x}, {"k": 3, "axis": 1, "ascending": True}, expected), expected, strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("results", [("float16", "int32"), ("int32", "int32"), ("float32", "float32")])
def test_each_result_of_topk_has_its_own_dtype(results: tuple[str, str]) -> None:
    declared = [TensorType(dtype, (1,)) for dtype in results]
    with pytest.raises(InputError, match="MLPROGRAM-SHAPE"):
        evaluate("topk", {"x": noise(0, (3,))}, {}, declared)


@given(shapes(0, 3), st.integers(1, 5), st.data(), DTYPES | st.just("bool"), SEEDS)
@settings(max_examples=30, deadline=None)
def test_one_hot(shape, size, data, dtype, seed) -> None:
    indices = np.random.default_rng(seed).integers(0, size, shape).astype(np.int32)
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    on, off = np.array(1, dtype), np.array(0 if dtype == "bool" else -3, dtype)
    expected = np.full((*shape, size), off)
    for place in np.ndindex(*shape):
        expected[(*place, indices[place])] = on
    expected = np.moveaxis(expected, -1, axis)
    values = {"one_hot_vector_size": size, "axis": axis}
    constants = {"on_value": on, "off_value": off}
    (got,) = evaluate("one_hot", {"indices": indices}, values, [expected], constants)
    np.testing.assert_array_equal(got, expected)
    for outside in (-1, size):
        given_ = {"indices": np.full(shape, outside, np.int32)}
        assert code("one_hot", given_, values, [expected], constants) == "MLPROGRAM-INDEX"


@given(shapes(1, 4), st.data(), st.booleans(), st.booleans(), DTYPES, SEEDS)
@settings(max_examples=30, deadline=None)
def test_cumsum(shape, data, exclusive, reverse, dtype, seed) -> None:
    x = noise(seed, shape, dtype)
    axis = data.draw(st.integers(0, len(shape) - 1))
    expected = np.empty(shape, np.float64)
    for i in range(shape[axis]):
        taken = range(i + (not exclusive)) if not reverse else range(i + exclusive, shape[axis])
        expected.swapaxes(0, axis)[i] = (
            x.astype(np.float64).take(list(taken), axis).sum(axis, keepdims=True).swapaxes(0, axis)[0]
        )
    values = {"axis": axis, "exclusive": exclusive, "reverse": reverse}
    (got,) = evaluate("cumsum", {"x": x}, values, [expected.astype(dtype)])
    np.testing.assert_allclose(got, expected, atol=1e-5, rtol=1e-3 if dtype == "float16" else 1e-5)


@given(shapes(2, 4, 5), st.integers(-1, 4), st.integers(-1, 4), DTYPES | st.just("bool"), SEEDS)
@settings(max_examples=30, deadline=None)
def test_band_part(shape, lower, upper, dtype, seed) -> None:
    x = noise(seed, shape, dtype)
    expected = x.copy()
    for m in range(shape[-2]):
        for n in range(shape[-1]):
            if (0 <= lower < m - n) or (0 <= upper < n - m):
                expected[..., m, n] = 0
    (got,) = evaluate("band_part", {"x": x}, {"lower": lower, "upper": upper}, [expected])
    np.testing.assert_array_equal(got, expected)


@given(shapes(0, 3), DTYPES | st.just("bool"), SEEDS)
@settings(max_examples=20, deadline=None)
def test_fill(shape, dtype, seed) -> None:
    value = noise(seed, (), dtype)
    expected = np.full(shape, value)
    to = np.array(shape, np.int32)
    (got,) = evaluate("fill", {}, {"shape": to}, [expected], {"value": value})
    np.testing.assert_array_equal(got, expected)
    (got,) = evaluate("fill_like", {"ref_tensor": noise(seed, shape)}, {}, [expected], {"value": value})
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("kind", ["non_zero", "range_1d", "non_maximum_suppression", "while_loop", "cond"])
def test_what_depends_on_values_or_branches_is_unknown(kind: str) -> None:
    assert kind not in operators()
    with pytest.raises(InputError, match=f"MLPROGRAM-OPERATOR.*{kind}"):
        evaluate(kind, {"x": noise(0, (3,))}, {}, [TensorType("int32", (1, 1))])
