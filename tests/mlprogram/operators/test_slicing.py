from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, inferred, noise, shapes
from mlprogram.operators.one import evaluate
from mlprogram.operators.refusal import code

BOUNDS = st.integers(-7, 7)
STEPS = st.integers(-3, 3).filter(bool)


@st.composite
def regions(draw) -> tuple[tuple[int, ...], dict[str, list], tuple]:
    """A shape, the arguments of a slice of it, and numpy's own index for the same."""
    shape = draw(shapes(1, 4, 5))
    values: dict[str, list] = {k: [] for k in ("begin", "end", "stride", "begin_mask", "end_mask", "squeeze_mask")}
    index: list[slice | int] = []
    for size in shape:
        squeezed = draw(st.integers(0, 4)) == 0
        begin, end, step = draw(BOUNDS), draw(BOUNDS), draw(STEPS)
        no_begin, no_end = draw(st.booleans()), draw(st.booleans())
        if squeezed:
            begin, no_begin = draw(st.integers(-size, size - 1)), False
        index.append(begin if squeezed else slice(None if no_begin else begin, None if no_end else end, step))
        for key, value in zip(values, (begin, end, step, no_begin, no_end, squeezed), strict=True):
            values[key].append(value)
    return shape, values, tuple(index)


@given(regions(), st.sampled_from(("float32", "float16", "int32", "bool")), SEEDS)
@settings(max_examples=100, deadline=None)
def test_slice_by_index_is_numpys(region, dtype, seed) -> None:
    shape, values, index = region
    x = noise(seed, shape, dtype)
    np.testing.assert_array_equal(evaluate("slice_by_index", {"x": x}, values, [x[index]])[0], x[index])


@given(regions())
@settings(max_examples=30, deadline=None)
def test_slice_by_index_as_coremltools_infers(region) -> None:
    shape, values, index = region
    x = noise(0, shape)
    # coremltools infers a shape of its own for empty slices, and no scalars of axes it squeezed
    assume(x[index].size and not all(values["squeeze_mask"]))
    try:
        (expected,) = inferred("slice_by_index", x=x, **values)
    except ValueError:
        assume(False)
    assume(expected.shape == x[index].shape)
    np.testing.assert_array_equal(evaluate("slice_by_index", {"x": x}, values, [expected])[0], expected)


def test_masks_and_steps_may_be_left_out() -> None:
    x = noise(0, (4, 5))
    (got,) = evaluate("slice_by_index", {"x": x}, {"begin": [1, -3], "end": [4, -1]}, [x[1:4, -3:-1]])
    np.testing.assert_array_equal(got, x[1:4, -3:-1])


@pytest.mark.parametrize(
    "values",
    [
        {"begin": [0], "end": [1]},
        {"begin": [0, 0], "end": [1, 1], "stride": [1, 0]},
        {"begin": [0, 0], "end": [1, 1], "stride": [1]},
        {"begin": [0, 5], "end": [1, 1], "squeeze_mask": [False, True]},
        {"begin": [0, -6], "end": [1, 1], "squeeze_mask": [False, True]},
    ],
)
def test_slices_that_do_not_fit_are_refused(values: dict) -> None:
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("slice_by_index", {"x": noise(0, (4, 5))}, values, [TensorType("float32", (1, 1))])


@given(regions(), SEEDS)
@settings(max_examples=40, deadline=None)
def test_slice_update_is_numpys(region, seed) -> None:
    shape, values, index = region
    x = noise(seed, shape)
    update = noise(seed + 1, x[index].shape)
    expected = x.copy()
    expected[index] = update
    (got,) = evaluate("slice_update", {"x": x, "update": update}, values, [expected])
    np.testing.assert_array_equal(got, expected)


def test_an_update_is_not_broadcast() -> None:
    given = {"x": noise(0, (4, 5)), "update": noise(0, (1, 5))}
    with pytest.raises(InputError, match="does not fit"):
        evaluate("slice_update", given, {"begin": [0, 0], "end": [4, 5]}, [given["x"]])


