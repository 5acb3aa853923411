from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, inferred, noise, shapes
from mlprogram.operators.one import evaluate

KIND = "scaled_dot_product_attention"


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Row by row, in float64."""
    result = np.empty((*query.shape[:-1], value.shape[-1]))
    added = np.broadcast_to(mask, (*query.shape[:-1], key.shape[-2]))
    for place in np.ndindex(query.shape[:-1]):
        batch = place[:-1]
        weights = np.array(
            [math.exp(query[place] @ k / math.sqrt(k.size) + m) for k, m in zip(key[batch], added[place], strict=True)]
        )
        result[place] = weights / weights.sum() @ value[batch]
    return result


@given(
    shapes(1, 2, 3),
    st.tuples(*[st.integers(1, 5)] * 4),
    st.sampled_from(("none", "bool", "float", "infinite")),
    st.data(),
    SEEDS,
)
@settings(max_examples=40, deadline=None)
def test_attention(batch, sizes, kind, data, seed) -> None:
    length, source, embedding, width = sizes
    query, key = noise(seed, (*batch, length, embedding)), noise(seed + 1, (*batch, source, embedding))
    value = noise(seed + 2, (*batch, source, width))
    full = (*batch, length, source)
    # a mask may leave out leading axes and have axes of size 1, its last one excepted
    shape = full[data.draw(st.integers(0, len(full) - 1)) :]
    shape = (*(1 if data.draw(st.booleans()) else n for n in shape[:-1]), source)
    chosen = noise(seed + 3, shape, "bool")
    chosen[..., 0] = True
    mask = {"none": 0.0, "float": noise(seed + 3, shape)}.get(kind, np.where(chosen, 0, -np.inf).astype(np.float32))
    expected = attention(*(a.astype(np.float64) for a in (query, key, value)), mask).astype(np.float32)
    given_ = {"query": query, "key": key, "value": value}
    constants = {} if kind == "none" else {"attn_mask": chosen if kind == "bool" else mask}
    (got,) = evaluate(KIND, given_, {}, [expected], constants)
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("mask", [None, noise(3, (4, 6), "bool"), noise(3, (3, 1, 6))])
def test_what_coremltools_infers(mask: np.ndarray | None) -> None:
    given_ = {"query": noise(0, (2, 3, 4, 5)), "key": noise(1, (2, 3, 6, 5)), "value": noise(2, (2, 3, 6, 7))}
    extra = {} if mask is None else {"attn_mask": mask}
    (expected,) = inferred(KIND, "iOS18", **given_, **extra)
    (got,) = evaluate(KIND, given_, {}, [expected.astype(np.float32)], extra)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_row_without_any_element_is_nan() -> None:
    given_ = {name: noise(i, (1, 2, 3)) for i, name in enumerate(("query", "key", "value"))}
    mask = np.array([[True, True], [False, False]])
    (got,) = evaluate(KIND, given_, {}, [given_["value"]], {"attn_mask": mask})
    assert np.isfinite(got[0, 0]).all()
    assert np.isnan(got[0, 1]).all()


def test_float16_is_rounded_once() -> None:
    given_ = {name: noise(i, (2, 9, 4), "float16") for i, name in enumerate(("query", "key", "value"))}
    expected = attention(*(a.astype(np.float64) for a in given_.values()), np.zeros(1))
    (got,) = evaluate(KIND, given_, {}, [expected.astype(np.float16)])
    assert (np.abs(got - expected) <= 0.51 * np.spacing(np.abs(expected).astype(np.float16))).all()


@pytest.mark.parametrize(
    ("key", "value", "mask"),
    [
        ((2, 6, 5), (2, 6, 7), None),
        ((1, 3, 6, 5), (1, 3, 6, 7), None),
        ((2, 3, 6, 4), (2, 3, 6, 7), None),
        ((2, 3, 6, 5), (2, 3, 5, 7), None),
        ((2, 3, 6, 5), (2, 3, 6, 7), (4, 5)),
        ((2, 3, 6, 5), (2, 3, 6, 7), (3, 6)),
        ((2, 3, 6, 5), (2, 3, 6, 7), (2, 2, 3, 4, 6)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(key: tuple, value: tuple, mask: tuple | None) -> None:
    given_ = {"query": noise(0, (2, 3, 4, 5)), "key": noise(1, key), "value": noise(2, value)}
    if mask is not None:
        given_["attn_mask"] = noise(3, mask)
    with pytest.raises(InputError, match=r"MLPROGRAM-(VALUE|SHAPE)"):
        evaluate(KIND, given_, {}, [TensorType("float32", (2, 3, 4, 7))])
