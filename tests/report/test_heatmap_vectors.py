"""``tests/vectors/heatmap.json`` holds the apps' heatmaps to these numbers; --update-goldens writes it anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.files import canonical_json
from cxredge.images.geometry import upsample
from cxredge.report.heatmap import colours

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "heatmap.json"

# (classes, rows, columns), label, (height, width): usual, odd ratios, one cell, one row, fewer pixels than cells
CASES = (
    ((5, 6, 6), 3, (48, 48)),
    ((2, 3, 4), 1, (7, 9)),
    ((1, 1, 1), 0, (3, 2)),
    ((2, 1, 5), 0, (4, 11)),
    ((2, 7, 7), 1, (5, 3)),
)


def strength(cam: NDArray[np.float32], height: int, width: int) -> list[float]:
    """float32[h, w] -> as ``heatmap.overlay`` computes it, flat."""
    positive = np.maximum(cam, 0)
    peak = float(positive.max())
    spread = upsample(positive / peak if peak > 0 else positive, height, width)
    return [float(x) for x in spread.ravel()]


def case(index: int, shape: tuple[int, int, int], label: int, size: tuple[int, int]) -> dict[str, object]:
    cam = np.random.Generator(np.random.PCG64(index)).normal(0, 8, shape).astype(np.float32)
    return {
        "shape": list(shape),
        "cam": [float(x) for x in cam.ravel()],
        "label": label,
        "size": list(size),
        "strength": strength(cam[label], *size),
    }


def cases() -> list[dict[str, object]]:
    against: dict[str, object] = {
        "shape": [1, 2, 2],
        "cam": [-1.0, -2.0, -0.5, -3.0],
        "label": 0,
        "size": [2, 3],
        "strength": [0.0] * 6,
    }
    return [*(case(i, *arguments) for i, arguments in enumerate(CASES)), against]


def painted() -> list[dict[str, float]]:
    # every 500th, and beyond the ends, which are cut
    places = [-0.5, *(i / 500 for i in range(501)), 1.5]
    ramp = colours(np.array([places]))[0].astype(int)
    return [{"strength": x, "colour": int(r << 16 | g << 8 | b)} for x, (r, g, b) in zip(places, ramp, strict=True)]


def test_vectors_are_current(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-goldens"):
        VECTORS.write_text(canonical_json({"cases": cases(), "colours": painted()}))
    kept = json.loads(VECTORS.read_text())
    assert kept["colours"] == painted()
    for one, other in zip(kept["cases"], cases(), strict=True):
        assert {**one, "strength": None} == {**other, "strength": None}
        # a BLAS of another machine may fuse a product and a sum: one rounding of a double less
        np.testing.assert_allclose(one["strength"], np.array(other["strength"]), rtol=0, atol=1e-15)


def test_what_argues_against_is_not_shown() -> None:
    assert strength(np.array([[-1, -2], [-0.5, -3]], np.float32), 2, 3) == [0.0] * 6
