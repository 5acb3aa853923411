"""Pools against windows walked one by one, and against coremltools' shapes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from coremltools.converters.mil.mil.ops.defs._utils import spatial_dimensions_out_shape
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.mlprogram.operators.windows import split_pads
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import noise
from mlprogram.operators.one import Array, evaluate
from mlprogram.operators.refusal import code


@st.composite
def cases(draw: Any, most_axes: int = 3) -> dict[str, Any]:
    axes = draw(st.integers(1, most_axes))
    several = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(axes))  # noqa: E731
    pad_type = draw(st.sampled_from(["valid", "same", "same_lower", "custom"]))
    ceil_mode = axes < 3 and not pad_type.startswith("same") and draw(st.booleans())
    sides = several(0, 3)
    pad = [n for side in sides for n in (side, side if ceil_mode else draw(st.integers(0, 3)))]
    return {
        "size": several(1, {1: 12, 2: 8, 3: 4}[axes]),
        "kernel_sizes": several(1, 4),
        "strides": several(1, 4),
        "pad_type": pad_type,
        "pad": tuple(pad) if pad_type == "custom" else (),
        "ceil_mode": ceil_mode,
        "seed": draw(st.integers(0, 99)),
    }


def options(case: dict[str, Any]) -> dict[str, Any]:
    return {key: case[key] for key in ("kernel_sizes", "strides", "pad_type", "pad", "ceil_mode") if case[key] != ()}


def walked(x: Array, case: dict[str, Any], kind: str, excluded: bool = False) -> Array | None:
    """The pool of x; None where a window has no pixel, or where Core ML is known to be wrong."""
    size, axes = case["size"], len(case["size"])
    if axes == 1 and case["pad_type"] == "same_lower":
        return None
    before, after = split_pads(size, case["kernel_sizes"], case["strides"], (1,) * axes, case["pad_type"], case["pad"])
    if any(d + b + a < k for d, b, a, k in zip(size, before, after, case["kernel_sizes"], strict=True)):
        return None
    if kind == "avg" and not excluded and max(case["kernel_sizes"]) > 3 and any((*before, *after)):
        return None
    even = tuple(n for pair in zip(before, after, strict=True) for n in pair)
    try:
        count = spatial_dimensions_out_shape(
            "custom", size, case["kernel_sizes"], case["strides"], None, even, case["ceil_mode"]
        )
    except ValueError:
        return None
    result = np.zeros((*x.shape[:2], *count))
    for place in product(*map(range, count)):
        cut = [slice(None), slice(None)]
        for axis, i in enumerate(place):
            start = i * case["strides"][axis] - before[axis]
            end = start + case["kernel_sizes"][axis]
            cut.append(slice(max(0, start), max(0, min(end, size[axis]))))
        window = x[tuple(cut)].astype(float).reshape(*x.shape[:2], -1)
        pixels = window.shape[2]
        if pixels == 0:
            return None
        if kind == "max":
            made = window.max(2)
        elif kind == "l2":
            made = np.sqrt((window**2).sum(2))
        else:
            made = window.sum(2) / (pixels if excluded else np.prod(case["kernel_sizes"]))
        result[(slice(None), slice(None), *place)] = made
    return result


def compare(kind: str, x: Array, case: dict[str, Any], values: dict[str, Any], expected: Array | None) -> None:
    if expected is None:
        assert code(kind, {"x": x}, values, [x]) == "MLPROGRAM-VALUE"
        return
    (made,) = evaluate(kind, {"x": x}, values, [expected.astype(x.dtype)])
    bound = 1e-5 if x.dtype == np.float32 else 1e-3
    np.testing.assert_allclose(made, expected, rtol=bound, atol=bound)


@settings(deadline=None, max_examples=150)
@given(cases())
def test_max_pool(case: dict[str, Any]) -> None:
    x = noise(case["seed"], (2, 2, *case["size"])) - 5
    expected = walked(x, case, "max")
    compare("max_pool", x, case, options(case), expected)
    if expected is not None:
        (half,) = evaluate("max_pool", {"x": x.astype(np.float16)}, options(case), [expected.astype(np.float16)])
        np.testing.assert_array_equal(half, expected.astype(np.float16))


@settings(deadline=None, max_examples=200)
@given(cases(), st.booleans(), st.sampled_from(["float32", "float16"]))
def test_avg_pool(case: dict[str, Any], excluded: bool, dtype: str) -> None:
    x = noise(case["seed"], (2, 2, *case["size"]), dtype)
    values = {**options(case), "exclude_padding_from_average": excluded}
    compare("avg_pool", x, case, values, walked(x, case, "avg", excluded))


@settings(deadline=None, max_examples=100)
@given(cases(most_axes=2))
def test_l2_pool(case: dict[str, Any]) -> None:
    x = noise(case["seed"], (1, 2, *case["size"]))
    compare("l2_pool", x, case, options(case), walked(x, case, "l2"))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.booleans(), st.booleans())
def test_even_padding_is_as_in_pytorch(
    size: int, kernel: int, stride: int, pad: int, ceil_mode: bool, excluded: bool
) -> None:
    """Where PyTorch pads (up to half a window), and where both have the same windows and count alike."""
    x = noise(size, (1, 1, size, size + 1))
    torch_x = torch.from_numpy(x)
    if 2 * pad > kernel or size + 2 * pad < kernel or stride > kernel:
        return
    values = {"kernel_sizes": (kernel,) * 2, "strides": (stride,) * 2, "pad_type": "custom", "pad": (pad,) * 4}
    values["ceil_mode"] = ceil_mode
    expected = torch.nn.functional.max_pool2d(torch_x, kernel, stride, pad, ceil_mode=ceil_mode).numpy()
    np.testing.assert_array_equal(evaluate("max_pool", {"x": x}, values, [expected])[0], expected)
    expected = torch.nn.functional.avg_pool2d(torch_x, kernel, stride, pad, ceil_mode, not excluded).numpy()
    values["exclude_padding_from_average"] = excluded
    if ceil_mode and not excluded:
        # what ceil_mode adds counts in Core ML
        for axis, n in enumerate(x.shape[2:]):
            end = np.arange(expected.shape[2 + axis]) * stride + kernel
            there = kernel - np.maximum(0, end - (n + 2 * pad))
            expected = expected * (there / kernel).reshape([-1] + [1] * (1 - axis)).astype(np.float32)
    if not excluded and pad and kernel > 3:
        assert code("avg_pool", {"x": x}, values, [expected]) == "MLPROGRAM-VALUE"
        return
    np.testing.assert_allclose(evaluate("avg_pool", {"x": x}, values, [expected])[0], expected, atol=1e-6)


CEIL: dict[str, Any] = {"pad_type": "valid", "ceil_mode": True}


def test_ceil_mode_counts_what_it_adds() -> None:
    """Core ML's own values, from coremltools#2772 and #2844: a ramp of 7 x 7, kernel 2, stride 3; of 7; of 3 x 3."""
    ramp = np.arange(49, dtype=np.float32).reshape(1, 1, 7, 7)
    expected = np.array([[[[4, 7, 4.75], [25, 28, 15.25], [21.25, 22.75, 12]]]], np.float32)
    values = {**CEIL, "kernel_sizes": (2, 2), "strides": (3, 3)}
    assert evaluate("avg_pool", {"x": ramp}, values, [expected])[0].tolist() == expected.tolist()
    row, means = ramp[:, 0, :1], np.array([[[0.5, 3.5, 3]]], np.float32)
    values = {**CEIL, "kernel_sizes": (2,), "strides": (3,)}
    assert evaluate("avg_pool", {"x": row}, values, [means])[0].tolist() == means.tolist()
    # PyTorch's, which exclude_padding_from_average asks for where nothing is padded
    faithful = np.array([[[[4, 7, 9.5], [25, 28, 30.5], [42.5, 45.5, 48]]]], np.float32)
    values = {**CEIL, "kernel_sizes": (2, 2), "strides": (3, 3), "exclude_padding_from_average": True}
    assert evaluate("avg_pool", {"x": ramp}, values, [faithful])[0].tolist() == faithful.tolist()


