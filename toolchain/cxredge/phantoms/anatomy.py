"""Normal anatomy of the phantom chest: a crude frontal projection from a few dozen numbers. No person's film is in it.

Lengths are in film widths; x runs from the midline to the right of the image (the patient's left), y from the top of
the film down. The upright body is drawn on a canvas wider than the film by ``MARGIN`` pixels on every side, so that the
film can be turned and moved afterwards without showing an edge. Pixel arithmetic is kept to sums, products and
quotients, which IEEE 754 rounds alike everywhere; ``exp`` and its kin differ between processors in the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

FILM = 320
MARGIN = 24
CANVAS = FILM + 2 * MARGIN
HALF = CANVAS // 2

Plane = NDArray[np.float32]
RIGHT, LEFT = -1, 1
"""The patient's right lung is on the left of the image."""

ROWS: Plane = ((np.arange(CANVAS) - MARGIN + 0.5) / FILM).astype(np.float32)
"""y of every canvas row, float32[CANVAS]."""
COLUMNS: Plane = ((np.arange(HALF) + 0.5) / FILM).astype(np.float32)
"""Distance from the midline of the columns of one half, float32[HALF], ascending."""

_BODY_Y = (-0.10, 0.00, 0.03, 0.06, 0.10, 0.125, 0.15, 0.18, 0.22, 0.27, 0.45, 0.70, 1.10)
_BODY_X = (0.115, 0.120, 0.135, 0.175, 0.290, 0.355, 0.40, 0.435, 0.46, 0.47, 0.455, 0.445, 0.455)
_WALL_Y = (0.000, 0.012, 0.035, 0.08, 0.16, 0.30, 0.46, 0.62, 0.90)
_WALL_X = (0.085, 0.125, 0.165, 0.21, 0.265, 0.325, 0.355, 0.370, 0.370)


@dataclass(frozen=True)
class Anatomy:
    """What stays the same in every film of one phantom patient."""

    seed: tuple[int, ...]
    sex: str
    age: int
    width: float
    """Factor on all widths, about 0.92 to 1.06."""
    apex: float
    """y of the lung apex."""
    dome: tuple[float, float]
    """y of the right and left diaphragm domes at mid inspiration."""
    cardiothoracic: float
    """Heart width over inner thoracic width, without cardiomegaly."""
    heart_tilt: float
    heart_height: float
    """Factor on the heart's height."""
    sulcus: tuple[float, float]
    """Depth of the right and left costophrenic angles below their domes; a shallow one looks like a small effusion."""
    knob: float
    """Size of the aortic knob, 0 to 1."""
    fat: float
    """Soft tissue over the chest, 0 to 1."""
    bone: float
    """Bone contrast, about 0.7 to 1.2."""
    markings: float
    """Strength of the lung vessels, about 0.6 to 1.3."""


def sample_anatomy(seed: tuple[int, ...], rng: np.random.Generator) -> Anatomy:
    """Draws one patient's anatomy; ``seed`` is kept for the vessel tree and other detail drawn while rendering."""
    dome = float(rng.uniform(0.69, 0.76))
    return Anatomy(
        seed=seed,
        sex="F" if rng.random() < 0.5 else "M",
        age=int(rng.integers(20, 90)),
        width=float(rng.uniform(0.92, 1.06)),
        apex=float(rng.uniform(0.10, 0.15)),
        dome=(dome, dome + float(rng.uniform(0.005, 0.035))),
        cardiothoracic=float(rng.uniform(0.38, 0.495)),
        heart_tilt=float(rng.uniform(-0.35, -0.05)),
        heart_height=float(rng.uniform(0.85, 1.15)),
        sulcus=(float(rng.uniform(0.070, 0.115)), float(rng.uniform(0.070, 0.115))),
        knob=float(rng.uniform(0.2, 1.0)),
        fat=float(rng.uniform(0.0, 1.0)),
        bone=float(rng.uniform(0.7, 1.2)),
        markings=float(rng.uniform(0.6, 1.3)),
    )


def step(t: Plane) -> Plane:
    """Smooth step of the same shape: 0 at and below -1, 1 at and above 1."""
    s = t * np.float32(0.5)
    s += np.float32(0.5)
    np.clip(s, 0, 1, out=s)
    rise: Plane = s * np.float32(-2)
    rise += np.float32(3)
    rise *= s
    rise *= s
    return rise


