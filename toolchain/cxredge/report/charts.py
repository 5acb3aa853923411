"""Small SVG charts, drawn by hand: no script, colours from the page's CSS, shapes besides colours.

Coordinates are rounded to whole units of the view box, and marks that would lie on each other are drawn once: a chart
of 5,000 films is as small as one of some hundred.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Literal

import numpy as np

Shape = Literal["circle", "square", "diamond", "up", "down", "cross"]
Values = Sequence[float] | np.ndarray
MINUS = "\N{MINUS SIGN}"
THIN_FROM = 600
"""Unnamed marks of one kind above which their places are rounded to ``COARSE`` units."""
COARSE = 3


class Svg(str):
    """Markup that is escaped already; templates take it as it is."""

    def __html__(self) -> str:
        return self


@dataclass(frozen=True)
class Axis:
    """One axis in data units, from ``low`` to ``high``."""

    label: str
    low: float
    high: float
    percent: bool = False
    """Print ticks of 0..1 as percentages."""

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the axis, at steps of 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def text(self, value: float) -> str:
        """A tick's text."""
        shown = f"{100 * value:.4g} %" if self.percent else f"{value:.4g}"
        return ("0" + shown[2:] if shown.startswith("-0") and not float(value) else shown).replace("-", MINUS)


def spanning(label: str, values: Iterable[float | None], *, percent: bool = False, zero: bool = False) -> Axis:
    """An axis that holds all values with a little room; ``zero``: and starts at 0."""
    there = [v for v in values if v is not None]
    low, high = (min(there), max(there)) if there else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = 0.06 * (high - low) or max(abs(high), 1e-3) * 0.5
    return Axis(label, 0.0 if zero and low == 0 else low - room, high + room, percent)


@dataclass(frozen=True)
class Marks:
    """Marks of one kind. ``names``: a text for each, shown when pointed at; without, equal places are drawn once."""

    x: Values
    y: Values
    shape: Shape
    css: str
    """Class that says the colour; the shape is another class."""
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Line:
    """A line through points."""

    x: Values
    y: Values
    css: str


@dataclass(frozen=True)
class Bars:
    """Bars from the axis' lower end, ``width`` wide in data units and centred on x."""

    x: Values
    y: Values
    width: float
    css: str


@dataclass(frozen=True)
class Box:
    """Where a chart's data lie, in units of the view box."""

    width: int = 320
    height: int = 284
    left: int = 24
    """Before the y axis' ticks, which get room as they need."""
    right: int = 10
    top: int = 8
    bottom: int = 40


Layer = Marks | Line | Bars
WIDE = Box(width=760, height=250)


def plot(
    title: str,
    description: str,
    x: Axis,
    y: Axis,
    layers: Iterable[Layer],
    *,
    down: Sequence[float] = (),
    across: Sequence[float] = (),
    box: Box = Box(),
    ticks: bool = True,
) -> Svg:
    """A chart of layers over a grid. down, across: places of threshold lines. ticks: number the x axis."""
    box = replace(box, left=box.left + 8 + 6 * max(len(y.text(v)) for v in y.ticks()))
    place = _Place(x, y, box)
    right, bottom = box.width - box.right, box.height - box.bottom
    parts = [_open(title, description, box.width, box.height)]
    for value in x.ticks() if ticks else ():
        at = place.x(value)
        parts.append(f'<path class="grid" d="M{at} {box.top}V{bottom}"/>')
        parts.append(f'<text x="{at}" y="{bottom + 14}" class="mid">{x.text(value)}</text>')
    for value in y.ticks():
        at = place.y(value)
        parts.append(f'<path class="grid" d="M{box.left} {at}H{right}"/>')
        parts.append(f'<text x="{box.left - 5}" y="{at + 4}" class="end">{y.text(value)}</text>')
    parts.append(f'<path class="axis" d="M{box.left} {box.top}V{bottom}H{right}"/>')
    parts += [f'<path class="rule" d="M{place.x(v)} {box.top}V{bottom}"/>' for v in down]
    parts += [f'<path class="rule" d="M{box.left} {place.y(v)}H{right}"/>' for v in across]
    parts += [_layer(place, layer) for layer in layers]
    middle = (box.top + bottom) // 2
    parts.append(f'<text x="{(box.left + right) // 2}" y="{box.height - 8}" class="mid name">{escape(x.label)}</text>')
    parts.append(f'<text transform="translate(11 {middle}) rotate(-90)" class="mid name">{escape(y.label)}</text>')
    return Svg("".join(parts) + "</svg>")


@dataclass(frozen=True)
class Row:
    """One line of ``rows``: marks on a scale, with an interval and a bound where there are any."""

    name: str
    marks: tuple[tuple[float, Shape, str], ...] = ()
    """(value, shape, CSS class)."""
    interval: tuple[float, float] | None = None
    bound: float | None = None
    note: str = ""
    """In place of marks, for example ``too few``."""


ROW = 34


