"""Each expansion against coremltools' own, bit for bit; whole models are in ``tests/mlprogram/test_compressed.py``."""

from __future__ import annotations

import numpy as np
import pytest
from coremltools.converters.mil.mil.ops.defs.iOS16 import constexpr_ops as ios16
from coremltools.converters.mil.mil.ops.defs.iOS18 import compression as ios18
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, noise, shapes
from mlprogram.operators.one import evaluate

FLOATS = st.sampled_from(("float16", "float32"))
RANGES = {"int4": (-8, 7), "uint4": (0, 15), "int8": (-128, 127), "uint8": (0, 255)}
PACKED = st.sampled_from((1, 2, 4, 6, 8))
WIDTHS = st.sampled_from((1, 2, 3, 4, 6, 8))


def whole(seed: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    low, high = RANGES[dtype]
    return np.random.default_rng(seed).integers(low, high + 1, shape).astype("int8" if dtype[0] == "i" else "uint8")


def packed(numbers: np.ndarray, width: int) -> np.ndarray:
    bits = numbers.reshape(-1, 1) >> np.arange(width) & 1
    return np.packbits(bits.astype(np.uint8).ravel(), bitorder="little")


@given(shapes(1, 4, 5), st.sampled_from(("int8", "uint8")), FLOATS, st.data(), SEEDS)
@settings(max_examples=30, deadline=None)
def test_affine_dequantize(shape, dtype, scale_dtype, data, seed) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    size = (shape[axis],) if data.draw(st.booleans()) else ()
    scale, zero_point = np.abs(noise(seed, size, scale_dtype)), whole(seed + 1, size, dtype)
    arguments = {"quantized_data": whole(seed, shape, dtype), "zero_point": zero_point, "scale": scale}
    expected = ios16.constexpr_affine_dequantize.decompress(
        arguments["quantized_data"], np.asarray(zero_point), np.asarray(scale), axis
    )
    (got,) = evaluate("constexpr_affine_dequantize", {}, {"axis": axis}, [expected], arguments)
    np.testing.assert_array_equal(got, expected)


@given(shapes(1, 4, 3), st.data(), st.sampled_from(sorted(RANGES)), FLOATS, st.booleans(), SEEDS)
@settings(max_examples=40, deadline=None)
def test_blockwise_shift_scale(blocks, data, dtype, scale_dtype, shifted, seed) -> None:
    shape = tuple(b * data.draw(st.integers(1, 3)) for b in blocks)
    arguments = {"data": whole(seed, shape, dtype), "scale": noise(seed, blocks, scale_dtype)}
    offset = whole(seed + 1, blocks, dtype) if shifted else None
    # half of the offsets are floats, as coremltools allows, of whole numbers
    if shifted and seed % 2:
        offset = offset.astype(scale_dtype)
    expected = ios18.constexpr_blockwise_shift_scale.decompress(*arguments.values(), offset)
    if shifted:
        arguments["offset"] = offset
    spelled = {"data": dtype} | ({} if seed % 2 else {"offset": dtype})
    (got,) = evaluate("constexpr_blockwise_shift_scale", {}, {}, [expected], arguments, spelled)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("scale", "offset"), [((2, 3), None), ((2,), None), ((2, 2), (1, 2)), ((3, 2), None)])
def test_blocks_that_do_not_fit_are_refused(scale: tuple, offset: tuple | None) -> None:
    arguments = {"data": whole(0, (4, 4), "int8"), "scale": noise(0, scale)}
    if offset:
        arguments["offset"] = whole(0, offset, "int8")
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("constexpr_blockwise_shift_scale", {}, {}, [TensorType("float32", (4, 4))], arguments)


