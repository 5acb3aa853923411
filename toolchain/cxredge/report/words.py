"""Numbers and gates as the report prints them."""

from __future__ import annotations

import re
from html import escape

from cxredge.metrics import BETTER_THAN_CHANCE, CHANCE_WORDS, METRICS, by_gate, gate_says
from cxredge.report.charts import MINUS, Svg
from cxredge.results import Figures, GateResult, Paired, number

GATES = {**{metric.gate: metric.gate_words for metric in METRICS}, BETTER_THAN_CHANCE: CHANCE_WORDS}


def figure(value: float | None) -> str:
    """Four significant digits with a true minus; a dash for none."""
    return number(value).replace("-", MINUS) if value is not None else "–"


def fixed(value: float | None) -> str:
    """Three decimals; a dash for none."""
    return "–" if value is None else _zero(f"{value:.3f}")


def signed(value: float | None) -> str:
    """Three decimals with the sign."""
    return "–" if value is None else _zero(f"{value:+.3f}")


def percent(value: float | None) -> str:
    """0..1 as a percentage of three significant digits."""
    return "–" if value is None else f"{100 * value:.3g} %"


def megabytes(count: int) -> str:
    """Bytes in MB of 10^6."""
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def interval(paired: Paired) -> str:
    """``[low, high]`` of the loss; empty without."""
    return "" if paired.low is None or paired.high is None else f"[{signed(paired.low)}, {signed(paired.high)}]"


def failure(gate: GateResult, figures: Figures) -> str:
    """Why one gate does not hold, in words: the value and the bound, or why there is no value."""
    words, _ = gate_says(gate.gate)
    if gate.verdict == "broken":
        return f"{words}: {figure(gate.value)}, bound {figure(gate.bound)}"
    if gate.gate == BETTER_THAN_CHANCE:
        return f"{words}: could not be shown, bound {figure(gate.bound)}"
    metric = by_gate(gate.gate)
    paired: Paired | None = getattr(figures, metric.name) if metric.paired else None
    reason = f" ({paired.too_few})" if paired is not None and paired.too_few else ""
    return f"{metric.gate_words}: could not be shown{reason}, bound {figure(gate.bound)}"


def breakable(text: str) -> Svg:
    """Escaped, with places to break the line after ``_``, ``/`` and ``.``, which long names have instead of spaces."""
    return Svg(re.sub("([_/.])", r"\1<wbr>", escape(text)))


def _zero(text: str) -> str:
    return text.replace("-", MINUS) if float(text) else text.lstrip("+-")
