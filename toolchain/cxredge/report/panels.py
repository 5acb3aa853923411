"""The charts of one artifact, from its arrays and its evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cxredge.errors import counted
from cxredge.evidence import Evidence, Explanation, LabelEvidence
from cxredge.recipe_decision import NOT_JUDGED
from cxredge.report import charts
from cxredge.report.charts import Axis, Bars, Layer, Line, Marks, Row, Svg
from cxredge.report.choice import ROWS_SHOWN
from cxredge.report.material import REFERENCE, ReportMaterial
from cxredge.results import Paired, Verdict, number
from cxredge.statistics.probabilities import Bin, probabilities, reliability

UNIT = (0.0, 1.0)


@dataclass(frozen=True)
class LabelPanel:
    """One label's charts and what is written under them."""

    label: str
    scatter: Svg
    up: int
    down: int
    roc: Svg | None
    """None where the films hold no positive, or no negative, of this label, or do not tell it."""
    threshold: float
    evidence: LabelEvidence | None
    judged: bool


def label_panel(material: ReportMaterial, artifact: str, label: int) -> LabelPanel:
    """Scatter and ROC of the label at this place."""
    name = material.names[label]
    terms, models = material.terms, (REFERENCE, artifact)
    reference, other = (material.scores[model][:, label] for model in models)
    truth, cut = material.truth[:, label], material.rule.cut[label]
    before, after = (material.called[model][:, label] for model in models)
    up, down = ~before & after, before & ~after
    low, high = float(min(reference.min(), other.min(), cut)), float(max(reference.max(), other.max(), cut))
    same = before == after
    axis = charts.spanning(f"{terms.score} of the reference", (low, high))
    judged = bool(material.judged[label])
    unmoved = (
        (
            Marks(reference[same & ~truth], other[same & ~truth], "circle", "absent"),
            Marks(reference[same & truth], other[same & truth], "square", "present"),
        )
        if judged
        else (Marks(reference[same], other[same], "cross", "unknown"),)
    )
    layers: list[Layer] = [
        Line((axis.low, axis.high), (axis.low, axis.high), "diagonal"),
        *unmoved,
        Marks(reference[up], other[up], "up", "risen", _films(material, up)),
        Marks(reference[down], other[down], "down", "fallen", _films(material, down)),
    ]
    scatter = charts.plot(
        f"{name}: {terms.scores} of {artifact} against the reference",
        f"{counted(len(truth), 'film')}, {f'{int(truth.sum())} {terms.cases}' if judged else NOT_JUDGED}; "
        f"{int(up.sum())} {terms.up}, "
        f"{int(down.sum())} {terms.down} at the {terms.cut} {number(float(cut))}.",
        axis,
        Axis(f"{terms.score} of {artifact}", axis.low, axis.high),
        layers,
        down=(float(cut),),
        across=(float(cut),),
    )
    evidence = material.evidence(artifact)
    line = next((e for e in evidence.labels if e.label == name), None) if evidence else None
    curve = (
        _roc(name, artifact, terms.cut, reference, other, truth, before, after)
        if judged and 0 < truth.sum() < len(truth)
        else None
    )
    return LabelPanel(name, scatter, int(up.sum()), int(down.sum()), curve, float(cut), line, judged)


def _films(material: ReportMaterial, chosen: np.ndarray) -> list[str]:
    """The films' names; none where there are too many to point at."""
    return [material.films[i].file for i in np.flatnonzero(chosen)] if chosen.sum() <= ROWS_SHOWN else []


