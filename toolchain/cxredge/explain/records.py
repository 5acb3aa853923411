"""What a trace and a simulation say, as records that round-trip through JSON."""

from __future__ import annotations

from cxredge.vocabulary import Frozen


class UnitError(Frozen):
    """One unit's output in the artifact against the float student's, summed over the films.

    tensor: the artifact's name; None: it has none, because the unit is fused into another. signal, noise: sums of
    squares, of the student's output and of the difference. bad: NaN, infinity or an overflow, in words; from there on
    nothing is summed up.
    """

    unit: str
    operator: str
    tensor: str | None
    signal: float = 0.0
    noise: float = 0.0
    bad: str | None = None


class TraceRecord(Frozen):
    """One artifact's intermediates. signal, noise: of the logits; None where the runtime gave NaN or infinity."""

    source: str
    units: tuple[UnitError, ...]
    signal: float | None
    noise: float | None


class RestoredUnit(Frozen):
    """See ``sensitivity.Restored``."""

    unit: str
    logit_sqnr_db: float | None
    share: float


class KeptStep(Frozen):
    """See ``sensitivity.Kept``; always measured."""

    units: tuple[str, ...]
    logit_sqnr_db: float | None
    share: float


class SimulationRecord(Frozen):
    """What the simulation says of one scheme; units in the order of execution."""

    logit_sqnr_db: float | None
    units: tuple[RestoredUnit, ...]
    steps: tuple[KeptStep, ...]