def bump(r2: Plane) -> Plane:
    """Round hill from a squared radius of the same shape: 1 in the middle, 0 from radius 1 outwards."""
    s = np.clip(np.float32(1) - r2, 0, None)
    return s * s


def half(canvas: NDArray[Any], side: int) -> NDArray[Any]:
    """A view of one half of a canvas array, [CANVAS, HALF], columns ascending from the midline."""
    return canvas[:, HALF:] if side == LEFT else canvas[:, HALF - 1 :: -1]


class Chest:
    """The geometry of one film: its anatomy at one depth of breath.

    breath: shift of the domes in film widths, positive for a deeper breath.
    """

    def __init__(self, anatomy: Anatomy, breath: float, heart_factor: float = 1.0) -> None:
        self.anatomy = anatomy
        self.dome = {RIGHT: anatomy.dome[0] + breath, LEFT: anatomy.dome[1] + breath}
        self.sulcus = {RIGHT: anatomy.sulcus[0], LEFT: anatomy.sulcus[1]}
        self.angle = {side: dome + self.sulcus[side] for side, dome in self.dome.items()}
        """y of the costophrenic angles."""
        self.heart_radius = anatomy.cardiothoracic * heart_factor * float(self.wall(np.array([0.7]))[0])
        self.heart_centre = (0.36 * self.heart_radius, self.dome[LEFT] - 0.075 - 0.2 * (self.heart_radius - 0.15))

    def wall(self, y: NDArray[np.floating[Any]]) -> Plane:
        """Largest distance of the inner chest wall from the midline at each ``y``, float32; negative above the apex."""
        x = np.interp(y - self.anatomy.apex, _WALL_Y, _WALL_X, left=-1.0)
        return (x * self.anatomy.width).astype(np.float32)

    def diaphragm(self, side: int) -> Plane:
        """y of the diaphragm over ``COLUMNS``, float32[HALF]."""
        centre = 0.17 * self.anatomy.width
        outer = np.clip((COLUMNS - centre) / (0.20 * self.anatomy.width), 0, None)
        inner = np.clip((centre - COLUMNS) / (0.20 * self.anatomy.width), 0, None)
        return (
            self.dome[side] + self.sulcus[side] * outer * outer * (0.35 + 0.65 * outer) + 0.03 * inner * inner
        ).astype(np.float32)

    def lung(self, side: int, drop: float = 0.0, inset: Plane | None = None, soft: float = 0.006) -> Plane:
        """Soft mask of one lung on its half, float32[CANVAS, HALF], 0..1; mediastinum and heart lie over it.

        drop lowers the apex and inset (film widths, per row) draws the outer edge in, as in a collapsed lung.
        """
        edge = self.wall(ROWS - np.float32(drop)) - (0 if inset is None else inset)
        tip = np.clip(1 - (ROWS - np.float32(self.anatomy.apex + drop)) / np.float32(0.07), 0, 1)
        inner = ((0.045 + 0.045 * tip * tip) * self.anatomy.width).astype(np.float32)
        x, k = COLUMNS[None, :], np.float32(1 / soft)
        across = step((edge[:, None] - x) * k) * step((x - inner[:, None]) * np.float32(1 / 0.012))
        return across * step((self.diaphragm(side)[None, :] - ROWS[:, None]) * k)

    def heart(self) -> Plane:
        """Soft heart on the whole canvas, float32[CANVAS, CANVAS], 0..1; the edge is at 0.5."""
        (cx, cy), a, tilt = self.heart_centre, self.heart_radius, self.anatomy.heart_tilt
        b = (0.80 * a + 0.04) * self.anatomy.heart_height
        x = np.concatenate([-COLUMNS[::-1], COLUMNS])[None, :] - np.float32(cx)
        y = ROWS[:, None] - np.float32(cy)
        # a shear instead of a rotation keeps the width, hence the cardiothoracic ratio, exactly 2a over the thorax
        y = y + np.float32(tilt) * x
        r2 = x * x * np.float32(1 / (a * a)) + y * y * np.float32(1 / (b * b))
        # the lower pole sinks into the diaphragm
        above: Plane = step((np.float32(self.dome[LEFT] + 0.05) - ROWS) * np.float32(30))
        return step((np.float32(1) - r2) * np.float32(7)) * above[:, None]