def _roc(
    name: str,
    artifact: str,
    cut: str,
    reference: np.ndarray,
    other: np.ndarray,
    truth: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
) -> Svg:
    from sklearn.metrics import roc_curve

    points = [(float(d[~truth].mean()), float(d[truth].mean())) for d in (before, after)]
    (alarms, hits), (alarms_after, hits_after) = points
    curve, curve_after = (roc_curve(truth, scores)[:2] for scores in (reference, other))
    return charts.plot(
        f"{name}: ROC of the reference and of {artifact}",
        f"At the {cut} the reference has sensitivity {hits:.3f} and specificity {1 - alarms:.3f}, {artifact} "
        f"{hits_after:.3f} and {1 - alarms_after:.3f}.",
        Axis("1 − specificity", *UNIT),
        Axis("sensitivity", *UNIT),
        [
            Line(UNIT, UNIT, "diagonal"),
            Line(curve[0], curve[1], "curve reference"),
            Line(curve_after[0], curve_after[1], "curve artifact"),
            Marks((alarms,), (hits,), "diamond", "reference"),
            Marks((alarms_after,), (hits_after,), "circle", "artifact big"),
        ],
    )


def reliability_chart(material: ReportMaterial, artifact: str, temperature: float, css: str) -> Svg:
    """Before and after its temperature, over all labels that are judged, at least one, and all films; ``artifact`` may
    be the reference."""
    logits, kind, told = material.outputs[artifact]["logits"], material.recipe.labels.kind, material.judged
    before, after = (
        reliability(material.truth[:, told], probabilities(logits, kind, t)[:, told]) for t in (1.0, temperature)
    )

    def xy(bins: tuple[Bin, ...]) -> tuple[list[float], list[float]]:
        return [b.probability for b in bins], [b.share for b in bins]

    most = max(b.answers for b in after)
    return charts.plot(
        f"Reliability of {artifact}, before and after its temperature",
        "After: " + "; ".join(f"said {b.probability:.2f}, found {b.share:.2f} ({b.answers})" for b in after),
        Axis("probability that the model states", *UNIT),
        Axis(f"share {material.terms.cases}", *UNIT),
        [
            Bars([b.probability for b in after], [0.2 * b.answers / most for b in after], 0.05, "count"),
            Line(UNIT, UNIT, "diagonal"),
            Line(*xy(before), "curve before"),
            Marks(*xy(before), "cross", "before"),
            Line(*xy(after), f"curve {css}"),
            Marks(*xy(after), "circle", f"{css} big"),
        ],
    )


@dataclass(frozen=True)
class LayerPanel:
    """Error by unit of the student, in the order of execution."""

    sqnr: Svg
    share: Svg | None
    """None where no unit was simulated."""


def layer_panel(found: Explanation) -> LayerPanel:
    """SQNR of every unit, and its share of the final error."""
    measured = [(i, unit) for i, unit in enumerate(found.layers, 1) if unit.sqnr_db is not None and not unit.bad]
    bad = [(i, unit) for i, unit in enumerate(found.layers, 1) if unit.bad]
    x = Axis("unit, in the order of execution", 0, len(found.layers) + 1)
    y = charts.spanning("SQNR, dB", [unit.sqnr_db for _, unit in measured])
    places, decibels = [i for i, _ in measured], [u.sqnr_db or 0.0 for _, u in measured]
    worst = min(measured, key=lambda pair: pair[1].sqnr_db or 0.0, default=None)
    sqnr = charts.plot(
        f"SQNR by unit of {found.artifact}",
        f"{counted(len(measured), 'unit')} with a finite SQNR, the least "
        + (f"{number(worst[1].sqnr_db)} dB at {worst[1].module}" if worst else "–")
        + f"; {counted(len(bad), 'unit')} with values that are no numbers.",
        x,
        y,
        [
            Line(places, decibels, "curve artifact thin"),
            Marks(places, decibels, "circle", "artifact", [f"{u.module}: {number(u.sqnr_db)} dB" for _, u in measured]),
            Marks([i for i, _ in bad], [y.low] * len(bad), "cross", "bad", [f"{u.module}: {u.bad}" for _, u in bad]),
        ],
        box=charts.WIDE,
    )
    shares = [(i, u.share) for i, u in enumerate(found.layers, 1) if u.share is not None]
    if not shares:
        return LayerPanel(sqnr, None)
    most = max(shares, key=lambda pair: pair[1])
    share = charts.plot(
        f"Share of the final error by unit of {found.artifact}",
        f"The largest is {100 * most[1]:.3g} % at {found.layers[most[0] - 1].module}.",
        x,
        charts.spanning("share of the error", [v for _, v in shares], percent=True, zero=True),
        [Bars([i for i, _ in shares], [v for _, v in shares], 0.8, "artifact")],
        box=charts.WIDE,
    )
    return LayerPanel(sqnr, share)


