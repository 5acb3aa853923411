"""The charts that hold all artifacts against each other: losses with their gates, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping

from cxredge.metrics import METRICS
from cxredge.recipe import Gates
from cxredge.report import charts
from cxredge.report.charts import Axis, Layer, Marks, Row, Shape, Svg
from cxredge.report.material import ReportMaterial
from cxredge.report.panels import loss_row, losses
from cxredge.results import Paired, number
from cxredge.vocabulary import TARGETS, ArtifactName, SchemeName

SHAPES: dict[SchemeName, Shape] = {"fp32": "circle", "fp16": "square", "w8": "diamond", "w8a8": "up"}
NOT_MEASURED = Paired(reference=None, artifact=None, loss=None, low=None, high=None)
"""Of results that were written before there was such a figure."""
HUES = ("hue-a", "hue-b", "hue-c", "hue-d", "hue-e")
COLOURS = {target: HUES[place % len(HUES)] for place, target in enumerate(TARGETS)}
"""By target; from the sixth target on they come again, and the marks' own texts tell the targets apart."""


def auc_losses(material: ReportMaterial) -> Svg:
    """AUC loss of every artifact with its interval and margin."""
    return _losses(material, "auc", f"AUC loss, mean of the {material.terms.labels}")


def accuracy_losses(material: ReportMaterial) -> Svg | None:
    """The same of the accuracy; None for independent findings, which have none."""
    return _losses(material, "accuracy", "accuracy loss") if material.recipe.labels.kind == "single-label" else None


def _losses(material: ReportMaterial, name: str, label: str) -> Svg:
    (metric,) = (m for m in METRICS if m.name == name)
    lines = []
    for artifact in material.results.artifacts:
        margin = getattr(material.recipe.gates.get(artifact.scheme, Gates()), metric.gate)
        figure: Paired | None = getattr(material.verdict(artifact).figures, metric.name)
        lines.append(loss_row(artifact.name, figure or NOT_MEASURED, margin))
    return losses(f"{metric.gate_words[0].upper()}{metric.gate_words[1:]} of every artifact", label, lines)


def flip_rates(material: ReportMaterial) -> Svg:
    """Share of decisions flipped by every artifact, with its bound."""
    lines = []
    for artifact in material.results.artifacts:
        bound = material.recipe.gates.get(artifact.scheme, Gates()).flip_rate
        rate = material.verdict(artifact).figures.flip_rate
        lines.append(Row(artifact.name, ((rate, "circle", "artifact big"),), None, bound))
    values = [v for r in lines for v in (r.marks[0][0], r.bound)]
    axis = charts.spanning("decisions flipped", [0.0, *values], percent=True, zero=True)
    description = "; ".join(f"{r.name}: {100 * r.marks[0][0]:.3g} %" for r in lines)
    return charts.rows("Decisions flipped by every artifact", description, axis, lines)


def cost_charts(material: ReportMaterial) -> tuple[Svg, ...]:
    """Size against flips and, with a bench, latency against flips."""
    sizes = {a.name: a.bytes / 1e6 for a in material.results.artifacts}
    found = [_cost(material, "size", "size, MB", sizes)]
    if material.bench is not None:
        times = {ArtifactName(a.name): a.p50_ms for a in material.bench.artifacts if a.name in sizes}
        if times:
            found.append(_cost(material, "latency", "median latency, ms", times))
    return tuple(found)


def _cost(material: ReportMaterial, what: str, label: str, values: Mapping[ArtifactName, float]) -> Svg:
    layers: list[Layer] = []
    rates = {a.name: material.verdict(a).figures.flip_rate for a in material.results.artifacts}
    for artifact in material.results.artifacts:
        if (x := values.get(artifact.name)) is not None:
            rate = rates[artifact.name]
            text = f"{artifact.name}: {number(x)} ({label}), {100 * rate:.3g} % flipped"
            kind = f"{COLOURS[artifact.target]} big"
            layers.append(Marks((x,), (rate,), SHAPES[artifact.scheme], kind, (text,)))
    y = charts.spanning("decisions flipped", rates.values(), percent=True)
    x_axis = charts.spanning(label, [0.0, *values.values()], zero=True)
    description = "; ".join(f"{name}: {number(value)}, {100 * rates[name]:.3g} %" for name, value in values.items())
    return charts.plot(
        f"Decisions flipped against {what}", description, x_axis, Axis(y.label, y.low, y.high, True), layers
    )