@given(shapes(1, 4, 5), PACKED, st.sampled_from(("float16", "float32", "int8")), SEEDS)
@settings(max_examples=30, deadline=None)
def test_packed_lookup(shape, width, dtype, seed) -> None:
    numbers = np.random.default_rng(seed).integers(0, 1 << width, shape).astype(np.uint8)
    lut = noise(seed, (1 << width,), dtype)
    (got,) = evaluate(
        "constexpr_lut_to_dense",
        {},
        {"shape": np.array(shape, np.uint32)},
        [TensorType(dtype, shape)],
        {"indices": packed(numbers, width), "lut": lut},
    )
    np.testing.assert_array_equal(got, lut[numbers])
    np.testing.assert_array_equal(
        got, ios16.constexpr_lut_to_dense.decompress(lut, packed(numbers, width), np.array(shape))
    )


@given(shapes(1, 3, 3), st.data(), WIDTHS, st.sampled_from(("float16", "float32", "int8")), SEEDS)
@settings(max_examples=40, deadline=None)
def test_grouped_and_vector_lookup(tables, data, width, dtype, seed) -> None:
    shape = tuple(t * data.draw(st.integers(1, 3)) for t in tables)
    vector = data.draw(st.integers(1, 3))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    indices = np.random.default_rng(seed).integers(0, 1 << width, shape).astype(np.uint8)
    lut = noise(seed, (*tables, 1 << width, vector), dtype)
    made = list(shape)
    made[axis] *= vector
    expected = np.empty(made, dtype)
    for place in np.ndindex(*made):
        source = list(place)
        source[axis] //= vector
        table = [s * t // n for s, t, n in zip(source, tables, shape, strict=True)]
        expected[place] = lut[(*table, indices[tuple(source)], place[axis] % vector)]
    values = {"vector_axis": axis} if vector > 1 or data.draw(st.booleans()) else {}
    arguments, spelled = {"indices": indices, "lut": lut}, {"indices": f"uint{width}"}
    (got,) = evaluate("constexpr_lut_to_dense", {}, values, [expected], arguments, spelled)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(got, ios18.constexpr_lut_to_dense.decompress(indices, lut, axis))


@pytest.mark.parametrize(
    ("indices", "lut", "values"),
    [
        (np.uint8([0]), noise(0, (3,)), {"shape": np.uint32([4])}),
        (np.uint8([0]), noise(0, (8,)), {"shape": np.uint32([2])}),
        (np.uint8([0, 0]), noise(0, (2,)), {"shape": np.uint32([4])}),
        (np.uint8([0]), noise(0, (2,)), {"shape": np.uint32([0])}),
        (np.uint8([0, 4]), noise(0, (1, 4, 1)), {}),
        (np.uint8([0, 3]), noise(0, (1, 4, 2)), {}),
        (np.uint8([0, 3]), noise(0, (4, 1)), {}),
        (np.uint8([0, 3, 1]), noise(0, (2, 4, 1)), {}),
        (np.uint8([0, 3]), noise(0, (1, 4, 2)), {"vector_axis": 1}),
    ],
)
def test_lookups_that_do_not_fit_are_refused(indices: np.ndarray, lut: np.ndarray, values: dict) -> None:
    declared = [TensorType("float32", tuple(values.get("shape", indices.shape)))]
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("constexpr_lut_to_dense", {}, values, declared, {"indices": indices, "lut": lut})


def test_cast() -> None:
    x = noise(0, (2, 3), "float16")
    values = {"output_dtype": "fp32"}
    (got,) = evaluate("constexpr_cast", {}, values, [x.astype(np.float32)], {"source_val": x})
    np.testing.assert_array_equal(got, x.astype(np.float32))
    with pytest.raises(InputError, match=r"MLPROGRAM-VALUE.*no cast to 'fp16'"):
        evaluate("constexpr_cast", {}, {"output_dtype": "fp16"}, [x], {"source_val": x})


def test_run_time_values_are_not_decompressed() -> None:
    given_ = {"data": whole(0, (4,), "int8")}
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("constexpr_blockwise_shift_scale", given_, {}, [noise(0, (4,))], {"scale": noise(0, (1,))})
