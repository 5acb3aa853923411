"""Convolutions against sums written out in numpy, and ``conv_transpose`` as the gradient that it is."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.mlprogram.operators.windows import split_pads
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import noise
from mlprogram.operators.one import Array, evaluate
from mlprogram.operators.refusal import code


def pads(count: int, even: bool) -> st.SearchStrategy[tuple[int, ...]]:
    """even: as often as not, all of them the same."""
    several = st.tuples(*[st.integers(0, 3)] * count)
    return st.integers(0, 3).map(lambda n: (n,) * count) | several if even else several


@st.composite
def cases(draw: Any, transposed: bool = False) -> dict[str, Any]:
    """Shapes and options of a convolution of one to three axes."""
    axes = draw(st.integers(1, 3))
    several = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(axes))  # noqa: E731
    groups = draw(st.integers(1, 3))
    most = {1: 9, 2: 7, 3: 4}[axes]
    kinds = ["valid", "same", "custom"] if transposed else ["valid", "same", "same_lower", "custom"]
    pad_type = draw(st.sampled_from(kinds))
    return {
        "size": several(1, most),
        "kernel": several(1, 3),
        "strides": several(1, 3),
        "dilations": several(1, 3),
        "pad_type": pad_type,
        "pad": draw(pads(2 * axes, transposed)) if pad_type == "custom" else (),
        "groups": groups,
        "inner": draw(st.integers(1, 2)),
        "outer": draw(st.integers(1, 2)),
        "batch": draw(st.integers(1, 2)),
        "bias": draw(st.booleans()),
        "seed": draw(st.integers(0, 99)),
    }


def strided(case: dict[str, Any], offset: tuple[int, ...], count: tuple[int, ...]) -> tuple[slice, ...]:
    """Pixels that the kernel's element at ``offset`` meets, one for each of ``count`` places."""
    starts = [o * w for o, w in zip(offset, case["dilations"], strict=True)]
    spaced = zip(starts, case["strides"], count, strict=True)
    return (slice(None), slice(None), *(slice(start, start + (n - 1) * s + 1, s) for start, s, n in spaced))


