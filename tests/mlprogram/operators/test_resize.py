"""Resizing against interpolation written out in numpy, PyTorch, and values that Core ML is known to give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, noise
from mlprogram.operators.one import Array, evaluate
from mlprogram.operators.refusal import code

MODES = ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "UNALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS")
SIZE = st.integers(1, 9)


def place(mode: str, i: int, before: int, after: int) -> float:
    """Where output pixel ``i`` looks, in the words of MIL's ``resize_bilinear``."""
    last = after - 1
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        if after == 1:
            return (before - 1) / 2 if mode == "ALIGN_CORNERS" else 0.0
        point = i * (before - 1) / last
    elif mode == "DEFAULT":
        point = i * (before - before / after) / last if last else 0.0
    elif mode == "OFFSET_CORNERS":
        delta = max(1, before - 1) / after
        point = 0.5 * delta + (i * (last * delta) / last if last else 0.0)
    else:
        spacing = before / after
        point = i * spacing + 0.5 * spacing - 0.5
    return min(before - 1, max(0.0, point))


def interpolated(x: Array, sizes: tuple[int, ...], mode: str) -> Array:
    """x with its last axes of ``sizes``: each a matrix whose rows hold the weights of two pixels."""
    result = x.astype(float)
    for axis, after in enumerate(sizes, start=x.ndim - len(sizes)):
        before = x.shape[axis]
        matrix = np.zeros((after, before))
        for i in range(after):
            point = place(mode, i, before, after)
            low = min(int(point), before - 1)
            matrix[i, low] += 1 - (point - low)
            matrix[i, min(low + 1, before - 1)] += point - low
        result = np.moveaxis(np.tensordot(matrix, result, (1, axis)), 0, axis)
    return result


@settings(deadline=None, max_examples=120)
@given(st.sampled_from(MODES), SIZE, SIZE, SIZE, SIZE, st.integers(1, 3), st.sampled_from(["float32", "float16"]))
def test_resize_bilinear(mode: str, h: int, w: int, height: int, width: int, lead: int, dtype: str) -> None:
    x = noise(h + 10 * w, (2,) * lead + (h, w), dtype)
    expected = interpolated(x, (height, width), mode)
    values = {"target_size_height": height, "target_size_width": width, "sampling_mode": mode}
    (made,) = evaluate("resize_bilinear", {"x": x}, values, [expected.astype(dtype)])
    bound = 1e-5 if dtype == "float32" else 2e-3
    np.testing.assert_allclose(made, expected, rtol=bound, atol=bound)


@settings(deadline=None, max_examples=80)
@given(st.sampled_from(MODES), st.lists(st.tuples(SIZE, st.integers(0, 9)), min_size=1, max_size=3), st.integers(0, 2))
def test_resize_linear_along_any_axes(mode: str, axes: list[tuple[int, int]], more: int) -> None:
    x = noise(more, (*(2,) * more, *(before for before, _ in axes)))
    sizes = tuple(after or before for before, after in axes)
    expected = interpolated(x, sizes, mode)
    # what stands in ``shape`` before the resized axes does not matter
    shape = (7,) * min(more, 1) + tuple(after for _, after in axes)
    values = {"shape": shape, "resized_dims": np.uint32(len(axes)), "sampling_mode": mode}
    (made,) = evaluate("resize", {"x": x}, values, [expected.astype(np.float32)])
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=80)
@given(st.sampled_from([(True, None), (True, False), (False, None), (False, True), (False, False)]), SEEDS)
def test_upsample_bilinear(corners: tuple[bool, bool | None], seed: int) -> None:
    random = np.random.default_rng(seed)
    x = noise(seed, (1, 2, *random.integers(1, 9, 2)))
    factors = random.uniform(0.5, 4, 2).astype(np.float32)
    sizes = tuple(max(1, math.floor(f * n)) for f, n in zip(factors, x.shape[2:], strict=True))
    factors = np.maximum(factors, 1 / np.array(x.shape[2:], np.float32))
    align, half = corners
    mode = "STRICT_ALIGN_CORNERS" if align else "DEFAULT" if half is False else "UNALIGN_CORNERS"
    expected = interpolated(x, sizes, mode)
    values: dict[str, Any] = {"scale_factor_height": factors[0], "scale_factor_width": factors[1]}
    values["align_corners"] = align
    if half is not None:
        values["half_pixel_centers"] = half
    (made,) = evaluate("upsample_bilinear", {"x": x}, values, [expected.astype(np.float32)])
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(SIZE, SIZE, st.integers(1, 5), st.booleans())
def test_upsample_bilinear_is_as_in_pytorch(h: int, w: int, factor: int, align: bool) -> None:
    x = noise(h, (1, 2, h, w))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(x), scale_factor=factor, mode="bilinear", align_corners=align, recompute_scale_factor=True
    ).numpy()
    values = {"scale_factor_height": factor, "scale_factor_width": factor, "align_corners": align}
    np.testing.assert_allclose(evaluate("upsample_bilinear", {"x": x}, values, [expected])[0], expected, atol=1e-6)


