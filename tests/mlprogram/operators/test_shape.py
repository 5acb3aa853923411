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

DTYPES = st.sampled_from(("float32", "float16", "int32", "bool", "int8"))


@given(shapes(0, 4), DTYPES, st.permutations(range(4)), SEEDS)
@settings(max_examples=30, deadline=None)
def test_transpose_moves_every_axis(shape, dtype, order, seed) -> None:
    x = noise(seed, shape, dtype)
    perm = [axis for axis in order if axis < len(shape)]
    expected = np.empty([shape[axis] for axis in perm], x.dtype)
    for place in np.ndindex(expected.shape):
        source = [0] * len(shape)
        for axis, index in zip(perm, place, strict=True):
            source[axis] = index
        expected[place] = x[tuple(source)]
    values = {"perm": np.array([p - len(shape) * (seed % 2) for p in perm], np.int32)}
    np.testing.assert_array_equal(evaluate("transpose", {"x": x}, values, [expected])[0], expected)


@pytest.mark.parametrize(
    ("shape", "to", "made"),
    [
        ((2, 3, 4), [6, 4], (6, 4)),
        ((2, 3, 4), [0, -1], (3, 8)),
        ((2, 3, 4), [0, 0, -1], (2, 3, 4)),
        ((2, 3, 4), [-1], (24,)),
        ((2, 50), [1, 0, -1, 0], (1, 1, 2, 50)),
        ((1, 1), [], ()),
        ((), [1, 1], (1, 1)),
        ((), [-1], (1,)),
        ((2, 3), [0, 1, 0, 1, -1], (1, 1, 1, 1, 6)),
    ],
)
def test_reshape(shape: tuple[int, ...], to: list[int], made: tuple[int, ...]) -> None:
    x = noise(0, shape)
    (got,) = evaluate("reshape", {"x": x}, {"shape": np.array(to, np.int32)}, [TensorType("float32", made)])
    np.testing.assert_array_equal(got.ravel(), x.ravel())


@given(shapes(1, 4), st.data())
@settings(max_examples=30, deadline=None)
def test_reshape_keeps_axes_as_coremltools_infers(shape, data) -> None:
    x = noise(0, shape)
    rank = data.draw(st.integers(1, 5))
    to = [shape[i - rank + len(shape)] if i >= rank - len(shape) else 1 for i in range(rank)]
    free = data.draw(st.integers(0, rank - 1))
    to = [0 if i != free and data.draw(st.booleans()) else n for i, n in enumerate(to)]
    to[free] = -1
    try:
        (expected,) = inferred("reshape", x=x, shape=to)
    except ValueError:
        with pytest.raises(InputError, match="MLPROGRAM"):
            evaluate("reshape", {"x": x}, {"shape": to}, [x])
        return
    np.testing.assert_array_equal(evaluate("reshape", {"x": x}, {"shape": to}, [expected])[0], expected)


@pytest.mark.parametrize("to", [[-1, -1], [5], [-1, 5], [2, 0, 5], [-2, 12]])
def test_shapes_that_do_not_fit_are_refused(to: list[int]) -> None:
    with pytest.raises(InputError, match="MLPROGRAM"):
        evaluate("reshape", {"x": noise(0, (2, 3, 4))}, {"shape": to}, [TensorType("float32", (2, 3, 4))])


@given(shapes(0, 3), st.data(), DTYPES, SEEDS)
@settings(max_examples=30, deadline=None)
def test_expand_dims_and_squeeze_are_inverses(shape, data, dtype, seed) -> None:
    x = noise(seed, shape, dtype)
    new = data.draw(st.integers(1, 5 - len(shape)))
    rank = len(shape) + new
    axes = data.draw(st.permutations(range(rank)))[:new]
    sizes = iter(shape)
    made = tuple(1 if axis in axes else next(sizes) for axis in range(rank))
    named = np.array([a - rank * data.draw(st.booleans()) for a in axes], np.int32)
    (got,) = evaluate("expand_dims", {"x": x}, {"axes": named}, [x.reshape(made)])
    np.testing.assert_array_equal(got, x.reshape(made))
    (back,) = evaluate("squeeze", {"x": got}, {"axes": named}, [x])
    np.testing.assert_array_equal(back, x)
    (bare,) = evaluate("squeeze", {"x": got}, {}, [x.squeeze()])
    np.testing.assert_array_equal(bare, x.squeeze())


def test_no_squeeze_of_axes_that_are_longer() -> None:
    """Which stay in PyTorch; on Core ML's CPU something else comes of it."""
    x = noise(0, (2, 1, 3))
    assert code("squeeze", {"x": x}, {"axes": [0, 1]}, [x[:, 0]]) == "MLPROGRAM-VALUE"


@given(shapes(1, 4), st.data())
@settings(max_examples=20, deadline=None)
def test_flatten2d(shape, data) -> None:
    x = noise(0, shape)
    axis = data.draw(st.integers(-len(shape), len(shape)))
    before = axis % len(shape) if axis < len(shape) else axis
    expected = x.reshape(int(np.prod(shape[:before])), int(np.prod(shape[before:])))
    (got,) = evaluate("flatten2d", {"x": x}, {"axis": axis}, [expected])
    np.testing.assert_array_equal(got, expected)


@given(shapes(1, 4), st.data(), DTYPES, SEEDS)
@settings(max_examples=20, deadline=None)
def test_reverse(shape, data, dtype, seed) -> None:
    x = noise(seed, shape, dtype)
    axes = data.draw(st.none() | st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    turned = range(len(shape)) if axes is None else axes
    expected = x[tuple(slice(None, None, -1 if a in turned else 1) for a in range(len(shape)))]
    (got,) = evaluate("reverse", {"x": x}, {} if axes is None else {"axes": axes}, [expected])
    np.testing.assert_array_equal(got, expected)


@given(shapes(1, 4, 3), st.data(), SEEDS)
@settings(max_examples=20, deadline=None)
def test_tile(shape, data, seed) -> None:
    x = noise(seed, shape)
    reps = [data.draw(st.integers(1, 3)) for _ in shape]
    expected = x[np.ix_(*(np.arange(n * r) % n for n, r in zip(shape, reps, strict=True)))]
    np.testing.assert_array_equal(evaluate("tile", {"x": x}, {"reps": reps}, [expected])[0], expected)


@pytest.mark.parametrize("reps", [[2], [2, 2, 2], [2, 0], [2, -1]])
def test_reps_that_do_not_fit_are_refused(reps: list[int]) -> None:
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("tile", {"x": noise(0, (2, 3))}, {"reps": reps}, [TensorType("float32", (4, 6))])


def test_identity_and_shape() -> None:
    x = noise(0, (2, 5))
    assert (evaluate("identity", {"x": x}, {}, [x])[0] == x).all()
    assert evaluate("shape", {"x": x}, {}, [np.int32([0, 0])])[0].tolist() == [2, 5]
    assert evaluate("shape", {"x": x}, {"output_dtype": "uint16"}, [np.uint16([0, 0])])[0].tolist() == [2, 5]
