from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, noise, shapes
from mlprogram.operators.one import evaluate

DTYPES = st.sampled_from(("float32", "float16", "int32", "bool"))


@given(shapes(1, 4), st.lists(st.integers(1, 3), min_size=1, max_size=4), st.data(), DTYPES, SEEDS)
@settings(max_examples=30, deadline=None)
def test_concat(shape, sizes, data, dtype, seed) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    values = [noise(seed + i, (*shape[:axis], n, *shape[axis + 1 :]), dtype) for i, n in enumerate(sizes)]
    expected = np.empty((*shape[:axis], sum(sizes), *shape[axis + 1 :]), dtype)
    start = 0
    for value in values:
        expected.swapaxes(0, axis)[start : start + value.shape[axis]] = value.swapaxes(0, axis)
        start += value.shape[axis]
    named = axis - len(shape) * data.draw(st.booleans())
    (got,) = evaluate("concat", {"values": values}, {"axis": named, "interleave": False}, [expected])
    np.testing.assert_array_equal(got, expected)


@given(shapes(1, 4), st.integers(1, 4), st.data(), DTYPES, SEEDS)
@settings(max_examples=20, deadline=None)
def test_interleave_takes_one_of_each_in_turn(shape, count, data, dtype, seed) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    values = [noise(seed + i, shape, dtype) for i in range(count)]
    expected = np.empty([n * count if a == axis else n for a, n in enumerate(shape)], dtype)
    for i, value in enumerate(values):
        expected.swapaxes(0, axis)[i::count] = value.swapaxes(0, axis)
    named = axis - len(shape) * data.draw(st.booleans())
    (got,) = evaluate("concat", {"values": values}, {"axis": named, "interleave": True}, [expected])
    np.testing.assert_array_equal(got, expected)


def test_scalars_make_a_vector() -> None:
    values = [np.float32(1), np.float32(2)]
    assert evaluate("concat", {"values": values}, {"axis": 0}, [np.float32([0, 0])])[0].tolist() == [1, 2]


@given(shapes(0, 3), st.integers(1, 4), st.data(), DTYPES, SEEDS)
@settings(max_examples=20, deadline=None)
def test_stack(shape, count, data, dtype, seed) -> None:
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    values = [noise(seed + i, shape, dtype) for i in range(count)]
    place = axis % (len(shape) + 1)
    expected = np.empty((*shape[:place], count, *shape[place:]), dtype)
    for i, value in enumerate(values):
        expected[(slice(None),) * place + (i,)] = value
    np.testing.assert_array_equal(evaluate("stack", {"values": values}, {"axis": axis}, [expected])[0], expected)


@pytest.mark.parametrize("kind", ["concat", "stack"])
def test_mixed_dtypes_are_refused(kind: str) -> None:
    values = [noise(0, (2,), "float16"), noise(1, (2,), "float32")]
    shape = (4,) if kind == "concat" else (2, 2)
    with pytest.raises(InputError, match="mixes dtypes"):
        evaluate(kind, {"values": values}, {"axis": 0}, [TensorType("float16", shape)])


@pytest.mark.parametrize(("other", "interleave"), [((2, 4), False), ((3, 3), True), ((2,), False)])
def test_shapes_that_do_not_fit_are_refused(other: tuple[int, ...], interleave: bool) -> None:
    values = {"values": [noise(0, (2, 3)), noise(1, other)]}
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("concat", values, {"axis": 0, "interleave": interleave}, [TensorType("float32", (4, 3))])
