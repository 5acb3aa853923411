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

UINT1 = {"mask": "uint1", "indices_mask": "uint1", "data_mask": "uint1", "0": "uint1"}


def stored(seed: int, shape: tuple[int, ...], dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """A mask with at least one bit, and as many numbers."""
    mask = noise(seed, shape, "bool").astype(np.uint8)
    mask.flat[seed % mask.size] = 1
    return mask, noise(seed, (int(mask.sum()),), dtype)


@given(shapes(1, 4, 5), st.sampled_from(("float16", "float32", "int8")), SEEDS)
@settings(max_examples=30, deadline=None)
def test_sparse_to_dense(shape, dtype, seed) -> None:
    mask, numbers = stored(seed, shape, dtype)
    expected = np.zeros(shape, dtype)
    numbers_left = iter(numbers)
    for place in np.ndindex(shape):
        if mask[place]:
            expected[place] = next(numbers_left)
    constants = {"nonzero_data": numbers, "mask": mask}
    (got,) = evaluate("constexpr_sparse_to_dense", {}, {}, [expected], constants, {"mask": "uint1"})
    np.testing.assert_array_equal(got, expected)
    constants["mask"] = np.packbits(mask, bitorder="little")
    values = {"shape": np.array(shape, np.uint32)}
    (got,) = evaluate("constexpr_sparse_to_dense", {}, values, [expected], constants)
    np.testing.assert_array_equal(got, expected)
    own = ios16.constexpr_sparse_to_dense.decompress(numbers, constants["mask"], shape)
    np.testing.assert_array_equal(got, own)


@given(shapes(1, 3, 3), st.data(), st.sampled_from((1, 2, 4)), SEEDS)
@settings(max_examples=30, deadline=None)
def test_lut_to_sparse(tables, data, width, seed) -> None:
    shape = tuple(t * data.draw(st.integers(1, 3)) for t in tables)
    mask, numbers = stored(seed, shape, "float32")
    indices = np.random.default_rng(seed).integers(0, 1 << width, numbers.shape).astype(np.uint8)
    vector = data.draw(st.integers(1, 3)) if set(tables) == {1} else 1
    axis = data.draw(st.integers(0, len(shape) - 1)) if vector > 1 else None
    lut = noise(seed, (*tables, 1 << width, vector), "float16")
    expected = ios18.constexpr_lut_to_sparse.decompress(mask, indices, lut, axis)
    constants = {"indices_mask": mask, "indices_nonzero_data": indices, "lut": lut}
    spelled = UINT1 | {"indices_nonzero_data": f"uint{width}"}
    values = {} if axis is None else {"vector_axis": axis}
    made = evaluate("constexpr_lut_to_sparse", {}, values, expected, constants, spelled)
    for got, one in zip(made, expected, strict=True):
        np.testing.assert_array_equal(got, one)


@given(shapes(1, 3, 3), st.data(), st.sampled_from(("float16", "float32")), st.booleans(), SEEDS)
@settings(max_examples=30, deadline=None)
def test_sparse_blockwise_shift_scale(blocks, data, dtype, shifted, seed) -> None:
    shape = tuple(b * data.draw(st.integers(1, 3)) for b in blocks)
    mask, numbers = stored(seed, shape, "int8")
    scale, offset = noise(seed, blocks, dtype), noise(seed + 1, blocks, "int8") if shifted else None
    expected = ios18.constexpr_sparse_blockwise_shift_scale.decompress(mask, numbers, scale, offset)
    constants = {"data_mask": mask, "nonzero_data": numbers, "scale": scale} | ({"offset": offset} if shifted else {})
    made = evaluate("constexpr_sparse_blockwise_shift_scale", {}, {}, expected, constants, UINT1)
    for got, one in zip(made, expected, strict=True):
        np.testing.assert_array_equal(got, one)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("packed", [True, False])
def test_as_many_numbers_as_bits(count: int, packed: bool) -> None:
    mask = np.uint8([1, 0, 1])
    constants = {"nonzero_data": noise(0, (count,)), "mask": np.packbits(mask, bitorder="little") if packed else mask}
    values, spelled = ({"shape": np.uint32([3])}, {}) if packed else ({}, {"mask": "uint1"})
    with pytest.raises(InputError, match=f"MLPROGRAM-VALUE.*2 elements are in the mask, and {count} are stored"):
        evaluate("constexpr_sparse_to_dense", {}, values, [TensorType("float32", (3,))], constants, spelled)


def test_bits_beyond_the_last_element_are_refused() -> None:
    constants = {"nonzero_data": noise(0, (2,)), "mask": np.uint8([0b1101])}
    with pytest.raises(InputError, match=r"MLPROGRAM-VALUE.*beyond"):
        declared = [TensorType("float32", (3,))]
        evaluate("constexpr_sparse_to_dense", {}, {"shape": np.uint32([3])}, declared, constants)


@pytest.mark.parametrize("size", [2, 8, 16, 2**31])
def test_a_mask_of_another_length_is_refused(size: int) -> None:
    constants = {"nonzero_data": noise(0, (2,)), "mask": np.uint8([0b11, 0])}
    with pytest.raises(InputError, match=r"MLPROGRAM-(VALUE|SHAPE)"):
        declared = [TensorType("float32", (3,))]
        evaluate("constexpr_sparse_to_dense", {}, {"shape": np.uint32([size])}, declared, constants)


def test_stored_elements_are_a_vector() -> None:
    constants = {"nonzero_data": noise(0, (1, 2)), "mask": np.uint8([1, 1])}
    with pytest.raises(InputError, match=r"MLPROGRAM-VALUE.*2 axes"):
        evaluate("constexpr_sparse_to_dense", {}, {}, [TensorType("float32", (2,))], constants, {"mask": "uint1"})