def body(chest: Chest) -> Plane:
    """Soft tissue of trunk, neck and abdomen without lungs, float32[CANVAS, CANVAS], about 0..1."""
    a = chest.anatomy
    outline = np.interp(ROWS, _BODY_Y, _BODY_X).astype(np.float32) * np.float32(a.width * (1 + 0.05 * a.fat))
    x = COLUMNS[None, :]
    skin = step((outline[:, None] - x) * np.float32(1 / 0.012))
    depth = np.float32(1) - (x / outline[:, None]) * (x / outline[:, None]) * np.float32(0.55)
    belly = step((ROWS - np.float32(chest.dome[RIGHT] + 0.06)) * np.float32(6))[:, None]
    right = skin * (np.float32(0.56 + 0.08 * a.fat) * depth + np.float32(0.20) * belly)
    if a.sex == "F":
        cx, cy, r = 0.21 * a.width, 0.64, 0.13 + 0.04 * a.fat
        rows, cols = (ROWS - np.float32(cy)) / np.float32(r), (COLUMNS - np.float32(cx)) / np.float32(r)
        right = right + np.float32(0.05 + 0.07 * a.fat) * bump(rows[:, None] * rows[:, None] + cols * cols)
    return np.concatenate([right[:, ::-1], right], axis=1)


def midline(chest: Chest) -> tuple[Plane, Plane]:
    """Mediastinum (0..1) and the sum of spine and trachea (about -0.1..0.2), each float32[CANVAS, CANVAS]."""
    a = chest.anatomy
    x = np.concatenate([-COLUMNS[::-1], COLUMNS])
    y = ROWS
    (cx, cy), r = chest.heart_centre, chest.heart_radius
    top = cy - 0.6 * r
    to_left = np.interp(
        y, (0.05, 0.22, 0.31, 0.36, 0.41, top, cy), (0.045, 0.05, 0.06, 0.055, 0.068, 0.078, cx + 0.8 * r)
    )
    knob = np.clip(1 - ((y - 0.31) / 0.045) ** 2, 0, None) * 0.024 * a.knob
    to_right = np.interp(y, (0.05, 0.25, 0.40, top, cy), (0.042, 0.058, 0.060, 0.062, max(0.05, 0.8 * r - cx)))
    left, right = (to_left + knob).astype(np.float32), to_right.astype(np.float32)
    soft = np.float32(1 / 0.012)
    ends = step((y - np.float32(a.apex - 0.02)) * np.float32(14)) * step((np.float32(cy) - y) * np.float32(40))
    column = step((left[:, None] - x) * soft) * step((x + right[:, None]) * soft) * ends[:, None]
    phase = (y - np.float32(0.02)) / np.float32(0.062)
    saw = np.abs(phase - np.floor(phase) - np.float32(0.5))
    discs = np.float32(0.05) + np.float32(0.04) * step((np.float32(0.36) - saw) * np.float32(12))
    spine = step((np.float32(0.042) - np.abs(x)) * np.float32(1 / 0.008))[None, :] * discs[:, None]
    windpipe = step((np.float32(0.017) - np.abs(x - np.float32(0.004))) * np.float32(1 / 0.008))
    above = step((np.float32(0.34) - y) * np.float32(1 / 0.03))
    return column, spine * np.float32(a.bone) - np.float32(0.10) * windpipe[None, :] * above[:, None]


def _pixels(x: NDArray[np.float64], y: NDArray[np.float64], side: int) -> list[float]:
    """Flat x, y, x, y ... of a curve in canvas pixels, as Pillow draws fastest."""
    flat: list[float] = np.stack([side * x * FILM + HALF, y * FILM + MARGIN], axis=1).ravel().tolist()
    return flat


def _rod(draw: ImageDraw, x: NDArray[np.float64], y: NDArray[np.float64], radius: float, side: int, tone: int) -> None:
    """A flat bone along a curve: a plate with brighter cortex on both edges."""
    upper, lower = _pixels(x, y - radius, side), _pixels(x[::-1], y[::-1] + radius, side)
    draw.polygon(upper + lower, fill=tone)
    draw.line(upper, fill=min(255, int(tone * 1.4)), width=2)
    draw.line(lower, fill=min(255, int(tone * 1.7)), width=2)


