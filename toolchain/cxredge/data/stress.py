"""Stress: the same films as another exposure, compression, focus, posture or a phone's camera would show them.

Changes act on preprocessed pixels, behind the resize. So one strength means one thing to the student whatever the
film's resolution was, no film is read a second time, and an artifact and the reference get the same bytes. It is
harsher than the same damage done to a full film: a blur or a JPEG block of one pixel here is many pixels there. Bars
of ``pad`` are changed along with the film.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_FILMS = 60
"""Films that are changed: with five labels 300 decisions of each kind."""
GAMMA = 1.5
"""Exponent of the tone curve, and its inverse: beyond the 0.8 to 1.2 that training shows, still easy for a person."""
JPEG_QUALITY = 30
"""Just above the mildest step, 25, of ImageNet-C (Hendrycks & Dietterich 2019)."""
BLUR_SIGMA = 1.0
"""Pixels: the mildest Gaussian blur of ImageNet-C."""
TURN_DEGREES = 5.0
"""An oblique patient or a film hung by hand: within the 7 degrees that training shows."""
SHADE = 0.30
"""Share of light lost from the bright side of a photographed film to the dark one, as from a window at one side. This
and the next are chosen by eye: plain to see, and every structure of the film still is."""
VIGNETTE = 0.25
"""Share of light lost in a photograph's corners."""


@dataclass(frozen=True)
class Stress:
    """One change."""

    kind: str
    what: str
    change: Callable[[Image, int, int], Image]
    """(picture of mode L or RGB, its number in the stack, grey level of the bars) -> the same mode and size."""


def stress_films(count: int) -> NDArray[np.intp]:
    """Which of ``count`` films are used: int[n], n <= 60, evenly spread, in order."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_FILMS)).round().astype(np.intp))


def stress(pixels: NDArray[np.uint8], pad_value: int) -> NDArray[np.uint8]:
    """uint8[n, ch, H, W] -> uint8[K * n, ch, H, W]: all films changed by the first of ``STRESSES``, then the next."""
    changed = [_changed(picture, i, how, pad_value) for how in STRESSES for i, picture in enumerate(pixels)]
    return np.stack(changed)


def _changed(picture: NDArray[np.uint8], number: int, how: Stress, pad_value: int) -> NDArray[np.uint8]:
    from PIL import Image

    grey = len(picture) == 1
    image = how.change(Image.fromarray(picture[0] if grey else picture.transpose(1, 2, 0)), number, pad_value)
    changed = np.asarray(image)
    return changed[None] if grey else changed.transpose(2, 0, 1)


def _tone(exponent: float) -> Callable[[Image, int, int], Image]:
    levels = [round(255 * (level / 255) ** exponent) for level in range(256)]
    return lambda image, number, pad: image.point(levels * len(image.getbands()))


def _jpeg(image: Image, number: int, pad: int) -> Image:
    from PIL import Image

    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=JPEG_QUALITY)
    with Image.open(stream) as opened:
        opened.load()
        return opened


def _blur(image: Image, number: int, pad: int) -> Image:
    from PIL import ImageFilter

    return image.filter(ImageFilter.GaussianBlur(BLUR_SIGMA))


def _turn(image: Image, number: int, pad: int) -> Image:
    from PIL.Image import Resampling

    angle = TURN_DEGREES * (1 - 2 * (number % 2))
    return image.rotate(angle, Resampling.BILINEAR, fillcolor=pad if image.mode == "L" else (pad, pad, pad))


def _photo(image: Image, number: int, pad: int) -> Image:
    """Light falls off linearly across the picture, from another side each time, and with the square of the distance
    from the middle. Nothing is bent."""
    from PIL import Image

    down, across = np.linspace(-1, 1, image.height)[:, None], np.linspace(-1, 1, image.width)[None, :]
    side = number * math.pi * (3 - math.sqrt(5))  # the golden angle: sides are spread evenly, however many films
    slope = (math.cos(side) * across + math.sin(side) * down) / (abs(math.cos(side)) + abs(math.sin(side)))
    light = (1 - SHADE * (1 + slope) / 2) * (1 - VIGNETTE * (across**2 + down**2) / 2)
    levels = np.asarray(image, np.float64)
    shaded = levels * (light if levels.ndim == 2 else light[..., None])
    return Image.fromarray(np.rint(shaded).astype(np.uint8))


STRESSES = (
    Stress("darker", f"tone curve of exponent {GAMMA:g}", _tone(GAMMA)),
    Stress("brighter", f"tone curve of exponent 1/{GAMMA:g}", _tone(1 / GAMMA)),
    Stress("jpeg", f"JPEG of quality {JPEG_QUALITY}", _jpeg),
    Stress("blur", f"Gaussian blur, sigma {BLUR_SIGMA:g} input pixel", _blur),
    Stress("turned", f"turned by {TURN_DEGREES:g} degrees, one film left, the next right", _turn),
    Stress("photo", f"shading of a phone's photo: {SHADE:.0%} across, {VIGNETTE:.0%} less in the corners", _photo),
)
