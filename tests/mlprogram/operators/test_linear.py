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


@given(shapes(0, 2), st.integers(1, 5), st.integers(1, 5), st.booleans(), SEEDS)
@settings(max_examples=20, deadline=None)
def test_linear(batch, inner, outer, biased, seed) -> None:
    x, weight, bias = noise(seed, (*batch, inner)), noise(seed + 1, (outer, inner)), noise(seed, (outer,))
    expected = (x[..., None, :].astype(np.float64) * weight).sum(-1) + (bias if biased else 0)
    constants = {"weight": weight} | ({"bias": bias} if biased else {})
    (got,) = evaluate("linear", {"x": x}, results=[expected.astype(np.float32)], constants=constants)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_no_linear_of_whole_numbers() -> None:
    x = np.ones((1, 2), np.int32)
    assert code("linear", {"x": x}, {}, [x], {"weight": np.ones((2, 2), np.int32)}) == "MLPROGRAM-VALUE"


@given(
    shapes(0, 2),
    st.tuples(*[st.integers(1, 5)] * 3),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from(("float32", "int32")),
    SEEDS,
)
@settings(max_examples=30, deadline=None)
def test_matmul(batch, sizes, transpose_x, transpose_y, ones, dtype, seed) -> None:
    m, k, n = sizes
    # `ones` hides batch axes of either side, so that they are broadcast
    left = tuple(1 if ones >> i & 1 else size for i, size in enumerate(batch))
    right = tuple(size for i, size in enumerate(batch) if ones != 3 or i)
    x, y = noise(seed, (*left, m, k), dtype), noise(seed + 1, (*right, k, n), dtype)
    expected = (x[..., :, :, None].astype(np.float64) * y[..., None, :, :]).sum(-2).astype(dtype)
    (got,) = evaluate(
        "matmul",
        {"x": x.swapaxes(-1, -2) if transpose_x else x, "y": y.swapaxes(-1, -2) if transpose_y else y},
        {"transpose_x": transpose_x, "transpose_y": transpose_y},
        [expected],
    )
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("vector", ["x", "y"])
def test_no_matmul_of_a_vector(vector: str) -> None:
    """coremltools#2263."""
    x, y = noise(1, (2, 3, 4)), noise(2, (2, 4, 5))
    given = {"x": x[0, 0], "y": y} if vector == "x" else {"x": x, "y": y[0, :, 0]}
    expected = np.einsum("k,bkn->bn", *given.values()) if vector == "x" else np.einsum("bmk,k->bm", *given.values())
    assert code("matmul", given, {}, [expected]) == "MLPROGRAM-VALUE"


def test_matmul_rounds_once_to_float16() -> None:
    x, y = noise(1, (3, 70), "float16"), noise(2, (70, 5), "float16")
    expected = (x.astype(np.float64) @ y.astype(np.float64)).astype(np.float16)
    (got,) = evaluate("matmul", {"x": x, "y": y}, results=[expected])
    assert (np.abs(got.astype(np.float64) - expected) <= np.spacing(np.abs(expected))).all()
    assert (got == expected).mean() > 0.9


@given(shapes(5, 5), st.booleans(), st.booleans(), st.booleans(), SEEDS)
@settings(max_examples=20, deadline=None)
def test_einsum(sizes, batched, broadcast_h, broadcast_n, seed) -> None:
    n, c, h, w, u = sizes
    x, y = noise(seed, (n, c, 1 if broadcast_h else h, w)), noise(seed + 1, (1 if broadcast_n else n, w, h, u))
    equation = " bcqk, bkhe -> bche".replace("q", "h")
    if not batched:
        x, y, equation = x[0], y[0], "chw,whr->chr"
    expected = sum(x[..., i : i + 1] * y[..., i, :, :][..., None, :, :] for i in range(w))
    (got,) = evaluate("einsum", {"values": [x, y]}, {"equation": equation}, [expected])
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("equation", ["chw,wrh->chr", "nchw,nwhu->nuhc", "ij,jk->ik", "chw", ""])
def test_other_einsums_are_refused(equation: str) -> None:
    values = [noise(0, (2, 2, 2, 2)), noise(1, (2, 2, 2, 2))]
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("einsum", {"values": values}, {"equation": equation}, [values[0]])


def test_what_coremltools_infers() -> None:
    x, y = noise(1, (2, 3, 4)), noise(2, (5, 4))
    (expected,) = inferred("matmul", x=x, y=y, transpose_y=True)
    (got,) = evaluate("matmul", {"x": x, "y": y}, {"transpose_y": True}, [expected])
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate("matmul", {"x": x, "y": y}, {"transpose_y": False}, [TensorType("float32", (2, 3, 5))])
