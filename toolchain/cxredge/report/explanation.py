"""What ``cxredge explain`` prints: a table of layers, totals, and what to try."""

from __future__ import annotations

from cxredge.errors import counted
from cxredge.evidence import Explanation, GateOutlook, LayerError
from cxredge.explain.layerwise import STANDS_OUT, explained, worst
from cxredge.metrics import gate_says
from cxredge.report.fitted import as_fitted_text
from cxredge.results import number

HEADER = ("module", "operator", "SQNR dB", "of the error", "restored dB", "")
NAMED = 12
"""Units without a tensor of their own that are named; of the others only the number is given."""


def text(found: Explanation, width: int | None) -> str:
    """The whole page, plain text. width: of the terminal, where it is one."""
    first = worst(found)
    rows = [_row(layer, place == first, layer.module in found.fixed_units) for place, layer in enumerate(found.layers)]
    return "\n\n".join([_head(found), as_fitted_text(HEADER, rows, width), *_notes(found), _advice(found)])


def _head(found: Explanation) -> str:
    logits = f"logits SQNR {number(found.logit_sqnr_db)} dB"
    if found.simulated_db is not None:
        logits += f", {number(found.simulated_db)} dB in the simulation"
    return f"{found.artifact} on {counted(found.films, 'film')}: {logits}\nread from {found.source}"


def _row(layer: LayerError, first: bool, fixed: bool) -> tuple[str, ...]:
    marks = [layer.bad or "", "<- worst" if first else "", "<- fix" if fixed else ""]
    return (
        layer.module,
        layer.operator,
        number(layer.sqnr_db),
        "–" if layer.share is None else f"{100 * layer.share:.1f} %",
        number(layer.restored_db),
        "  ".join(mark for mark in marks if mark),
    )


def _notes(found: Explanation) -> list[str]:
    notes = [
        f"{len(found.layers)} of {counted(len(found.layers) + len(found.unmatched), 'unit')} have a tensor of their own"
    ]
    if found.unmatched:
        more = len(found.unmatched) - NAMED
        notes[0] += f"; fused into others: {', '.join(found.unmatched[:NAMED])}" + (f" and {more} more" * (more > 0))
    notes.append("SQNR dB: of the unit's output, with all that was lost before it")
    if found.simulated_db is not None:
        notes.append(
            "of the error: share of the logits' squared error that vanishes in the simulation when this unit's weights "
            "and output stay float, and the logits' SQNR then; shares do not add up, as errors also cancel each other"
        )
    if found.fix is not None:
        notes.append("<- fix: the fix below keeps this unit in float")
    return notes


def _advice(found: Explanation) -> str:
    if found.simulated_db is None:
        return "fix to try: none; keep_float is for INT8 artifacts"
    if not explained(found):
        return (
            "fix to try: none; the artifact is much worse than rounding makes it in the simulation, so something else "
            "is broken: look at the marked layer"
        )
    if found.fix is None:
        return (
            "fix to try: none; nothing stands out: no module, kept in float with all that reads what it makes, takes "
            f"away {100 * STANDS_OUT:.0f} % of the squared error, nor does the layer that is marked as the worst; "
            "`cxredge build RECIPE --precision auto` tries how many together are enough"
        )
    lines = [
        f"fix to try: {found.fix}",
        *_otherwise(found),
        f"simulated: {number(found.simulated_db)} dB -> {number(found.fixed_db)} dB; build and verify it to know",
        *(_gate(gate) for gate in found.outlook),
    ]
    return "\n".join(lines)


def _otherwise(found: Explanation) -> list[str]:
    """Why the fix is not of the layer that is marked as the worst."""
    place = worst(found)
    if place is None or found.layers[place].module in found.fixed_units:
        return []
    layer = found.layers[place]
    if layer.bad is not None:
        return [f"look at {layer.module} first: it holds {layer.bad}, which no rounding makes"]
    return [
        f"this is not {layer.module}, which is marked as the worst: what it hands on stays float only with all that "
        "reads it, and for each unit so kept the fix takes away more"
    ]


def _gate(gate: GateOutlook) -> str:
    """One gate with the fix."""
    side = "at least" if gate_says(gate.gate)[1] else "at most"
    now = f"{gate.gate} is {number(gate.value)}, the bound is {side} {number(gate.bound)}"
    if gate.expected is None:
        return f"gate {now}: whether the fix keeps it cannot be told from the simulation"
    says = "kept" if gate.outlook == "kept" else "still broken"
    return f"gate {now}: about {number(gate.expected)} with the fix, an estimate: {says}"
