from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from mlprogram.operators.arrays import SEEDS, noise, shapes
from mlprogram.operators.one import evaluate

COMBINE = {
    "update": lambda _, new: new,
    "add": lambda old, new: old + new,
    "sub": lambda old, new: old - new,
    "mul": lambda old, new: old * new,
    "max": max,
    "min": min,
}
MODES = st.sampled_from(sorted(COMBINE))
DTYPES = st.sampled_from(("float32", "int32"))


def one_by_one(data: np.ndarray, places: Any, updates: np.ndarray, mode: str) -> np.ndarray:
    """``updates[k]`` combined at ``places(k)``, one after the other."""
    result = data.astype(np.float64 if data.dtype.kind == "f" else np.int64)
    for k in np.ndindex(updates.shape):
        result[places(k)] = COMBINE[mode](result[places(k)], updates[k])
    return result.astype(data.dtype)


@given(shapes(1, 4), st.integers(1, 4), st.data(), MODES, DTYPES, SEEDS)
@settings(max_examples=50, deadline=None)
def test_scatter(shape, count, data, mode, dtype, seed) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    unique = mode == "update"
    count = min(count, shape[axis]) if unique else count
    indices = np.random.default_rng(seed).choice(shape[axis], count, replace=not unique).astype(np.int32)
    base, updates = noise(seed, shape, dtype), noise(seed + 1, (*shape[:axis], count, *shape[axis + 1 :]), dtype)
    expected = one_by_one(base, lambda k: (*k[:axis], indices[k[axis]], *k[axis + 1 :]), updates, mode)
    given_ = {"data": base, "indices": indices - shape[axis] * (seed % 2), "updates": updates}
    values = {"axis": axis - len(shape) * (seed % 2), "mode": mode}
    (got,) = evaluate("scatter", given_, values, [expected])
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@given(shapes(1, 3), st.integers(1, 4), st.data(), MODES, DTYPES, SEEDS)
@settings(max_examples=50, deadline=None)
def test_scatter_along_axis(shape, count, data, mode, dtype, seed) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    generator = np.random.default_rng(seed)
    wanted = (*shape[:axis], min(count, shape[axis]), *shape[axis + 1 :])
    indices = generator.integers(0, shape[axis], wanted).astype(np.int32)
    if mode == "update":
        every = generator.random(shape).argsort(axis)
        indices = every.take(range(wanted[axis]), axis).astype(np.int32)
    base, updates = noise(seed, shape, dtype), noise(seed + 1, wanted, dtype)
    expected = one_by_one(base, lambda k: (*k[:axis], indices[k], *k[axis + 1 :]), updates, mode)
    given_ = {"data": base, "indices": indices, "updates": updates}
    (got,) = evaluate("scatter_along_axis", given_, {"axis": axis, "mode": mode}, [expected])
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@given(shapes(1, 4), shapes(1, 2, 3), st.data(), MODES, DTYPES, SEEDS)
@settings(max_examples=50, deadline=None)
def test_scatter_nd(shape, wanted, data, mode, dtype, seed) -> None:
    depth = data.draw(st.integers(1, len(shape)))
    generator = np.random.default_rng(seed)
    rows, count = int(np.prod(shape[:depth])), int(np.prod(wanted))
    if mode == "update" and count > rows:
        wanted, count = (rows,), rows
    flat = generator.choice(rows, count, replace=mode != "update").reshape(wanted)
    indices = np.stack(np.unravel_index(flat, shape[:depth]), -1).astype(np.int32)
    base, updates = noise(seed, shape, dtype), noise(seed + 1, (*wanted, *shape[depth:]), dtype)
    expected = one_by_one(base, lambda k: (*indices[k[: len(wanted)]], *k[len(wanted) :]), updates, mode)
    given_ = {"data": base, "indices": indices, "updates": updates}
    (got,) = evaluate("scatter_nd", given_, {"mode": mode, "validate_indices": True}, [expected])
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["scatter", "scatter_along_axis", "scatter_nd"])
def test_no_two_updates_of_one_place_and_none_outside(kind: str) -> None:
    base = noise(0, (3,))
    for indices, said in (([1, 1], "two updates"), ([0, 3], "element 3 of 3"), ([-1, 0], "element -1 of 3")):
        places = np.int32(indices)[:, None] if kind == "scatter_nd" else np.int32(indices)
        given_ = {"data": base, "indices": places, "updates": base[:2]}
        with pytest.raises(InputError, match=f"MLPROGRAM-INDEX.*{said}"):
            evaluate(kind, given_, {"mode": "update", "validate_indices": False}, [base])


@pytest.mark.parametrize("mode", ["div", "replace"])
def test_other_modes_are_refused(mode: str) -> None:
    given_ = {"data": noise(0, (3,)), "indices": np.int32([0]), "updates": noise(1, (1,))}
    with pytest.raises(InputError, match=rf"MLPROGRAM-VALUE.*{mode}"):
        evaluate("scatter", given_, {"mode": mode}, [given_["data"]])


@pytest.mark.parametrize("updates", [(2,), (3, 1), (1, 4)])
def test_updates_that_do_not_fit_are_refused(updates: tuple[int, ...]) -> None:
    given_ = {"data": noise(0, (3, 4)), "indices": np.int32([0, 2]), "updates": noise(1, updates)}
    with pytest.raises(InputError, match=r"MLPROGRAM-VALUE.*updates of shape"):
        evaluate("scatter", given_, {}, [given_["data"]])
