"""Where an artifact loses what it loses: figures of its units, and what to try."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence

from cxredge.evidence import Explanation, GateOutlook, LayerError
from cxredge.explain.records import KeptStep, RestoredUnit, SimulationRecord, TraceRecord, UnitError
from cxredge.results import GateResult
from cxredge.vocabulary import ArtifactName, ModulePattern

STANDS_OUT = 0.25
"""Units stand out when keeping them in float takes away at least this share of the logits' squared error (1.2 dB)."""
EXACT_DB = 150.0
"""In place of the SQNR of equal layers, which has no finite value: float32 holds 24 bits, 144 dB."""
SQNR = "logit_sqnr_db"
"""The one gate that the simulation answers."""
UNEXPLAINED_DB = 6.0
"""An artifact whose logits are as much worse than the simulation's is broken by something else than rounding."""


def explanation(
    artifact: ArtifactName,
    films: int,
    trace: TraceRecord,
    simulation: SimulationRecord | None,
    kept: Sequence[ModulePattern] = (),
    gates: Sequence[GateResult] = (),
) -> Explanation:
    """One artifact explained.

    simulation: of its scheme, where that is INT8. kept: patterns that it keeps already. gates: as it was judged.
    """
    restored: Sequence[RestoredUnit | None] = [None] * len(trace.units)
    if simulation is not None:
        restored = simulation.units
    found = Explanation(
        artifact=artifact,
        target=artifact.target,
        films=films,
        source=trace.source,
        logit_sqnr_db=decibels(trace.signal, trace.noise),
        simulated_db=None if simulation is None else simulation.logit_sqnr_db,
        layers=tuple(_layer(u, r) for u, r in zip(trace.units, restored, strict=True) if u.tensor is not None),
        unmatched=tuple(f"{u.unit} ({u.operator})" for u in trace.units if u.tensor is None),
        fix=None,
    )
    steps = standing_out(simulation.steps) if simulation is not None and explained(found) else ()
    if not steps:
        return found
    fixed_db = steps[-1].logit_sqnr_db
    return found.model_copy(
        update={
            "fix": fix(artifact, steps, kept),
            "fixed_db": fixed_db,
            "fixed_units": tuple(dict.fromkeys(name for step in steps for name in step.units)),
            "outlook": tuple(_outlook(gate, found, fixed_db) for gate in gates if gate.failed or gate.gate == SQNR),
        }
    )


def _outlook(gate: GateResult, found: Explanation, fixed_db: float | None) -> GateOutlook:
    """What the simulation tells of a gate: of the logits' SQNR alone.

    What it gains is added to what was measured, which other films and the runtime's own arithmetic are in; it is never
    expected to be more than the simulation itself has.
    """
    said = GateOutlook(gate=gate.gate, bound=gate.bound, value=gate.value, expected=None, outlook="cannot-be-told")
    if gate.gate != SQNR or gate.value is None or fixed_db is None or found.simulated_db is None:
        return said
    expected = min(fixed_db, gate.value + fixed_db - found.simulated_db)
    return said.model_copy(update={"expected": expected, "outlook": "kept" if expected >= gate.bound else "broken"})


def _layer(unit: UnitError, restored: RestoredUnit | None) -> LayerError:
    assert unit.tensor is not None
    return LayerError(
        module=unit.unit,
        operator=unit.operator,
        tensor=unit.tensor,
        sqnr_db=None if unit.bad is not None else decibels(unit.signal, unit.noise),
        share=None if restored is None else restored.share,
        restored_db=None if restored is None else restored.logit_sqnr_db,
        bad=unit.bad,
    )


def decibels(signal: float | None, noise: float | None) -> float | None:
    """10 log10(signal / noise), of sums of squares; None where the ratio has no finite value, or a sum is not known."""
    if signal is None or noise is None or signal <= 0 or noise <= 0:
        return None
    return 10 * math.log10(signal / noise)


def explained(found: Explanation) -> bool:
    """Whether rounding alone, as the simulation plays it, can be why the logits are as far off as they are."""
    if found.simulated_db is None or found.logit_sqnr_db is None:
        return False
    return found.logit_sqnr_db > found.simulated_db - UNEXPLAINED_DB


def worst(found: Explanation) -> int | None:
    """Place of the layer to look at first; None where no layer loses anything.

    The first bad one. Else, where the simulation explains the artifact, the one whose float gives back most. Else the
    one behind which the SQNR falls most below what it was before.
    """
    for place, layer in enumerate(found.layers):
        if layer.bad is not None:
            return place
    shares = {i: layer.share for i, layer in enumerate(found.layers) if layer.share is not None}
    if shares and explained(found):
        return max(shares, key=lambda i: shares[i])
    lost = {i: layer.sqnr_db for i, layer in enumerate(found.layers) if layer.sqnr_db is not None}
    equal = len(lost) < len(found.layers)
    left, falls = EXACT_DB if equal else max(lost.values(), default=0.0), {}
    for place, sqnr in lost.items():
        falls[place], left = left - sqnr, min(left, sqnr)
    return max(falls, key=lambda i: falls[i]) if falls else None


def standing_out(steps: Iterable[KeptStep]) -> tuple[KeptStep, ...]:
    """The first steps, as long as each takes away ``STANDS_OUT`` of what was left."""
    chosen: list[KeptStep] = []
    for step in steps:
        if step.share < STANDS_OUT:
            break
        chosen.append(step)
    return tuple(chosen)


def fix(artifact: str, steps: Sequence[KeptStep], kept: Sequence[ModulePattern]) -> str:
    """A line of the recipe that keeps the steps' units in float, beside what it keeps already."""
    names = list(dict.fromkeys(name for step in steps for name in step.units))
    # a block's name keeps what is in it as well
    outer = [n for n in names if not any(n.startswith(f"{other}.") for other in names)]
    patterns = [*kept, *(re.escape(name) for name in outer)]
    return f"keep_float: {{{artifact}: {json.dumps(patterns)}}}"