@settings(deadline=None, max_examples=80)
@given(SIZE, SIZE, st.integers(1, 30), st.integers(1, 30), st.sampled_from(["float32", "float16"]))
def test_nearest_neighbours(h: int, w: int, height: int, width: int, dtype: str) -> None:
    x = noise(h, (2, h, w), dtype)
    pick = lambda rows, columns: x[:, rows][:, :, columns]  # noqa: E731
    # the pixel whose centre is nearest, of two the later one
    centred = [
        [min(range(n), key=lambda p: (abs((2 * p + 1) * m - (2 * i + 1) * n), -p)) for i in range(m)]
        for n, m in ((h, height), (w, width))
    ]
    values: dict[str, Any] = {"target_size_height": height, "target_size_width": width}
    expected = pick(*centred)
    np.testing.assert_array_equal(evaluate("resize_nearest_neighbor", {"x": x}, values, [expected])[0], expected)
    values = {"shape": (height, width), "resized_dims": 2, "interpolation_mode": "NEAREST_NEIGHBOR"}
    np.testing.assert_array_equal(evaluate("resize", {"x": x}, values, [expected])[0], expected)
    # as converters write a factor that is no whole number
    scales = [m / n if m % n == 0 else (m + 1e-4) / n for n, m in ((h, height), (w, width))]
    values = {"scale_factor_height": np.float32(scales[0]), "scale_factor_width": np.float32(scales[1])}
    if height % h or width % w:
        assert code("upsample_nearest_neighbor", {"x": x}, values, [expected]) == "MLPROGRAM-VALUE"
        return
    expected = x.repeat(height // h, 1).repeat(width // w, 2)
    np.testing.assert_array_equal(evaluate("upsample_nearest_neighbor", {"x": x}, values, [expected])[0], expected)


def test_integers_have_neighbours() -> None:
    x = np.array([[2**30 + 1, -5]], np.int32)
    values = {"shape": (4,), "resized_dims": 1, "interpolation_mode": "NEAREST_NEIGHBOR"}
    expected = np.array([[2**30 + 1] * 2 + [-5] * 2], np.int32)
    np.testing.assert_array_equal(evaluate("resize", {"x": x}, values, [expected])[0], expected)


@pytest.mark.parametrize(
    ("kind", "values", "x", "expected"),
    [
        ("upsample_bilinear", {"scale_factor_width": 2.6, "align_corners": False}, [0, 1], [0, 0.1, 0.5, 0.9, 1]),
        ("upsample_bilinear", {"scale_factor_width": 3}, [0, 1], [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (
            "upsample_bilinear",
            {"scale_factor_width": 3, "align_corners": False, "half_pixel_centers": False},
            [1, 2],
            [1, 4 / 3, 5 / 3, 2, 2, 2],
        ),
        ("resize_bilinear", {"target_size_width": 5}, [0, 1], [0, 0.4, 0.8, 1, 1]),
        (
            "resize_bilinear",
            {"target_size_width": 5, "sampling_mode": "OFFSET_CORNERS"},
            [0, 1],
            [0.1, 0.3, 0.5, 0.7, 0.9],
        ),
        ("upsample_nearest_neighbor", {"scale_factor_width": 2.0}, [1, 2], [1, 1, 2, 2]),
        (
            "resize",
            {"shape": (3,), "resized_dims": 1, "interpolation_mode": "NEAREST_NEIGHBOR"},
            [1, 2],
            [1, 2, 2],
        ),
    ],
)
def test_values_that_core_ml_gives(kind: str, values: dict[str, Any], x: list[float], expected: list[float]) -> None:
    """Measured by coremltools' maintainers on Apple's runtimes (their operators' tests)."""
    (made,) = evaluate(kind, {"x": np.array([[x]], np.float32)}, values, [TensorType("float32", (1, 1, len(expected)))])
    np.testing.assert_allclose(made[0, 0], expected, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=4), st.integers(1, 2))
def test_crop(cut: list[int], lead: int) -> None:
    x = noise(lead, (2,) * lead + (5, 6))
    top, bottom, left, right = cut
    values = {"crop_height": (top, bottom), "crop_width": (left, right)}
    if top + bottom >= 5 or left + right >= 6:
        assert code("crop", {"x": x}, values, [x]) == "MLPROGRAM-VALUE"
        return
    expected = x[..., top : 5 - bottom, left : 6 - right]
    np.testing.assert_array_equal(evaluate("crop", {"x": x}, values, [expected])[0], expected)


X = np.ones((1, 2, 4), np.float32)
TARGET = {"target_size_height": 2, "target_size_width": 4}


@pytest.mark.parametrize(
    ("kind", "x", "values"),
    [
        ("upsample_bilinear", X, {"align_corners": True, "half_pixel_centers": True}),
        ("upsample_bilinear", X, {"scale_factor_height": 0.1}),
        ("upsample_bilinear", X, {"scale_factor_height": np.float32("nan")}),
        ("upsample_bilinear", X[0], {}),
        ("upsample_bilinear", X.astype(np.int32), {}),
        ("upsample_nearest_neighbor", X, {"scale_factor_width": -1}),
        ("upsample_nearest_neighbor", X, {"scale_factor_width": np.float32("inf")}),
        ("upsample_nearest_neighbor", X[0], {}),
        ("resize_nearest_neighbor", X, {"target_size_height": 0, "target_size_width": 4}),
        ("resize_nearest_neighbor", X, {"target_size_height": 2}),
        ("resize_bilinear", X, {**TARGET, "target_size_width": -4}),
        ("resize_bilinear", X, {**TARGET, "sampling_mode": "HALF_PIXEL"}),
        ("resize_bilinear", X[0], TARGET),
        ("resize", X, {"shape": (2, 4), "resized_dims": 3}),
        ("resize", X, {"shape": (1, 1, 2, 4), "resized_dims": 2}),
        ("resize", X, {"shape": (2, 4), "resized_dims": -1}),
        ("resize", X, {"shape": (2, -4), "resized_dims": 2}),
        ("resize", X, {"shape": (2, 4), "resized_dims": 2, "interpolation_mode": "CUBIC"}),
        ("resize", X, {"shape": (2, 4), "resized_dims": 2, "sampling_mode": "none"}),
        (
            "resize",
            X,
            {"shape": (2,), "resized_dims": 1, "interpolation_mode": "NEAREST_NEIGHBOR", "sampling_mode": MODES[0]},
        ),
        ("resize", X.astype(np.int32), {"shape": (2, 4), "resized_dims": 2}),
        ("crop", X, {"crop_height": (0,), "crop_width": (0, 0)}),
        ("crop", X, {"crop_height": (0, -1), "crop_width": (0, 0)}),
        ("crop", X[0], {"crop_height": (0, 0), "crop_width": (0, 0)}),
    ],
)
def test_wrong_arguments(kind: str, x: Array, values: dict[str, Any]) -> None:
    assert code(kind, {"x": x}, values, [x]) == "MLPROGRAM-VALUE"


def test_a_size_computed_at_run_time() -> None:
    tensors = {"x": X, "shape": np.array([2, 4], np.int32)}
    assert code("resize", tensors, {"resized_dims": 2}, [X]) == "MLPROGRAM-VALUE"


@pytest.mark.parametrize("kind", ["crop_resize", "affine", "resample"])
def test_what_is_not_evaluated(kind: str) -> None:
    assert code(kind, {"x": X}, {}, [X]) == "MLPROGRAM-OPERATOR"
