"""The results table: one row an artifact, as text for a terminal or Markdown for a page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from cxredge.markdown import AsIs, escaped
from cxredge.metrics import METRICS, Metric
from cxredge.parity.formulas import formula_of
from cxredge.recipe_student import NO_MAPS, NO_NOVELTY, NO_QUALITY
from cxredge.results import Artifact, BenchFigures, Figures, Paired, Verdict, number

COLUMNS = sorted((m for m in METRICS if m.column is not None), key=lambda m: m.of == "artifact")
"""What was measured first, then what the file's own record says."""
HEADER = ("artifact", "bytes", "of fp32", *(str(m.column) for m in COLUMNS), "run by", "gates")


def shown(judged: Iterable[tuple[Artifact, Verdict]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of a table to be read: without the figures of classes, or of outputs, that no artifact has."""
    pairs = list(judged)
    table = rows(pairs)
    dropped = {str(m.column) for m in COLUMNS if m.of == "classes" or _nobody_has(m, pairs)}
    kept = [
        at for at, name in enumerate(HEADER) if name not in dropped or any(row[at] != number(None) for row in table)
    ]
    return tuple(HEADER[at] for at in kept), [tuple(row[at] for at in kept) for row in table]


def _nobody_has(metric: Metric, pairs: Sequence[tuple[Artifact, Verdict]]) -> bool:
    return bool(pairs) and all(artifact.lacks(metric.output) for artifact, _ in pairs)


def notes(artifacts: Iterable[Artifact]) -> tuple[str, ...]:
    """What is to be said under a table of artifacts that lack maps, a novelty score or a quality output."""
    listed = list(artifacts)
    lines = (("cam", NO_MAPS), ("novelty", NO_NOVELTY), ("quality", NO_QUALITY))
    return tuple(line for output, line in lines if any(artifact.lacks(output) for artifact in listed))


def rows(judged: Iterable[tuple[Artifact, Verdict]]) -> list[tuple[str, ...]]:
    """Cells of each artifact's row, in the order given; sizes relative to the same target's fp32 where it is there."""
    pairs = list(judged)
    floats = {a.target: a.bytes for a, _ in pairs if a.scheme == "fp32"}
    table: list[tuple[str, ...]] = []
    for artifact, verdict in pairs:
        broken = [f"{g.gate} {number(g.value)} (bound {number(g.bound)})" for g in verdict.failed]
        ratio = f"{artifact.bytes / floats[artifact.target]:.3f}" if artifact.target in floats else "–"
        table.append(
            (
                artifact.name,
                f"{artifact.bytes:,}",
                ratio,
                *(_cell(metric, artifact, verdict.figures) for metric in COLUMNS),
                verdict.runtime,
                "kept" if verdict.passed else "BROKEN: " + "; ".join(broken),
            )
        )
    return table


def _cell(metric: Metric, artifact: Artifact, figures: Figures) -> str:
    """Shares as counts, which say more; paired metrics by their loss."""
    if metric.name == "flip_rate":
        return f"{figures.flips} of {figures.decisions}"
    if metric.name == "delegated":
        delegation = artifact.delegation
        return "–" if delegation is None else f"{delegation.delegated} of {delegation.total}"
    value = formula_of(metric)(artifact) if metric.of == "artifact" else getattr(figures, metric.name)
    return loss(value) if isinstance(value, Paired) else number(value)


def loss(figure: Paired) -> str:
    """``+0.0012 < 0.0034``: the loss, and the upper end of its interval; ``too few`` where there is none."""
    if figure.loss is None or figure.high is None:
        return "too few"
    shown = round(figure.loss, 4) + 0.0  # no negative zero
    return f"{shown:+.4f} < {figure.high:.4f}"


NARROWEST = 8
"""Characters that a column of a wrapped table keeps."""
BENCH_HEADER = ("artifact", "bytes", "of fp32", "load ms", "first ms", "p50 ms", "p90 ms", "of eager", "of fp32")


def bench_rows(figures: BenchFigures) -> list[tuple[str, ...]]:
    """Cells in the order of ``BENCH_HEADER``."""
    return [
        (
            a.name,
            f"{a.bytes:,}",
            "–" if a.bytes_of_fp32 is None else f"{a.bytes_of_fp32:.3f}",
            number(a.load_ms),
            number(a.first_ms),
            number(a.p50_ms),
            number(a.p90_ms),
            f"{a.of_eager:.3f}",
            "–" if a.of_fp32 is None else f"{a.of_fp32:.3f}",
        )
        for a in figures.artifacts
    ]


def as_text(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Columns padded with spaces; the first left-aligned, the rest right, the last left."""
    widths = [max(len(row[i]) for row in [header, *cells]) for i in range(len(header))]
    last = len(header) - 1

    def line(row: Sequence[str]) -> str:
        parts = [c.ljust(w) if i in (0, last) else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        return "  ".join(parts).rstrip()

    return "\n".join([line(header), *(line(row) for row in cells)])


def as_wrapped_text(header: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> str:
    """Columns of words, left-aligned, in lines of ``width`` characters: what is too long goes on below.

    The widest columns give way first, down to ``NARROWEST`` characters. A cell may hold lines of its own.
    """
    table = [[cell.split("\n") for cell in row] for row in [header, *cells]]
    widths = [max(len(part) for row in table for part in row[i]) for i in range(len(header))]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    blocks = []
    for row in table:
        parts = [_wrap(cell, w) for cell, w in zip(row, widths, strict=True)]
        lines = zip_longest(*parts, fillvalue="")
        blocks.append(
            ["  ".join(part.ljust(w) for part, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        )
    # rows of several lines want a blank one between them
    between = "\n\n" if any(len(block) > 1 for block in blocks) else "\n"
    return between.join("\n".join(block) for block in blocks)


def _wrap(lines: Iterable[str], width: int) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]]


def as_markdown(header: Sequence[str], cells: Sequence[Sequence[str]]) -> AsIs:
    """A Markdown table; cells are escaped."""
    first, *rows = (list(map(escaped, row)) for row in (header, *cells))
    return AsIs("\n".join("| " + " | ".join(row) + " |" for row in (first, ["---"] * len(first), *rows)))
