"""A comparison of baselines as a table, for a terminal and for a card."""

from __future__ import annotations

from cxredge.baselines.baselines_record import BaselinesRecord, Difference
from cxredge.errors import counted


def table(record: BaselinesRecord) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and cells, a row a way; of exclusive classes their accuracy besides."""
    classes = any(way.accuracy is not None for way in record.ways)
    header: tuple[str, ...] = ("way", "parameters", "bytes", "AUC", "against distilled")
    if classes:
        header += ("accuracy", "against distilled")
    rows = []
    for way in record.ways:
        row: tuple[str, ...] = (way.way, f"{way.parameters:,}", f"{way.bytes:,}")
        row += (_figure(way.auc), difference_words(way.auc_difference))
        if classes:
            row += (_figure(way.accuracy), difference_words(way.accuracy_difference))
        rows.append((*row, f"{way.seconds:,.0f}"))
    return (*header, "s"), rows


def difference_words(found: Difference | None) -> str:
    """``-0.012 [-0.020, -0.004]``."""
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.value:+.3f}, no interval"
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def ground(record: BaselinesRecord) -> str:
    """On which films, by which seeds and folds, in a sentence."""
    seeds = counted(len(record.seeds), "seed")
    how = "the recipe's own split" if record.folds == 1 else f"{record.folds} folds of patients, answers pooled"
    return (
        f"{seeds}, {how}: {counted(record.films, 'film')} of {counted(record.patients, 'patient')}, mean AUC of "
        f"{counted(len(record.labels), 'label')}; intervals ({100 * record.bootstrap.level:.0f} %) are over patients, "
        "on the same resamples"
    )


def notes(record: BaselinesRecord) -> list[str]:
    """What is to be said below a table."""
    return [
        *_unshown(record),
        *(f"{name} is left out of the mean: {why}" for name, why in record.left_out.items()),
        *(f"{way} was not run: {why}" for way, why in record.not_run.items()),
        *_open(record),
        "bytes are counted, of no artifact: the teacher's in float32, all others in INT8; scores are of float32 but "
        "for the quantised teacher's, whose answers play what the targets compute, with ranges from "
        f"{counted(record.calibration_films, 'film')} of val",
    ]


def _unshown(record: BaselinesRecord) -> list[str]:
    """Ways that cannot be told from the distilled student."""
    lines = []
    for what in ("auc", "accuracy"):
        found = {way.way: getattr(way, f"{what}_difference") for way in record.ways}
        same = [way for way, one in found.items() if one is not None and one.low is not None and not one.shown]
        if same:
            figure = "AUC" if what == "auc" else what
            lines.append(f"no difference shown in {figure}, for the interval includes 0: {', '.join(same)}")
        few = next((one.too_few for one in found.values() if one is not None and one.too_few), None)
        if few is not None:
            lines.append(f"no interval of {'AUC' if what == 'auc' else what}: {few}")
    return lines


def _open(record: BaselinesRecord) -> list[str]:
    if not record.open_films:
        return []
    return [f"{counted(record.open_films, 'film')} of patients with a label left open were only learnt from"]
