from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, inferred, noise, shapes
from mlprogram.operators.one import evaluate

DTYPES = st.sampled_from(("int8", "uint8"))
LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


def whole(seed: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    low, high = LIMITS[dtype]
    return np.random.default_rng(seed).integers(low, high + 1, shape).astype(dtype)


@given(shapes(1, 4), DTYPES, st.booleans(), st.booleans(), st.data(), SEEDS)
@settings(max_examples=40, deadline=None)
def test_quantize_and_dequantize(shape, dtype, per_axis, shifted, data, seed) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    size = (shape[axis],) if per_axis else ()
    along = [n if a == axis and per_axis else 1 for a, n in enumerate(shape)]
    # powers of two keep quotients exact, so that halves are halves
    scale = np.exp2(np.random.default_rng(seed).integers(-4, 3, size)).astype(np.float32)
    zero_point = whole(seed, size, dtype)
    x = np.random.default_rng(seed + 1).integers(-2000, 2000, shape).astype(np.float32) / 8
    wide = x.astype(np.float64) / scale.reshape(along)
    # halves go to the even neighbour
    nearest = np.floor(wide + 0.5) - ((wide % 1 == 0.5) & (np.floor(wide) % 2 == 0))
    shift = zero_point.reshape(along).astype(np.float64) if shifted else 0
    expected = np.clip(nearest + shift, *LIMITS[dtype]).astype(dtype)
    constants = {"scale": scale} | ({"zero_point": zero_point} if shifted else {})
    values = {"axis": axis - len(shape) * (seed % 2)} if per_axis else {}
    (got,) = evaluate("quantize", {"input": x}, {**values, "output_dtype": dtype}, [expected], constants)
    np.testing.assert_array_equal(got, expected)
    back = ((expected.astype(np.float64) - shift) * scale.reshape(along)).astype(np.float32)
    np.testing.assert_array_equal(evaluate("dequantize", {"input": expected}, values, [back], constants)[0], back)


@given(shapes(1, 4), DTYPES, st.sampled_from(("float16", "float32")), SEEDS)
@settings(max_examples=30, deadline=None)
def test_dequantize_is_the_product_rounded_once(shape, dtype, scale_dtype, seed) -> None:
    x, zero_point, scale = whole(seed, shape, dtype), whole(seed + 1, (), dtype), noise(seed, (), scale_dtype)
    exact = (x.astype(np.float64) - zero_point) * scale.astype(np.float64)
    constants = {"scale": scale, "zero_point": zero_point}
    (got,) = evaluate("dequantize", {"input": x}, {}, [exact.astype(scale_dtype)], constants)
    np.testing.assert_array_equal(got, exact.astype(scale_dtype))


def test_what_coremltools_infers() -> None:
    x, scale, zero_point = noise(0, (3, 4)), np.float32([0.1, 0.02, 0.3, 0.01]), np.int8([3, -5, 0, 100])
    arguments = {"scale": scale, "zero_point": zero_point}
    (expected,) = inferred("quantize", input=x, axis=1, output_dtype="int8", **arguments)
    (got,) = evaluate("quantize", {"input": x}, {"axis": 1, "output_dtype": "int8"}, [expected], arguments)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("output", ["int32", "float16", "nonsense"])
def test_other_dtypes_are_refused(output: str) -> None:
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        declared = [TensorType("int32", (2,))]
        evaluate("quantize", {"input": noise(0, (2,))}, {"output_dtype": output}, declared, {"scale": np.float32(1)})


@pytest.mark.parametrize(("scale", "axis"), [((3,), 0), ((2,), None), ((2, 2), 0), ((2,), 2)])
def test_scales_that_do_not_fit_are_refused(scale: tuple[int, ...], axis: int | None) -> None:
    values = {} if axis is None else {"axis": axis}
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        declared = [TensorType("float32", (2, 2))]
        evaluate("dequantize", {"input": whole(0, (2, 2), "int8")}, values, declared, {"scale": noise(0, scale)})