def rows(title: str, description: str, axis: Axis, lines: Sequence[Row], width: int = 380) -> Svg:
    """Names above their scales, one below the other, so that long names have room; a rule at 0 where 0 is inside."""
    box = Box(width=width, height=len(lines) * ROW + 44, left=10, right=14, top=4, bottom=40)
    place = _Place(axis, Axis("", 0, 1), box)
    bottom, right = box.height - box.bottom, width - box.right
    parts = [_open(title, description, width, box.height)]
    for value in axis.ticks(5):
        at = place.x(value)
        parts.append(f'<path class="grid" d="M{at} {box.top}V{bottom}"/>')
        parts.append(f'<text x="{at}" y="{bottom + 14}" class="mid">{axis.text(value)}</text>')
    if axis.low < 0 < axis.high:
        parts.append(f'<path class="zero" d="M{place.x(0)} {box.top}V{bottom}"/>')
    for i, line in enumerate(lines):
        top = box.top + i * ROW
        at = top + 25
        parts.append(f'<text x="{box.left}" y="{top + 13}" class="row">{escape(_short(line.name, width // 7))}</text>')
        if line.note:
            parts.append(
                f'<text x="{box.left}" y="{at + 3}" class="note">{escape(_short(line.note, width // 6))}</text>'
            )
        else:
            parts.append(f'<path class="base" d="M{box.left} {at}H{right}"/>')
        if line.interval is not None:
            low, high = (place.x(v) for v in line.interval)
            parts.append(f'<path class="interval" d="M{low} {at - 4}v8M{low} {at}H{high}M{high} {at - 4}v8"/>')
        if line.bound is not None:
            parts.append(f'<path class="bound" d="M{place.x(line.bound)} {at - 8}v16"/>')
        parts += [f'<path class="{shape} {css}" d="{_glyph(shape, place.x(v), at)}"/>' for v, shape, css in line.marks]
    parts.append(f'<text x="{width // 2}" y="{box.height - 8}" class="mid name">{escape(axis.label)}</text>')
    return Svg("".join(parts) + "</svg>")


def glyph(shape: Shape | Literal["line", "interval", "bound"], css: str) -> Svg:
    """One mark for a legend."""
    drawn = {"line": "M1 8H21", "interval": "M2 4v8M2 8H20M20 4v8", "bound": "M11 0v16"}
    d = drawn[shape] if shape in drawn else _glyph(shape, 11, 8)  # type: ignore[arg-type]
    return Svg(f'<svg class="glyph" viewBox="0 0 22 16" aria-hidden="true"><path class="{shape} {css}" d="{d}"/></svg>')


class _Place:
    """Data units to whole units of the view box; values beyond an axis stay at its end."""

    def __init__(self, x: Axis, y: Axis, box: Box) -> None:
        self._x, self._y, self._box = x, y, box

    def x(self, value: float) -> int:
        part = (value - self._x.low) / (self._x.high - self._x.low)
        return round(self._box.left + min(max(part, 0.0), 1.0) * (self._box.width - self._box.left - self._box.right))

    def y(self, value: float) -> int:
        part = (value - self._y.low) / (self._y.high - self._y.low)
        bottom = self._box.height - self._box.bottom
        return round(bottom - min(max(part, 0.0), 1.0) * (bottom - self._box.top))


def _layer(place: _Place, layer: Layer) -> str:
    points = [(place.x(float(x)), place.y(float(y))) for x, y in zip(layer.x, layer.y, strict=True)]
    if isinstance(layer, Marks):
        return _marks(layer, points)
    if isinstance(layer, Line):
        return f'<path class="{layer.css}" d="{_polyline(points)}"/>' if points else ""
    half, floor = layer.width / 2, place.y(-math.inf)
    drawn = []
    for x, (_, top) in zip(layer.x, points, strict=True):
        left, right = place.x(float(x) - half), place.x(float(x) + half)
        if top < floor:
            drawn.append(f"M{left} {floor}V{top}h{max(right - left - 1, 1)}V{floor}z")
    return f'<path class="{layer.css}" d="{"".join(drawn)}"/>' if drawn else ""


def _marks(layer: Marks, points: list[tuple[int, int]]) -> str:
    kind = f"{layer.shape} {layer.css}"
    if layer.names:
        return "".join(
            f'<path class="{kind}" d="{_glyph(layer.shape, x, y)}"><title>{escape(name)}</title></path>'
            for (x, y), name in zip(points, layer.names, strict=True)
        )
    grid = COARSE if len(points) > THIN_FROM else 1
    cells = dict.fromkeys((x // grid * grid, y // grid * grid) for x, y in points)
    return f'<path class="{kind}" d="{"".join(_glyph(layer.shape, x, y) for x, y in cells)}"/>' if cells else ""


def _glyph(shape: Shape, x: int, y: int) -> str:
    """Path data of one mark. A circle is a line of no length, whose round caps are drawn."""
    if shape == "circle":
        return f"M{x} {y}h0"
    if shape == "square":
        return f"M{x - 2} {y - 2}h4v4h-4z"
    if shape == "diamond":
        return f"M{x} {y - 5}l5 5l-5 5l-5 -5z"
    if shape == "up":
        return f"M{x - 5} {y + 4}h10l-5 -9z"
    if shape == "down":
        return f"M{x - 5} {y - 4}h10l-5 9z"
    return f"M{x - 4} {y - 4}l8 8M{x - 4} {y + 4}l8 -8"


def _polyline(points: list[tuple[int, int]]) -> str:
    """Path data without points that lie on each other, or between two others on an upright or level stretch."""
    kept: list[tuple[int, int]] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and any(kept[-2][i] == kept[-1][i] == point[i] for i in (0, 1)):
            kept.pop()
        kept.append(point)
    (x, y), *rest = kept
    drawn = [f"M{x} {y}"]
    for to_x, to_y in rest:
        drawn.append(f"V{to_y}" if to_x == x else f"H{to_x}" if to_y == y else f"L{to_x} {to_y}")
        x, y = to_x, to_y
    return "".join(drawn)


def _open(title: str, description: str, width: int, height: int) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}"><title>{escape(title)}</title><desc>{escape(description)}</desc>'
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
