from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.types import TensorType
from mlprogram.operators.arrays import SEEDS, noise, shapes
from mlprogram.operators.one import evaluate


@given(shapes(4, 4, 3), st.integers(1, 3), SEEDS)
@settings(max_examples=20, deadline=None)
def test_blocks(shape, b, seed) -> None:
    n, c, h, w = shape
    image = noise(seed, (n, c, h * b, w * b))
    shuffled, depth = np.empty((n, c * b * b, h, w), np.float32), np.empty((n, c * b * b, h, w), np.float32)
    for channel in range(c):
        for i in range(b):
            for j in range(b):
                part = image[:, channel, i::b, j::b]
                shuffled[:, (channel * b + i) * b + j] = part
                depth[:, (i * b + j) * c + channel] = part
    for kind, argument, given_, expected in (
        ("pixel_shuffle", "upscale_factor", shuffled, image),
        ("pixel_unshuffle", "downscale_factor", image, shuffled),
        ("depth_to_space", "block_size", depth, image),
        ("space_to_depth", "block_size", image, depth),
    ):
        (got,) = evaluate(kind, {"x": given_}, {argument: b}, [expected])
        np.testing.assert_array_equal(got, expected, err_msg=kind)


@pytest.mark.parametrize(("kind", "argument"), [("pixel_shuffle", "upscale_factor"), ("space_to_depth", "block_size")])
def test_blocks_that_do_not_fit_are_refused(kind: str, argument: str) -> None:
    with pytest.raises(InputError, match="MLPROGRAM-VALUE"):
        evaluate(kind, {"x": noise(0, (1, 3, 3, 3))}, {argument: 2}, [TensorType("float32", (1, 3, 3, 3))])


@given(shapes(1, 3, 6), st.data(), SEEDS)
@settings(max_examples=20, deadline=None)
def test_sliding_windows(shape, data, seed) -> None:
    x = noise(seed, shape)
    axis = data.draw(st.integers(0, len(shape) - 1))
    size, stride = data.draw(st.integers(1, shape[axis])), data.draw(st.integers(1, 3))
    starts = range(0, shape[axis] - size + 1, stride)
    windows = [x[(slice(None),) * axis + (slice(s, s + size),)] for s in starts]
    expected = np.stack(windows, axis)
    values = {"axis": axis - len(shape) * (seed % 2), "size": size, "stride": stride}
    np.testing.assert_array_equal(evaluate("sliding_windows", {"x": x}, values, [expected])[0], expected)
