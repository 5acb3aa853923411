"""What the stages hand to each other: frozen models that round-trip through JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cxredge.recipe import ArtifactName, Frozen, SchemeName, Sha256, TargetName


class FilmRecord(Frozen):
    """One film by content: ``sha256`` of its file, and the patient that it belongs to."""

    file: str
    sha256: Sha256
    patient: str


class TensorRange(Frozen):
    """Calibrated range of one activation tensor, in real units."""

    tensor: str
    low: float
    high: float


class CalibrationRecord(Frozen):
    """Which films set the ranges; the ranges are per target, because each runtime names its own tensors."""

    data: str
    split: str
    percentile: float
    patients: int
    films: tuple[FilmRecord, ...]
    ranges: dict[TargetName, tuple[TensorRange, ...]] = {}


class Census(Frozen):
    """What was read back from an artifact's bytes: which dtypes its weights and activations really have."""

    weight_bytes: dict[str, int]
    """Bytes of constants by dtype."""
    activations: dict[str, int]
    """Number of non-constant tensors by dtype."""
    inputs: dict[str, str]
    outputs: dict[str, str]
    """Dtype by name."""


class Delegation(Frozen):
    """How much of the graph the fast delegate takes."""

    delegate: str
    partitions: int = Field(ge=0)
    delegated: int = Field(ge=0)
    total: int = Field(ge=0)
    left: dict[str, int] = {}
    """Operators outside the delegate, by name."""

    def share(self) -> float:
        """Delegated operators over all; 1.0 for an empty graph."""
        return self.delegated / self.total if self.total else 1.0


class Artifact(Frozen):
    """One lowered file."""

    name: ArtifactName
    target: TargetName
    scheme: SchemeName
    file: str
    bytes: int
    sha256: Sha256
    census: Census
    delegation: Delegation
    ranges: tuple[TensorRange, ...] = ()
    """Activation ranges used, in the target's own tensor names; empty for float schemes."""
    cam_step: float | None = None
    """A 255th of the float cam's calibrated range, in logits: a step, if the cam were 8-bit. None for float schemes."""
    tools: dict[str, str] = {}


class Figures(Frozen):
    """Parity figures of one artifact against the reference, over ``films`` films."""

    films: int
    logit_max_abs: float
    logit_sqnr_db: float | None
    """None when the error is exactly zero (the ratio is infinite) or the signal is."""
    cam_sqnr_db: float | None
    cam_correlation: float | None
    novelty_max_rel: float
    decisions: int
    flips: int
    flip_rate: float
    flips_by_label: dict[str, tuple[int, int]]
    """Per label: (negative to positive, positive to negative)."""


class GateResult(Frozen):
    """One bound, judged."""

    gate: str
    bound: float
    value: float | None
    verdict: Literal["kept", "broken", "not-shown"]


class Verdict(Frozen):
    """One artifact's parity, judged."""

    artifact: ArtifactName
    artifact_sha256: Sha256
    figures: Figures
    gates: tuple[GateResult, ...]
    passed: bool


class ArtifactTimes(Frozen):
    """One artifact, milliseconds. Ratios divide medians of the same rounds."""

    name: str
    bytes: int
    load_ms: float
    first_ms: float
    p10_ms: float
    p50_ms: float
    p90_ms: float
    of_eager: float
    of_fp32: float | None
    """Latency against the same target's fp32."""
    bytes_of_fp32: float | None


class BenchFigures(Frozen):
    """All artifacts of a bundle at one thread count."""

    bundle: str
    machine: str
    threads: int
    rounds: int
    artifacts: tuple[ArtifactTimes, ...]


def number(value: float | None) -> str:
    """A figure as tables and cards print it: four significant digits, a dash for none."""
    return "–" if value is None else f"{value:.4g}"
