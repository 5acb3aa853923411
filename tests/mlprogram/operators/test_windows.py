"""Padding of windows, against coremltools' own shape inference and the words of ``same``."""

from __future__ import annotations

import pytest
from coremltools.converters.mil.mil.ops.defs._utils import spatial_dimensions_out_shape
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.mlprogram.operators.windows import split_pads

AXIS = st.tuples(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))


@settings(deadline=None, max_examples=150)
@given(st.lists(AXIS, min_size=1, max_size=3), st.sampled_from(["same", "same_lower", "valid"]))
def test_output_sizes_are_those_of_coremltools(axes: list[tuple[int, ...]], pad_type: str) -> None:
    size, kernel, strides, dilations = (tuple(a[i] for a in axes) for i in range(4))
    before, after = split_pads(size, kernel, strides, dilations, pad_type, ())
    made = [
        (d + b + a - (k - 1) * w - 1) // s + 1
        for d, b, a, k, s, w in zip(size, before, after, kernel, strides, dilations, strict=True)
    ]
    if min(made) > 0:
        assert made == spatial_dimensions_out_shape(pad_type, size, kernel, strides, dilations)
    if pad_type != "valid":
        assert made == [-(-d // s) for d, s in zip(size, strides, strict=True)]
        odd = [a - b if pad_type == "same" else b - a for b, a in zip(before, after, strict=True)]
        assert set(odd) <= {0, 1}


def test_custom_pads_are_pairs() -> None:
    assert split_pads((5, 5), (3, 3), (1, 1), (1, 1), "custom", (1, 2, 3, 4)) == ((1, 3), (2, 4))
    assert split_pads((5, 5), (3, 3), (1, 1), (1, 1), "custom", ()) == ((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("kernel", "strides", "dilations", "pad_type", "pad"),
    [
        ((3,), (1, 1), (1, 1), "valid", ()),
        ((3, 3), (1,), (1, 1), "valid", ()),
        ((3, 3), (1, 1), (1, 1, 1), "valid", ()),
        ((3, 0), (1, 1), (1, 1), "valid", ()),
        ((3, 3), (0, 1), (1, 1), "same", ()),
        ((3, 3), (1, 1), (1, -1), "same", ()),
        ((3, 3), (1, 1), (1, 1), "custom", (1, 1)),
        ((3, 3), (1, 1), (1, 1), "custom", (1, 1, 1, -1)),
        ((3, 3), (1, 1), (1, 1), "SAME", ()),
    ],
)
def test_wrong_windows(
    kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...], pad_type: str, pad: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        split_pads((5, 5), kernel, strides, dilations, pad_type, pad)