def test_ceil_mode_behind_counted_padding() -> None:
    """Windows of 3 from -1, 4 and 9 on in 10 pixels: the last one has a pixel, a padded one, and one of ceil_mode."""
    x = np.arange(1, 11, dtype=np.float32).reshape(1, 1, 10)
    values = {"kernel_sizes": (3,), "strides": (5,), "pad_type": "custom", "pad": (1, 1), "ceil_mode": True}
    expected = np.array([[[(0 + 1 + 2) / 3, (5 + 6 + 7) / 3, 10 / 3]]], np.float32)
    np.testing.assert_allclose(evaluate("avg_pool", {"x": x}, values, [expected])[0], expected, rtol=1e-6)
    expected[..., 0], expected[..., 2] = 1.5, 10
    excluded = {**values, "exclude_padding_from_average": True}
    np.testing.assert_allclose(evaluate("avg_pool", {"x": x}, excluded, [expected])[0], expected, rtol=1e-6)


@pytest.mark.parametrize(("kernel", "evaluated"), [((3, 3), True), ((7, 7), False), ((1, 4), False)])
def test_wide_windows_over_counted_padding(kernel: tuple[int, int], evaluated: bool) -> None:
    """coremltools#1901: 1 / 49 of the mean for a kernel of 7, stride 4 and padding 3."""
    x = np.ones((1, 1, 16, 12), np.float32)
    values = {"kernel_sizes": kernel, "strides": (2, 2), "pad_type": "custom", "pad": (0, 0, 1, 1)}
    expected = walked(x, {"size": (16, 12), "ceil_mode": False, **values}, "avg")
    excluded = walked(x, {"size": (16, 12), "ceil_mode": False, **values}, "avg", excluded=True)
    assert (expected is not None) == evaluated
    compare("avg_pool", x, {}, values, expected)
    compare("avg_pool", x, {}, {**values, "exclude_padding_from_average": True}, excluded)