def few(paired: Paired) -> str:
    """Text in place of a figure that is not shown; empty where it is."""
    if paired.too_few == NOT_JUDGED:
        return NOT_JUDGED
    if paired.too_few is not None:
        return f"too few: {paired.too_few}"
    return "not measured" if paired.loss is None else ""


def loss_row(name: str, paired: Paired, bound: float | None = None) -> Row:
    """A loss with its interval and the margin of its gate."""
    if (note := few(paired)) or paired.loss is None:
        return Row(name, note=note)
    interval = None if paired.low is None or paired.high is None else (paired.low, paired.high)
    return Row(name, ((paired.loss, "circle", "artifact big"),), interval, bound)


def losses(title: str, label: str, lines: list[Row]) -> Svg:
    """Losses of several artifacts or parts of the films, one below the other, around zero."""
    values = [v for r in lines for v in (*(m[0] for m in r.marks), *(r.interval or ()), r.bound)]
    axis = charts.spanning(label, [0.0, *values])
    description = "; ".join(f"{r.name}: {r.note or number(r.marks[0][0])}" for r in lines)
    return charts.rows(title, description, axis, lines)


def subgroup_chart(evidence: Evidence) -> Svg:
    """AUC loss by part of the films."""
    parts = evidence.subgroups[:ROWS_SHOWN]
    lines = [loss_row(f"{s.column} {s.value} ({counted(s.films, 'film')})", s.auc) for s in parts]
    return losses(f"AUC loss of {evidence.artifact} by part of the films", "AUC loss", lines)


def novelty_chart(evidence: Evidence) -> Svg:
    """Share of strange pictures that are flagged, by kind."""
    lines = [
        Row(
            f"{s.kind} ({counted(s.pictures, 'picture')})",
            ((s.flagged_reference, "diamond", "reference"), (s.flagged_artifact, "circle", "artifact big")),
        )
        for s in evidence.strangers[:ROWS_SHOWN]
    ]
    return _shares("Strange pictures flagged", f"of {evidence.artifact} and the reference", lines)


def quality_chart(verdict: Verdict) -> Svg:
    """Share of films with an accident that are found, by kind."""
    lines = [
        Row(
            f"{q.kind} ({counted(q.films, 'film')})",
            ((q.found.reference, "diamond", "reference"), (q.found.artifact, "circle", "artifact big")),
        )
        for q in verdict.figures.quality
        if q.found.reference is not None and q.found.artifact is not None
    ]
    return _shares("Films held or exported wrongly that are found", f"of {verdict.artifact} and the reference", lines)


def stress_chart(evidence: Evidence) -> Svg:
    """Share of decisions that a change of the films moves, in the reference, in the artifact, and between them."""
    lines = [
        Row(
            f"{s.kind} ({counted(s.films, 'film')})",
            (
                (s.moved_reference, "diamond", "reference"),
                (s.moved_artifact, "circle", "artifact big"),
                (s.disagree, "cross", "risen"),
            ),
        )
        for s in evidence.stress[:ROWS_SHOWN]
    ]
    return _shares("Decisions moved by changed films", f"of {evidence.artifact} and the reference", lines)


def _shares(title: str, whose: str, lines: list[Row]) -> Svg:
    values = [m[0] for r in lines for m in r.marks]
    axis = charts.spanning("share", [*values, 0.0], percent=True, zero=True)
    description = "; ".join(f"{r.name}: {', '.join(f'{100 * m[0]:.3g} %' for m in r.marks)}" for r in lines)
    return charts.rows(f"{title}, {whose}", description, axis, lines)
