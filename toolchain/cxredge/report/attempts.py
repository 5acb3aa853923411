"""Attempts of the precision search, a line each, as they come."""

from __future__ import annotations

from collections.abc import Sequence

from cxredge.evidence import PrecisionAttempt
from cxredge.results import number

HEADER = ("artifact", "in float", "bytes", "p50 ms", "SQNR dB", "flips", "gates")
WIDTHS = (16, 9, 12, 8, 8, 12, 0)


def cells(attempt: PrecisionAttempt) -> tuple[str, ...]:
    """One attempt in the order of ``HEADER``."""
    start = attempt.artifact, str(len(attempt.keep_float))
    if attempt.verdict is None or attempt.bytes is None:
        return (*start, "–", "–", "–", "–", f"REFUSED: {attempt.refused}")
    figures = attempt.verdict.figures
    failed = [f"{g.gate} {number(g.value)}" for g in attempt.verdict.failed]
    return (
        *start,
        f"{attempt.bytes:,}",
        number(attempt.p50_ms),
        number(figures.logit_sqnr_db),
        f"{figures.flips} of {figures.decisions}",
        "kept" if attempt.passed else "BROKEN: " + "; ".join(failed),
    )


def line(row: Sequence[str]) -> str:
    """Columns of fixed width, because later rows are not known yet."""
    first, *rest = (cell.rjust(width) for cell, width in zip(row, WIDTHS, strict=True))
    return "  ".join([first.strip().ljust(WIDTHS[0]), *rest]).rstrip()
