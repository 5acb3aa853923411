"""JPEG files of the kinds that encoders write, each whole: what the phone's check of coded data must let through.

``jpegs.bin`` holds them end to end, ``jpegs.json`` the name and place of each.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxredge.vectors.sources import scene

SIZES = ((1, 1), (7, 9), (8, 8), (16, 17), (33, 50), (70, 41), (128, 96))
SUBSAMPLINGS: dict[str, dict[str, Any]] = {
    "444": {"subsampling": 0},
    "422": {"subsampling": 1},
    "420": {"subsampling": 2},
}
WAYS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "restart-1": {"restart_marker_blocks": 1},
    "restart-rows": {"restart_marker_rows": 1},
    "progressive-restart": {"progressive": True, "restart_marker_blocks": 3},
}
QUALITIES = (20, 75, 98)


def jpegs() -> Iterator[tuple[str, bytes]]:
    """Name and file of each: every size in every way, grey and colour, in qualities that take turns."""
    qualities = itertools.cycle(QUALITIES)
    for (height, width), (way, options) in itertools.product(SIZES, WAYS.items()):
        planes = [scene(height, width, 0, 255, seed).astype(np.uint8) for seed in (1, 2, 3)]
        noise = np.random.Generator(np.random.PCG64(height)).integers(0, 256, (height, width), np.uint8)
        grey = Image.fromarray(planes[0])
        colour = Image.fromarray(np.stack([planes[1], planes[2], noise], axis=-1))
        pictures = {"grey": (grey, {}), "noise": (Image.fromarray(noise), {})}
        pictures |= {name: (colour, given) for name, given in SUBSAMPLINGS.items()}
        for kind, (picture, given) in pictures.items():
            out, quality = BytesIO(), next(qualities)
            picture.save(out, "JPEG", quality=quality, **options, **given)
            yield f"{way}-{kind}-{height}x{width}-{quality}", out.getvalue()


def write(folder: Path) -> None:
    """Write both files into a folder that is there."""
    entries, at = [], 0
    with (folder / "jpegs.bin").open("wb") as out:
        for name, data in jpegs():
            out.write(data)
            entries.append({"name": name, "at": at, "size": len(data)})
            at += len(data)
    (folder / "jpegs.json").write_text(json.dumps({"films": entries}))
