"""A comparison of baselines as a table, for a terminal and for a card."""

from __future__ import annotations

from cxredge.baselines.baselines_record import BaselinesRecord, Difference
from cxredge.errors import counted

NONE_SHOWN = "no difference shown"


def table(record: BaselinesRecord) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and cells, a row a way; accuracy of exclusive classes besides."""
    classes = any(way.accuracy is not None for way in record.ways)
    header: tuple[str, ...] = ("way", "parameters", "bytes", "in INT8", "AUC", "AUC against distilled")
    if classes:
        header += ("accuracy", "accuracy against distilled")
    rows = []
    for way in record.ways:
        row: tuple[str, ...] = (way.way, f"{way.parameters:,}", f"{way.bytes:,}", f"{way.int8_bytes:,}")
        row += (_figure(way.auc), difference_words(way.auc_difference))
        if classes:
            row += (_figure(way.accuracy), difference_words(way.accuracy_difference))
        rows.append((*row, f"{way.seconds:,.0f}"))
    return (*header, "seconds"), rows


def difference_words(found: Difference | None) -> str:
    """``-0.012 [-0.020, -0.004]``, and where the interval includes 0 that no difference is shown."""
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.value:+.3f}, no interval"
    said = f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
    return said if found.shown else f"{said} {NONE_SHOWN}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def ground(record: BaselinesRecord) -> str:
    """On which films, by which seeds and folds, in a sentence."""
    seeds = counted(len(record.seeds), "seed")
    how = "the recipe's own split" if record.folds == 1 else f"{record.folds} folds of patients, answers pooled"
    labels = "1 label" if len(record.labels) == 1 else f"{len(record.labels)} labels"
    return (
        f"{seeds}, {how}: {counted(record.films, 'film')} of {counted(record.patients, 'patient')}, mean AUC of "
        f"{labels}; intervals ({100 * record.bootstrap.level:.0f} %) are over patients, on the same resamples"
    )


def notes(record: BaselinesRecord) -> list[str]:
    """What is to be said below a table."""
    lines = [f"{name} is left out of the mean: {why}" for name, why in record.left_out.items()]
    lines += [f"{way} was not run: {why}" for way, why in record.not_run.items()]
    if record.open_films:
        lines.append(f"{counted(record.open_films, 'film')} of patients with an open label were only learnt from")
    lines.append(
        "bytes are of the weights as they were measured, float32 but for the quantised teacher's, and beside them in "
        "INT8; both by count, of no artifact. What the quantised teacher answers plays what the targets compute, with "
        f"ranges from {counted(record.calibration_films, 'film')} of val"
    )
    return lines