@given(shapes(1, 4, 5), st.data(), SEEDS)
@settings(max_examples=30, deadline=None)
def test_slice_by_size(shape, data, seed) -> None:
    x = noise(seed, shape)
    begin = [data.draw(st.integers(-n, n - 1)) for n in shape]
    rest = [n - b % n for n, b in zip(shape, begin, strict=True)]
    size = [data.draw(st.integers(1, r) | st.just(-1)) for r in rest]
    counts = [r if s == -1 else s for r, s in zip(rest, size, strict=True)]
    index = tuple(slice(b % n, b % n + c) for n, b, c in zip(shape, begin, counts, strict=True))
    values = {"begin": begin, "size": size}
    np.testing.assert_array_equal(evaluate("slice_by_size", {"x": x}, values, [x[index]])[0], x[index])


@pytest.mark.parametrize(
    "values", [{"begin": [3], "size": [3]}, {"begin": [6], "size": [1]}, {"begin": [-6], "size": [1]}]
)
def test_sizes_beyond_the_end_are_refused(values: dict) -> None:
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("slice_by_size", {"x": noise(0, (5,))}, values, [TensorType("float32", (values["size"][0],))])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), shapes(1, 3), st.data(), SEEDS)
@settings(max_examples=30, deadline=None)
def test_split(sizes, shape, data, seed) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for i, size in enumerate(sizes):
        given_shape = list(shape)
        given_shape[axis] = size
        parts.append(noise(seed + i, tuple(given_shape)))
    x = np.concatenate(parts, axis)
    values = {"axis": axis, "split_sizes": sizes}
    if data.draw(st.booleans()):
        values["num_splits"] = len(sizes)
    if len(set(sizes)) == 1 and data.draw(st.booleans()):
        values = {"axis": axis, "num_splits": len(sizes)}
    for got, expected in zip(evaluate("split", {"x": x}, values, parts), parts, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "values",
    [{}, {"num_splits": 2}, {"num_splits": 0}, {"split_sizes": [2, 2]}, {"split_sizes": [2, 3], "num_splits": 3}],
)
def test_splits_that_do_not_fit_are_refused(values: dict) -> None:
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("split", {"x": noise(0, (5,))}, {"axis": 0, **values}, [noise(0, (2,)), noise(0, (3,))])


@given(st.sampled_from(("constant", "reflect", "replicate")), shapes(1, 5), st.data(), SEEDS)
@settings(max_examples=50, deadline=None)
def test_pad(mode, shape, data, seed) -> None:
    x = noise(seed, shape)
    axes = data.draw(st.integers(1, len(shape)))
    widths = []
    for size in shape[-axes:]:
        most = {"constant": 4, "reflect": size - 1, "replicate": size}[mode]
        widths.append((data.draw(st.integers(0, most)), data.draw(st.integers(0, most))))
    values = {"pad": [n for pair in widths for n in pair], "mode": mode, "constant_val": -2.5}
    if mode != "constant" and any(sum(pair) for pair in widths[:-2]):
        # coremltools#2571, #2576 and #2701
        assert code("pad", {"x": x}, values, [x]) == "MLPROGRAM-VALUE"
        return
    (expected,) = inferred("pad", x=x, **values)
    np.testing.assert_array_equal(evaluate("pad", {"x": x}, values, [expected])[0], expected)


@pytest.mark.parametrize(
    "values",
    [
        {"pad": [4, 0], "mode": "reflect"},
        {"pad": [0, 5], "mode": "replicate"},
        {"pad": [0, -1]},
        {"pad": [1]},
        {"pad": [1, 1, 1, 1]},
        {"pad": [1, 1], "mode": "circular"},
    ],
)
def test_pads_that_do_not_fit_are_refused(values: dict) -> None:
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("pad", {"x": noise(0, (4,))}, values, [TensorType("float32", (8,))])
