"""A film beside the same film with a class activation map over it, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.images.geometry import upsample

if TYPE_CHECKING:
    from PIL.Image import Image

SCALE = 2
"""Screen pixels per preprocessed pixel."""
MARGIN = 12
LINE = 20

# Seven anchors of a dark-to-bright ramp with even steps of lightness (black, violet, red, orange, yellow), so that the
# order survives greyscale printing and colour-blind eyes
_RAMP = np.array(
    [[0, 0, 4], [50, 10, 94], [120, 28, 109], [188, 55, 84], [237, 105, 37], [251, 180, 26], [252, 255, 164]],
    np.float64,
)


def colours(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """float64[h, w] in 0..1 -> uint8[h, w, 3] on the ramp."""
    place = np.clip(values, 0, 1) * (len(_RAMP) - 1)
    low = np.minimum(place.astype(int), len(_RAMP) - 2)
    part = (place - low)[..., None]
    return np.rint(_RAMP[low] * (1 - part) + _RAMP[low + 1] * part).astype(np.uint8)


def overlay(pixels: NDArray[np.uint8], cam: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The map over the film.

    pixels: uint8[ch, H, W], preprocessed. cam: float32[h, w], logit units; only what argues *for* the finding (> 0) is
    shown, scaled to the map's own maximum. Returns uint8[H, W, 3].
    """
    height, width = pixels.shape[1:]
    positive = np.maximum(cam.astype(np.float32), 0)
    peak = float(positive.max())
    strength = upsample(positive / peak if peak > 0 else positive, height, width)
    film = _rgb(pixels).astype(np.float64)
    alpha = (0.65 * np.clip(strength, 0, 1))[..., None]
    return np.rint(film * (1 - alpha) + colours(strength).astype(np.float64) * alpha).astype(np.uint8)


def figure(pixels: NDArray[np.uint8], cam: NDArray[np.float32], lines: Sequence[str]) -> Image:
    """Film left, overlay right, lines of text under them (label and margin; bundle and what the map is; warnings)."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = (SCALE * n for n in pixels.shape[1:])
    size = (2 * width + 3 * MARGIN, height + 2 * MARGIN + LINE * len(lines) + 6)
    sheet = Image.new("RGB", size, (250, 250, 250))
    for i, picture in enumerate((_rgb(pixels), overlay(pixels, cam))):
        big = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
        sheet.paste(big, (MARGIN + i * (width + MARGIN), MARGIN))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for i, line in enumerate(lines):
        draw.text((MARGIN, height + 2 * MARGIN + LINE * i - 4), line, fill=(20, 20, 20), font=font)
    return sheet


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(pixels.transpose(1, 2, 0), 3 // pixels.shape[0], axis=2)