def summed(x: Array, weight: Array, case: dict[str, Any], before: Any, after: Any) -> Array:
    """conv, one kernel element after the other, in float64."""
    x = np.pad(x.astype(float), [(0, 0), (0, 0), *zip(before, after, strict=True)])
    reach = [(k - 1) * w + 1 for k, w in zip(weight.shape[2:], case["dilations"], strict=True)]
    count = tuple((d - r) // s + 1 for d, r, s in zip(x.shape[2:], reach, case["strides"], strict=True))
    groups, out = case["groups"], weight.shape[0]
    result = np.zeros((x.shape[0], out, *count))
    for offset in product(*map(range, weight.shape[2:])):
        seen = x[strided(case, offset, count)]
        for g in range(groups):
            rows = slice(g * out // groups, (g + 1) * out // groups)
            inside = seen[:, g * weight.shape[1] : (g + 1) * weight.shape[1]]
            result[:, rows] += np.einsum("nc...,oc->no...", inside, weight[(rows, slice(None), *offset)])
    return result


def spread(x: Array, weight: Array, case: dict[str, Any]) -> Array:
    """conv_transpose without padding, one kernel element after the other, in float64."""
    reach = [(k - 1) * w + 1 for k, w in zip(weight.shape[2:], case["dilations"], strict=True)]
    full = [(d - 1) * s + r for d, s, r in zip(x.shape[2:], case["strides"], reach, strict=True)]
    groups, width = case["groups"], weight.shape[1]
    result = np.zeros((x.shape[0], width * groups, *full))
    for offset in product(*map(range, weight.shape[2:])):
        place = strided(case, offset, x.shape[2:])
        for g in range(groups):
            rows = slice(g * x.shape[1] // groups, (g + 1) * x.shape[1] // groups)
            part = np.einsum("nc...,co->no...", x[:, rows].astype(float), weight[(rows, slice(None), *offset)])
            result[(place[0], slice(g * width, (g + 1) * width), *place[2:])] += part
    return result


def options(case: dict[str, Any]) -> dict[str, Any]:
    """The operator's arguments; what is as MIL assumes it is left out, half of the time."""
    chosen = {key: case[key] for key in ("strides", "dilations", "pad_type", "pad", "groups")}
    if case["seed"] % 2:
        ones = (1,) * len(case["size"])
        usual = {"strides": ones, "dilations": ones, "pad_type": "valid", "pad": (), "groups": 1}
        chosen = {key: value for key, value in chosen.items() if value != usual[key]}
    return {key: value for key, value in chosen.items() if value != ()}


@settings(deadline=None, max_examples=150)
@given(cases(), st.sampled_from(["float32", "float16"]))
def test_conv(case: dict[str, Any], dtype: str) -> None:
    groups = case["groups"]
    x = noise(case["seed"], (case["batch"], case["inner"] * groups, *case["size"]), dtype)
    weight = noise(case["seed"] + 1, (case["outer"] * groups, case["inner"], *case["kernel"]), dtype)
    before, after = split_pads(*(case[k] for k in ("size", "kernel", "strides", "dilations", "pad_type", "pad")))
    rims = [d + b + a for d, b, a in zip(case["size"], before, after, strict=True)]
    constants = {"weight": weight}
    if case["bias"]:
        constants["bias"] = noise(case["seed"] + 2, weight.shape[:1], dtype)
    too_wide = any((k - 1) * w + 1 > r for k, w, r in zip(case["kernel"], case["dilations"], rims, strict=True))
    sides = list(zip(case["kernel"], case["strides"], before, after, strict=True))
    miscomputed = any(k % 2 for k in case["kernel"]) and any(k % 2 == 0 and s > 1 and b + a for k, s, b, a in sides)
    if too_wide or miscomputed:
        assert code("conv", {"x": x}, options(case), [x], constants) == "MLPROGRAM-VALUE"
        return
    expected = summed(x, weight, case, before, after)
    if case["bias"]:
        expected += constants["bias"].astype(float).reshape(-1, *[1] * len(case["size"]))
    (made,) = evaluate("conv", {"x": x}, options(case), [expected.astype(dtype)], constants)
    bound = {"float32": 2e-5, "float16": 2e-3}[dtype]
    np.testing.assert_allclose(made, expected, rtol=bound, atol=bound * (1 + np.abs(expected).max()))


@settings(deadline=None, max_examples=200)
@given(cases(transposed=True))
def test_conv_transpose(case: dict[str, Any]) -> None:
    axes, groups = len(case["size"]), case["groups"]
    x = noise(case["seed"], (case["batch"], case["inner"] * groups, *case["size"]))
    weight = noise(case["seed"] + 1, (case["inner"] * groups, case["outer"], *case["kernel"]))
    constants = {"weight": weight}
    expected = spread(x, weight, case)
    natural = []
    pads = set()
    for axis in range(axes):
        full = expected.shape[2 + axis]
        if case["pad_type"] == "same":
            length = case["size"][axis] * case["strides"][axis]
            cut = max(0, full - length)
            before, behind = cut // 2, cut - cut // 2
        else:
            before, behind = case["pad"][2 * axis : 2 * axis + 2] if case["pad"] else (0, 0)
            length = full - before - behind
        natural.append((before, length))
        pads |= {before, behind}
    if any(length < 1 for _, length in natural) or len(pads) > 1:
        assert code("conv_transpose", {"x": x}, options(case), [x], constants) == "MLPROGRAM-VALUE"
        return
    # as much as is asked for, zeros where no kernel lies
    for axis, (before, length) in enumerate(natural, start=2):
        more = max(0, before + length - expected.shape[axis])
        expected = np.pad(expected, [(0, more if i == axis else 0) for i in range(axes + 2)])
        expected = expected.take(range(before, before + length), axis)
    if case["bias"]:
        constants["bias"] = noise(case["seed"] + 2, expected.shape[1:2])
        expected += constants["bias"].reshape(-1, *[1] * axes)
    values = options(case) | ({"output_shape": expected.shape} if case["seed"] % 3 else {})
    (made,) = evaluate("conv_transpose", {"x": x}, values, [expected.astype("float32")], constants)
    np.testing.assert_allclose(made, expected, rtol=2e-5, atol=2e-5 * (1 + np.abs(expected).max()))


@settings(deadline=None, max_examples=150)
@given(cases(transposed=True))
def test_conv_transpose_is_the_gradient_of_conv(case: dict[str, Any]) -> None:
    """<conv(big), small> = <big, conv_transpose(small)>, where every pixel of the big one is under a window."""
    groups = case["groups"]
    big = noise(case["seed"], (1, case["inner"] * groups, *case["size"]))
    weight = noise(case["seed"] + 1, (case["outer"] * groups, case["inner"], *case["kernel"]))
    before, after = split_pads(*(case[k] for k in ("size", "kernel", "strides", "dilations", "pad_type", "pad")))
    rims = [d + b + a for d, b, a in zip(case["size"], before, after, strict=True)]
    reach = [(k - 1) * w + 1 for k, w in zip(case["kernel"], case["dilations"], strict=True)]
    fits = all(r >= e and (r - e) % s == 0 for r, e, s in zip(rims, reach, case["strides"], strict=True))
    if not fits or len({*before, *after}) > 1 or case["pad_type"] == "same":
        return
    forward = summed(big, weight, case, before, after)
    small = noise(case["seed"] + 2, forward.shape)
    (back,) = evaluate("conv_transpose", {"x": small}, options(case), [big], {"weight": weight})
    there, here = (forward * small).sum(), (big.astype(float) * back).sum()
    assert abs(there - here) <= 1e-4 * (1 + np.abs(forward * small).sum())


@pytest.mark.parametrize(
    ("kernel", "values", "right"),
    [
        ((3, 2), {"strides": (2, 2), "pad_type": "custom", "pad": (1, 1, 1, 1)}, False),  # the reported one
        ((4, 3), {"strides": (2, 1), "pad_type": "custom", "pad": (1, 1, 0, 0)}, False),
        ((3, 2), {"strides": (2, 2), "pad_type": "same"}, False),
        ((3, 2), {"strides": (1, 1), "pad_type": "custom", "pad": (1, 1, 1, 1)}, True),
        ((3, 2), {"strides": (2, 2)}, True),
        ((3, 2), {"strides": (2, 2), "pad_type": "custom", "pad": (1, 1, 0, 0)}, True),
        ((3, 3), {"strides": (2, 2), "pad_type": "custom", "pad": (1, 1, 1, 1)}, True),
        ((4, 4), {"strides": (2, 2), "pad_type": "custom", "pad": (1, 1, 1, 1)}, True),
    ],
)
def test_what_core_ml_miscomputes(kernel: tuple[int, int], values: dict[str, Any], right: bool) -> None:
    """coremltools#2515."""
    x, weight = noise(1, (1, 2, 5, 5)), noise(2, (2, 2, *kernel))
    case = {"dilations": (1, 1), "groups": 1, "strides": values["strides"]}
    rim = split_pads((5, 5), kernel, values["strides"], (1, 1), values.get("pad_type", "valid"), values.get("pad", ()))
    expected = summed(x, weight, case, *rim).astype("float32")
    if not right:
        assert code("conv", {"x": x}, values, [expected], {"weight": weight}) == "MLPROGRAM-VALUE"
        return
    np.testing.assert_allclose(
        evaluate("conv", {"x": x}, values, [expected], {"weight": weight})[0], expected, atol=1e-5
    )


X = np.ones((1, 4, 5, 5), np.float32)
W = np.ones((6, 4, 3, 3), np.float32)
OUT = TensorType("float32", (1, 6, 3, 3))
WIDE = TensorType("float32", (1, 6, 7, 7))


@pytest.mark.parametrize(
    ("x", "weight", "values", "bias"),
    [
        (X, W, {"groups": 0}, None),
        (X, W, {"groups": -1}, None),
        (X, W, {"groups": 2}, None),
        (X, W, {"groups": 3}, None),
        (X, W, {"pad_type": "full"}, None),
        (X, W, {"strides": (1,)}, None),
        (X, W, {"strides": (0, 1)}, None),
        (X, W, {"dilations": (1, 1, 1)}, None),
        (X, W, {"pad_type": "custom", "pad": (1,)}, None),
        (X, W, {"pad_type": "custom", "pad": (1, 1, -1, 1)}, None),
        (X, W, {}, np.ones(5, np.float32)),
        (X, W[..., 0], {}, None),
        (X, np.ones((6, 4, 6, 3), np.float32), {}, None),
        (X[0, 0], W[0, 0], {}, None),
        (X[:, :, None, None], W[:, :, None, None], {}, None),
        (X.astype(np.int32), W, {}, None),
        (X, W, {"strides": "1"}, None),
    ],
)
@pytest.mark.parametrize("kind", ["conv", "conv_transpose"])
def test_wrong_arguments(kind: str, x: Array, weight: Array, values: dict[str, Any], bias: Array | None) -> None:
    if kind == "conv_transpose" and weight.shape[2:] == (6, 3):
        values = {"output_shape": (1, 4, 5, 5)}
    if kind == "conv_transpose" and values == {"groups": 2}:
        values = {"groups": 8}
    if kind == "conv_transpose" and weight.ndim == 4:
        weight = weight.swapaxes(0, 1)
    constants = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    assert code(kind, {"x": x}, values, [OUT if kind == "conv" else WIDE], constants) == "MLPROGRAM-VALUE"


@pytest.mark.parametrize(
    "values",
    [
        {"pad_type": "same_lower"},
        {"output_shape": (1, 6, 7)},
        {"output_shape": (1, 5, 7, 7)},
        {"output_shape": (2, 6, 7, 7)},
        {"output_shape": (1, 6, 8, 7)},
        {"output_shape": (1, 6, 6, 7), "strides": (2, 2)},
        {"output_shape": (1, 6, 5, 5)},
        {"pad_type": "same", "strides": (2, 2)},
        {"pad_type": "custom", "pad": (0, 1, 0, 1)},
        {"pad_type": "custom", "pad": (1, 1, 2, 2)},
        {"pad_type": "custom", "pad": (9, 9, 9, 9)},
    ],
)
def test_wrong_shapes_of_conv_transpose(values: dict[str, Any]) -> None:
    assert code("conv_transpose", {"x": X}, values, [OUT], {"weight": W.swapaxes(0, 1)}) == "MLPROGRAM-VALUE"


def test_a_declared_shape_that_is_not_the_computed_one() -> None:
    assert code("conv", {"x": X}, {}, [TensorType("float32", (1, 6, 4, 3))], {"weight": W}) == "MLPROGRAM-SHAPE"
    assert code("conv", {"x": X}, {}, [TensorType("float16", (1, 6, 3, 3))], {"weight": W}) == "MLPROGRAM-SHAPE"


def test_a_large_output_of_conv_transpose_allocates_nothing() -> None:
    values = {"strides": (10**6, 10**6)}
    assert code("conv_transpose", {"x": X}, values, [OUT], {"weight": W.swapaxes(0, 1)}) == "MLPROGRAM-SIZE"
