from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.bind import CORE_ML_RANK
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, inferred, noise, shapes
from mlprogram.operators.one import evaluate

INDICES = st.sampled_from(("int32", "int16", "uint16", "int8", "uint8"))


def drawn(seed: int, shape: tuple[int, ...], size: int, dtype: str, negative: bool) -> np.ndarray:
    low = -size if negative and not dtype.startswith("u") else 0
    return np.random.default_rng(seed).integers(low, size, shape).astype(dtype)


@given(shapes(1, 4), shapes(0, 3), st.data(), INDICES, st.booleans(), SEEDS)
@settings(max_examples=60, deadline=None)
def test_gather(shape, wanted, data, dtype, modern, seed) -> None:
    wanted = wanted[: CORE_ML_RANK - len(shape)]
    axis = data.draw(st.integers(0, len(shape) - 1))
    batch = data.draw(st.integers(0, axis))
    x = noise(seed, shape)
    indices = drawn(seed, (*shape[:batch], *wanted), shape[axis], dtype, not modern)
    expected = np.empty((*shape[:axis], *wanted, *shape[axis + 1 :]), np.float32)
    for before in np.ndindex(*shape[:axis]):
        for place in np.ndindex(*wanted):
            expected[before + place] = x[(*before, indices[before[:batch] + place])]
    values = {"axis": axis - len(shape) * (seed % 2), "batch_dims": batch}
    if modern:
        values["validate_indices"] = data.draw(st.booleans())
    (got,) = evaluate("gather", {"x": x, "indices": indices}, values, [expected])
    np.testing.assert_array_equal(got, expected)


def test_gather_as_coremltools_infers() -> None:
    x, indices = noise(0, (2, 3, 4, 5)), np.int32([[[0, -1], [1, 2]], [[3, -4], [0, 0]]])
    (expected,) = inferred("gather", "iOS16", x=x, indices=indices, axis=2, batch_dims=1)
    values = {"axis": 2, "batch_dims": 1}
    np.testing.assert_array_equal(evaluate("gather", {"x": x, "indices": indices}, values, [expected])[0], expected)


@given(shapes(1, 4), st.integers(1, 5), st.data(), INDICES, st.booleans(), SEEDS)
@settings(max_examples=30, deadline=None)
def test_gather_along_axis(shape, count, data, dtype, modern, seed) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = noise(seed, shape)
    indices = drawn(seed, (*shape[:axis], count, *shape[axis + 1 :]), shape[axis], dtype, not modern)
    expected = np.empty(indices.shape, np.float32)
    for place in np.ndindex(indices.shape):
        expected[place] = x[(*place[:axis], indices[place], *place[axis + 1 :])]
    values = {"axis": axis - len(shape) * (seed % 2)} | ({"validate_indices": False} if modern else {})
    (got,) = evaluate("gather_along_axis", {"x": x, "indices": indices}, values, [expected])
    np.testing.assert_array_equal(got, expected)


@given(shapes(1, 4), shapes(0, 2), st.data(), INDICES, st.booleans(), SEEDS)
@settings(max_examples=40, deadline=None)
def test_gather_nd(shape, wanted, data, dtype, modern, seed) -> None:
    wanted = wanted[: CORE_ML_RANK - len(shape)]
    batch = data.draw(st.integers(0, len(shape) - 1))
    depth = data.draw(st.integers(1, len(shape) - batch))
    x = noise(seed, shape)
    columns = [drawn(seed + i, (*shape[:batch], *wanted), shape[batch + i], dtype, not modern) for i in range(depth)]
    indices = np.stack(columns, -1)
    expected = np.empty((*shape[:batch], *wanted, *shape[batch + depth :]), np.float32)
    for place in np.ndindex(*shape[:batch], *wanted):
        expected[place] = x[(*place[:batch], *indices[place])]
    values = {"batch_dims": batch} | ({"validate_indices": True} if modern else {})
    (got,) = evaluate("gather_nd", {"x": x, "indices": indices}, values, [expected])
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("index", [3, -4, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("kind", ["gather", "gather_along_axis", "gather_nd"])
@pytest.mark.parametrize("values", [{}, {"validate_indices": False}, {"validate_indices": True}])
def test_indices_outside_are_refused(kind: str, index: int, values: dict) -> None:
    given_ = {"x": noise(0, (3,)), "indices": np.int32([[index]] if kind == "gather_nd" else [index])}
    with pytest.raises(InputError, match=f"MLPROGRAM-INDEX.* element {index} of 3"):
        evaluate(kind, given_, values, [TensorType("float32", (1,))])


@pytest.mark.parametrize("kind", ["gather", "gather_along_axis", "gather_nd"])
def test_negative_indices_count_from_the_end_before_ios17_only(kind: str) -> None:
    x = noise(0, (3,))
    given_ = {"x": x, "indices": np.int32([[-1]] if kind == "gather_nd" else [-1])}
    assert evaluate(kind, given_, {}, [x[-1:]])[0] == x[-1:]
    with pytest.raises(InputError, match="MLPROGRAM-INDEX"):
        evaluate(kind, given_, {"validate_indices": False}, [x[-1:]])


@pytest.mark.parametrize(
    ("kind", "indices", "values"),
    [
        ("gather", (2,), {"axis": 2}),
        ("gather", (2,), {"axis": -3}),
        ("gather", (2,), {"axis": 0, "batch_dims": 1}),
        ("gather", (3, 2), {"axis": 1, "batch_dims": 1}),
        ("gather", (2, 2), {"axis": 1, "batch_dims": -1}),
        ("gather_along_axis", (2,), {}),
        ("gather_along_axis", (2, 2), {"axis": 0}),
        ("gather_nd", (2, 3), {}),
        ("gather_nd", (3, 1), {"batch_dims": 1}),
    ],
)
def test_indices_that_do_not_fit_are_refused(kind: str, indices: tuple[int, ...], values: dict) -> None:
    given_ = {"x": noise(0, (2, 3)), "indices": np.zeros(indices, np.int32)}
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate(kind, given_, values, [TensorType("float32", (2, 2))])
