from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cxredge.report import charts
from cxredge.report.charts import Axis, Bars, Line, Marks, Row

HOSTILE = '<script>alert(1)</script>" onload="x" & \'y\''
FINITE = st.floats(-1e6, 1e6, allow_nan=False)


def paths(svg: str, css: str) -> list[str]:
    return [p.attrib["d"] for p in ET.fromstring(svg).iter("path") if p.attrib["class"] == css]


@given(FINITE, st.floats(1e-6, 1e6), st.booleans())
def test_ticks_are_round_few_and_inside(low: float, span: float, percent: bool) -> None:
    assume(span > 1e-9 * abs(low))  # below, the values themselves are as coarse as the ticks
    axis = Axis("x", low, low + span, percent)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 7
    steps = np.diff(ticks)
    if len(steps) and span > 1e-4 * abs(low):
        assert steps == pytest.approx([steps[0]] * len(steps))
        mantissa = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
        assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-6
    assert all(low - 1e-6 * span <= t <= low + 1.000001 * span for t in ticks)
    assert all("-" not in axis.text(t).replace("e-", "") for t in ticks)


@given(st.lists(st.one_of(st.none(), FINITE)), st.booleans())
def test_an_axis_holds_its_values_and_is_never_empty(values: list[float | None], zero: bool) -> None:
    axis = charts.spanning("x", values, zero=zero)
    assert axis.low < axis.high
    assert all(axis.low <= v <= axis.high for v in values if v is not None)
    assert not zero or axis.low <= 0 <= axis.high


def test_marks_stand_where_their_values_are() -> None:
    box = charts.Box(width=120, height=110, left=0, right=10, top=0, bottom=10)
    svg = charts.plot(
        "t",
        "d",
        Axis("", 0, 10),
        Axis("", 0, 1),
        [Marks([0, 10, 20], [0, 1, 0.5], "circle", "m"), Line([0, 5, 10], [0, 0.5, 1], "l")],
        box=box,
    )
    # the y axis' ticks ("0.2") take 26 units: x runs from 26 to 110, y from 100 up to 0; 20 stays at the end
    assert paths(svg, "circle m") == ["M26 100h0M110 0h0M110 50h0"]
    assert paths(svg, "l") == ["M26 100L68 50L110 0"]


def test_marks_at_one_place_are_drawn_once_and_many_are_thinned() -> None:
    chance = np.random.default_rng(0)
    x, y = chance.random(20_000), chance.random(20_000)
    unit = Axis("", 0, 1)
    drawn = paths(charts.plot("t", "d", unit, unit, [Marks(x, y, "circle", "m")]), "circle m")[0]
    places = re.findall(r"M(\d+) (\d+)h0", drawn)
    assert len(places) == len(set(places)) < 9000
    assert all(int(a) % charts.COARSE == int(b) % charts.COARSE == 0 for a, b in places)
    same = paths(charts.plot("t", "d", unit, unit, [Marks([0.5] * 9, [0.5] * 9, "up", "m")]), "up m")[0]
    assert same.count("M") == 1


def test_a_far_mark_survives_thinning() -> None:
    x = np.append(np.full(5000, 0.1), 0.9)
    unit = Axis("", 0, 1)
    drawn = paths(charts.plot("t", "d", unit, unit, [Marks(x, x, "circle", "m")]), "circle m")[0]
    assert drawn.count("M") == 2


def test_a_staircase_keeps_its_corners_only() -> None:
    unit = Axis("", 0, 1)
    stairs = Line([0, 0, 0, 0.5, 1, 1], [0, 0.25, 0.5, 0.5, 0.5, 1], "l")
    drawn = paths(charts.plot("t", "d", unit, unit, [stairs]), "l")[0]
    assert re.sub(r"\d+", "", drawn) == "M VHV"


def test_named_marks_tell_their_names_and_nothing_breaks_out() -> None:
    unit = Axis(HOSTILE, 0, 1)
    svg = charts.plot(HOSTILE, HOSTILE, unit, unit, [Marks([0.5], [0.5], "cross", "m", [HOSTILE])])
    root = ET.fromstring(svg)
    assert {e.tag for e in root.iter()} <= {"svg", "title", "desc", "path", "text"}
    assert [t.text for t in root.iter("title")] == [HOSTILE, HOSTILE]
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == HOSTILE
    assert "onload" not in root.attrib


def test_bars_stand_on_the_axis_and_none_is_drawn_for_zero() -> None:
    box = charts.Box(width=110, height=110, left=0, right=10, top=0, bottom=10)
    svg = charts.plot("t", "d", Axis("", 0, 4), Axis("", 0, 1), [Bars([1, 2, 3], [1, 0, 0.5], 1, "b")], box=box)
    drawn = paths(svg, "b")[0]
    assert re.findall(r"M\d+ (\d+)V(\d+)h\d+V(\d+)z", drawn) == [("100", "0", "100"), ("100", "50", "100")]


def test_rows_show_marks_intervals_bounds_or_the_note() -> None:
    lines = [
        Row("full", ((0.0, "circle", "m"),), (-0.5, 0.5), 1.0),
        Row("x" * 200, note="too few: 3 patients, 10 are needed"),
    ]
    svg = charts.rows("t", "d", Axis("loss", -1, 1), lines, width=224)
    assert paths(svg, "circle m") == ["M110 29h0"]
    assert paths(svg, "interval") == ["M60 25v8M60 29H160M160 25v8"]
    assert paths(svg, "bound") == ["M210 21v16"]
    assert len(paths(svg, "zero")) == 1
    texts = [t.text or "" for t in ET.fromstring(svg).iter("text")]
    assert "too few: 3 patients, 10 are needed" in texts
    assert max(map(len, texts)) < 60


@pytest.mark.parametrize("shape", ["circle", "square", "diamond", "up", "down", "cross", "line", "interval", "bound"])
def test_every_legend_mark_is_drawn(shape: str) -> None:
    (path,) = ET.fromstring(charts.glyph(shape, "m")).iter("path")  # type: ignore[arg-type]
    assert path.attrib["class"] == f"{shape} m"
    assert path.attrib["d"]
