"""A curve as a line of text: bars of eight heights, from the least value to the greatest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"
LONGEST = 60
"""Bars of a line; longer courses are shown by means."""


def sparkline(values: Sequence[float | None]) -> str:
    """The line; a blank where there is no value, low bars where all are the same."""
    parts = [values] if not values else _parts(values)
    means = [_mean(part) for part in parts]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    top = len(BARS) - 1
    return "".join(" " if m is None else BARS[round(top * (m - low) / span) if span else 0] for m in means)


def _parts(values: Sequence[float | None]) -> list[Sequence[float | None]]:
    """Consecutive parts, as equal as can be, at most ``LONGEST``."""
    count = min(len(values), LONGEST)
    cuts = [at * len(values) // count for at in range(count + 1)]
    return [values[start:end] for start, end in pairwise(cuts)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