def test_defaults() -> None:
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 6)
    values = {"kernel_sizes": (3,), "pad_type": "same"}
    (made,) = evaluate("avg_pool", {"x": x}, values, [x])
    np.testing.assert_allclose(made[0, 0] * 3, [0 + 1, 3, 6, 9, 12, 9])


@pytest.mark.parametrize("kind", ["max_pool", "avg_pool", "l2_pool"])
def test_same_lower_along_one_axis(kind: str) -> None:
    """Which coremltools' own tests expect to be wrong on Core ML."""
    x = np.arange(1, 7, dtype=np.float32).reshape(1, 1, 6)
    assert code(kind, {"x": x}, {"kernel_sizes": (2,), "pad_type": "same_lower"}, [x]) == "MLPROGRAM-VALUE"
    wide = x.reshape(1, 1, 1, 6)
    (made,) = evaluate(kind, {"x": wide}, {"kernel_sizes": (1, 2), "pad_type": "same_lower"}, [wide])
    assert made[0, 0, 0, 0] == pytest.approx({"max_pool": 1, "avg_pool": 0.5, "l2_pool": 1}[kind])


def test_padding_of_a_maximum_is_below_every_number() -> None:
    x = np.full((1, 1, 3), -np.inf, np.float32)
    values = {"kernel_sizes": (2,), "pad_type": "custom", "pad": (1, 0)}
    np.testing.assert_array_equal(evaluate("max_pool", {}, values, [x], {"x": x})[0], x)


X = np.ones((1, 2, 4, 4), np.float32)
OUT = TensorType("float32", (1, 2, 3, 3))
VALID: dict[str, Any] = {"kernel_sizes": (2, 2), "pad_type": "valid"}


@pytest.mark.parametrize("kind", ["max_pool", "avg_pool", "l2_pool"])
@pytest.mark.parametrize(
    ("x", "values"),
    [
        (X, {"kernel_sizes": (2,)}),
        (X, {"kernel_sizes": (5, 2)}),
        (X, {"kernel_sizes": (0, 2)}),
        (X, {"strides": (1, 0)}),
        (X, {"strides": (1,)}),
        (X, {"pad_type": "reflect"}),
        (X, {"pad_type": "same", "ceil_mode": True}),
        (X, {"pad_type": "same_lower", "ceil_mode": True}),
        (X, {"pad_type": "custom", "pad": (0, 1, 0, 1), "ceil_mode": True}),
        (X, {"pad_type": "custom", "pad": (0, 1)}),
        (X, {"pad_type": "custom", "pad": (0, -1, 0, 0)}),
        (X[..., None], {"kernel_sizes": (2, 2, 1), "ceil_mode": True}),
        (X[0, 0], {}),
        (X[..., None, None], {"kernel_sizes": (1, 1, 1, 1)}),
        (X.astype(np.int32), {}),
        (X.astype(np.int8), {}),
    ],
)
def test_wrong_arguments(kind: str, x: Array, values: dict[str, Any]) -> None:
    assert code(kind, {"x": x}, {**VALID, **values}, [OUT]) == "MLPROGRAM-VALUE"


def test_no_l2_pool_along_three_axes() -> None:
    values = {"kernel_sizes": (1, 1, 1), "pad_type": "valid"}
    assert code("l2_pool", {"x": X[..., None]}, values, [X[..., None]]) == "MLPROGRAM-VALUE"
