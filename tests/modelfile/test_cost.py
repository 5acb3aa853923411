"""MACs by hand, and against what torch counts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.modelfile import cost


def test_by_hand() -> None:
    # 3 x 3 over 2 of 4 channels: 18 products for each of 6 x 8 x 8 outputs
    assert cost.convolution((1, 6, 8, 8), (6, 2, 3, 3), 1) == 18 * 6 * 8 * 8
    assert cost.convolution((1, 8, 8, 6), (6, 3, 3, 2), -1) == 18 * 6 * 8 * 8
    # depthwise, as PyTorch and as TFLite store it
    assert cost.convolution((2, 5, 4, 4), (5, 1, 3, 3), 1) == 9 * 5 * 16 * 2
    assert cost.convolution((2, 4, 4, 5), (1, 3, 3, 5), -1) == 9 * 5 * 16 * 2
    # each of 4 x 5 x 5 inputs meets 3 outputs x 2 x 2
    assert cost.transposed_convolution((1, 4, 5, 5), (4, 3, 2, 2), 1) == 12 * 100
    assert cost.linear((7, 10), (10, 30)) == cost.linear((7, 10), (30, 10)) == 7 * 10 * 30
    assert cost.matrix_product((2, 3, 4, 6), (2, 3, 4, 5)) == 2 * 3 * 4 * 6 * 5
    assert cost.matrix_product((4, 6), (5, 4), 0) == 4 * 6 * 5


def test_what_is_open_stays_open() -> None:
    assert cost.convolution((None, 6, 8, 8), (6, 2, 3, 3), 1) is None
    assert cost.convolution(None, (6, 2, 3, 3), 1) is None
    assert cost.matrix_product((3, 4), (3, None)) is None
    assert cost.elements(()) == 1
    assert cost.elements((3, None)) is None
    assert cost.linear((0, 0), (0, 4)) == 0


def test_bytes() -> None:
    assert cost.stored_bytes("float32", (2, 3)) == 24
    assert cost.stored_bytes("int4", (5,)) == 3
    assert cost.stored_bytes("bool", ()) == 1
    assert cost.stored_bytes("object", (2,)) is None
    assert cost.stored_bytes(None, (2,)) is None


@pytest.mark.parametrize(
    "call", [lambda: cost.convolution((1, 6), (6, 2), 5), lambda: cost.convolution((1, 6), (7, 2), 1)]
)
def test_shapes_that_do_not_fit_are_refused(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"shape|fit"):
        call()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2),
    st.integers(0, 1), st.booleans(),
)  # fmt: skip
def test_against_torch(
    batch: int, groups: int, per_in: int, per_out: int, kernel: int, stride: int, padding: int, transposed: bool
) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    inputs, outputs = groups * per_in, groups * per_out
    kind = torch.nn.ConvTranspose2d if transposed else torch.nn.Conv2d
    layer = kind(inputs, outputs, kernel, stride, padding, groups=groups)
    image = torch.zeros(batch, inputs, 6, 7)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = layer(image)
    weight = tuple(layer.weight.shape)
    if transposed:
        macs = cost.transposed_convolution(tuple(image.shape), weight, 1)
    else:
        macs = cost.convolution(tuple(output.shape), weight, 1)
    assert macs is not None
    assert 2 * macs == counter.get_total_flops()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 3), max_size=2), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_products_against_torch(batch: list[int], rows: int, inner: int, columns: int) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    left, right = torch.zeros(*batch, rows, inner), torch.zeros(*batch, inner, columns)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = left @ right
    macs = cost.matrix_product(tuple(output.shape), tuple(left.shape))
    assert macs is not None
    assert 2 * macs == counter.get_total_flops()