def bones(chest: Chest) -> Plane:
    """Ribs, clavicles and shoulder blades, float32[CANVAS, CANVAS], 0..1."""
    from PIL import Image, ImageChops, ImageDraw, ImageFilter

    a = chest.anatomy
    rng = np.random.default_rng((*a.seed, 1))
    back, front = (Image.new("L", (CANVAS, CANVAS)) for _ in range(2))
    draw_back, draw_front = ImageDraw.Draw(back), ImageDraw.Draw(front)
    t = np.linspace(0, 1, 12)
    pitch = (chest.angle[RIGHT] - a.apex) / 10.6
    for side in (RIGHT, LEFT):
        shift = rng.normal(0, 0.002, 12).tolist()
        blade = np.array([(0.33, 0.17), (0.46, 0.13), (0.47, 0.24), (0.40, 0.46), (0.375, 0.44), (0.335, 0.25)])
        draw_front.polygon(_pixels(blade[:, 0] * a.width, blade[:, 1] + a.apex - 0.12, side), fill=60, outline=95)
        for rib in range(10):
            top = a.apex - 0.020 + pitch * rib + shift[rib]
            fall = 0.045 + 0.009 * rib
            end = max(float(chest.wall(np.array([top + fall]))[0]), 0.10) + 0.012
            x = 0.04 + (end - 0.04) * t
            y = top - 0.06 * t * (1 - t) + fall * t * t * (0.4 + 0.6 * t)
            _rod(draw_back, x, y, 0.0100, side, 80)
            if 0 < rib < 8:
                reach = 0.10 + 0.012 * rib
                x = end - (end - reach) * t
                y = top + fall + (0.06 + 0.008 * rib) * t + 0.02 * t * (1 - t)
                _rod(draw_front, x, y, 0.0120, side, 38)
        x = 0.035 + 0.31 * a.width * t
        y = a.apex + 0.105 - 0.075 * t - 0.05 * t * (1 - t) * (0.5 - t) * 4 + 3 * shift[10]
        _rod(draw_back, x, y, 0.0135, side, 110)
    image = ImageChops.add(back, front).filter(ImageFilter.BoxBlur(1.2))
    return np.asarray(image, np.float32) * np.float32(a.bone / 255)


def vessels(chest: Chest) -> Plane:
    """Hila and branching lung vessels, float32[CANVAS, CANVAS], 0..1."""
    from PIL import Image, ImageDraw, ImageFilter

    a = chest.anatomy
    rng = np.random.default_rng((*a.seed, 2))
    image = Image.new("L", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(image)
    for side in (RIGHT, LEFT):
        root_x, root_y = 0.075 * FILM, (0.45 - 0.014 * side) * FILM
        for dx, dy, r in zip(*rng.normal((0, 0, 4.5), (3, 8, 1), (8, 3)).T.tolist(), strict=True):
            x, y = HALF + side * (root_x + dx), MARGIN + root_y + dy
            draw.ellipse((x - abs(r), y - 1.4 * abs(r), x + abs(r), y + 1.4 * abs(r)), fill=100)
        starts = (np.linspace(-1.45, 1.35, 9) + rng.normal(0, 0.12, 9)).tolist()
        drift = iter(rng.normal(0, 1, (9 * 63, 2)).tolist())
        stems = [(root_x, root_y, angle, 17.0, 0) for angle in starts]
        while stems:
            x0, y0, way, length, depth = stems.pop()
            bend, stretch = next(drift)
            length = length * (1 + 0.3 * max(-2.0, min(2.0, stretch)))
            x1, y1 = x0 + length * math.cos(way + 0.2 * bend), y0 + length * math.sin(way + 0.2 * bend)
            ends = (HALF + side * x0, MARGIN + y0, HALF + side * x1, MARGIN + y1)
            draw.line(ends, fill=(150, 135, 110, 90, 70, 55)[depth], width=(4, 3, 2, 2, 1, 1)[depth])
            if depth < 5:
                fork = 0.28 + 0.10 * abs(bend)
                stems.append((x1, y1, way + fork, 16.0, depth + 1))
                # side branches thin out towards the wall, so that no front of branch ends shows
                if stretch > -0.4:
                    stems.append((x1, y1, way - fork, 16.0, depth + 1))
    return np.asarray(image.filter(ImageFilter.BoxBlur(1.2)), np.float32) * np.float32(a.markings / 255)


def clouds(rng: np.random.Generator, cells: int) -> Plane:
    """Smooth random texture, float32[CANVAS, CANVAS], about -1..1, with ``cells`` grains across the canvas."""
    from PIL import Image

    grains = rng.integers(0, 256, (cells, cells), dtype=np.uint8)
    # 8-bit resampling is fixed-point in Pillow, hence the same on every machine
    image = Image.fromarray(grains).resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)
    texture = np.asarray(image, np.float32) * np.float32(1 / 127.5)
    texture -= np.float32(1)
    return texture
