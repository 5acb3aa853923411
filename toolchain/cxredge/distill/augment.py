"""Light changes of a film that leave its anatomy and its labels true."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812

ROTATION = math.radians(7)
"""Largest turn either way: how obliquely patients stand."""
SHIFT = 0.05
"""Largest shift either way, as a share of the side."""
SCALE = 0.08
"""Largest change of size either way."""
CONTRAST = 0.2
BRIGHTNESS = 16.0
"""Largest change of the mean, in grey levels of 255: exposure."""
GAMMA = 0.2
"""Largest change of the tone curve's exponent: detector and window."""


BORDERS = 4
"""Left, right, above, below."""


def draw(films: int, generator: Generator, border: float = 0.0) -> Tensor:
    """float32[films, 11]: how each of them is changed, in the order that ``changed`` reads.

    border: the largest share of a side that is cut off each of a film's borders.
    """
    spreads = torch.tensor([ROTATION, SCALE, SHIFT, SHIFT, CONTRAST, BRIGHTNESS, GAMMA])
    changes = (torch.rand(films, len(spreads), generator=generator) * 2 - 1) * spreads
    return torch.cat([changes, torch.rand(films, BORDERS, generator=generator) * border], 1)


def changed(films: Tensor, changes: Tensor) -> Tensor:
    """films float32[N, ch, H, W] 0..255, changes float32[N, 11] of ``draw`` -> films of the same shape and range.

    First ``moved``, then exposure.
    """
    gain, lift, power = changes[:, 4:7].unbind(1)
    toned = (moved(films, changes) / 255).clamp(0, 1) ** (1 + power)[:, None, None, None] * 255
    return ((toned - 127.5) * (1 + gain)[:, None, None, None] + 127.5 + lift[:, None, None, None]).clamp(0, 255)


def moved(films: Tensor, changes: Tensor) -> Tensor:
    """The part of ``changed`` that moves things, as masks of films must be moved too: float32[N, ch, H, W] to the same.

    Borders are cut off, and what is left fills the film; then a small turn, shift and change of size. What comes from
    outside is 0. No mirror image: in a chest the left is not the right. The heart, the aortic arch and the stomach
    bubble have their sides, a mirrored film shows a real and rare anomaly (situs inversus), and a student that learned
    from mirrors could not tell. No crops either where a recipe does not ask for them: they cut findings off.
    """
    angle, size, across, down, _, _, _, left, right, above, below = changes.unbind(1)
    size, across, down = 1 + size, across * 2 + left - right, down * 2 + above - below
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    ratio = films.shape[3] / films.shape[2]  # grid coordinates run over [-1, 1] on both sides of an oblong film
    wide, high = 1 - left - right, 1 - above - below
    rows = (
        torch.stack([cos * wide, -sin / ratio * high, across], 1),
        torch.stack([sin * ratio * wide, cos * high, down], 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), list(films.shape), align_corners=False)
    return F.grid_sample(films, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
