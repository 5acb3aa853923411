"""What the stages hand to each other: frozen models that round-trip through JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from cxredge.metrics import gate_says, value_fields
from cxredge.vocabulary import AbsentIf, ArtifactName, Frozen, QualityKind, SchemeName, Sha256, Sparse, TargetName

SEMANTICS = "program semantics"
"""In place of a runtime's name: the file was evaluated as what it says, because its runtime does not exist here."""


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
    """Of the recipe's rule ``percentile``; 100 where another rule made the ranges, as none was then cut off."""
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


Size = Annotated[int, Field(ge=0)] | None
"""One dimension; None where the file leaves it open."""


class TensorInfo(Frozen):
    """One input or output of a model file."""

    name: str
    dtype: str | None
    """None where the file does not say."""
    shape: tuple[Size, ...] | None
    """None where even the rank is open."""


class Operation(Frozen):
    """One operator of a model file, with what it costs by its shapes: computed, not timed."""

    name: str
    type: str
    dtype: str | None
    """Of the first output, as ``shape`` is."""
    shape: tuple[Size, ...] | None
    weight_bytes: int = Field(ge=0)
    """Bytes of the constants that it reads, as stored; 0 without."""
    weight_dtype: str | None
    """Of the largest of these constants; None without."""
    macs: int | None = Field(ge=0)
    """Multiply-accumulates of convolutions and matrix products; 0 for other operators. None: open shapes, or an
    operator that is not looked into (control flow, recurrent cells, operators of the file's own)."""
    bytes_moved: int | None = Field(ge=0)
    """Activations read and written, and weights read at their stored width; None where a shape is open."""
    delegate: str | None
    """The delegate that takes it, where the file says so; else None."""


class Inspection(Frozen):
    """What a model file says of itself, read by a parser: nothing was run."""

    file: str
    format: TargetName
    bytes: int = Field(ge=0)
    sha256: Sha256
    """Of the file; of a folder, over its files' names and hashes as ``sha256sum`` prints them, sorted."""
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    census: Census
    operations: tuple[Operation, ...]
    """In the order of execution."""


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


class Artifact(Sparse):
    """One lowered file."""

    name: ArtifactName
    target: TargetName
    scheme: SchemeName
    file: str
    bytes: int
    sha256: Sha256
    census: Census
    delegation: Delegation | None
    """None where the runtime decides on the device what it delegates, and the file says nothing."""
    ranges: tuple[TensorRange, ...] = ()
    """Activation ranges used, in the target's own tensor names; empty for float schemes."""
    kept_float: tuple[str, ...] = ()
    """Modules of the student that this artifact keeps in float though its scheme is INT8: what the recipe's
    ``keep_float`` came to."""
    cam_step: float | None = None
    """A 255th of the float cam's calibrated range, in logits: a step, if the cam were 8-bit. None for float schemes,
    and without a cam."""
    logit_step: Annotated[float | None, AbsentIf(lambda step: step is None)] = None
    """The same of the logits, of a student without a cam."""
    tools: dict[str, str] = {}

    def lacks(self, output: str) -> bool:
        """Whether the file says what it answers, and ``output`` is not among it."""
        return bool(self.census.outputs) and output not in self.census.outputs


class BootstrapSpec(Frozen):
    """How intervals were made: patients are drawn with return, and each brings all its films."""

    resamples: int = Field(ge=1)
    level: float = Field(gt=0, lt=1)
    """Of the two-sided percentile interval."""
    seed: int


class Paired(Frozen):
    """One figure of the reference and of the artifact on the same films, and how sure the difference is."""

    reference: float | None
    artifact: float | None
    loss: float | None
    """How much worse the artifact is: a drop of AUC, sensitivity or specificity, a rise of ECE or Brier score."""
    low: float | None
    high: float | None
    """Bootstrap interval of the loss (paired, clustered by patient)."""
    too_few: str | None = None
    """Why no interval is given, for example ``5 positive patients, 10 are needed``. Such a figure is not shown, and a
    gate on it is not kept."""


class QualityFigure(Frozen):
    """One kind of accident: how often it is found, and how often ordinary films are taken for it."""

    kind: QualityKind
    films: int
    """Evaluation films that it was made of."""
    found: Paired
    """Share of them that is flagged as this kind."""
    ordinary: int
    """Evaluation films as they are."""
    false_alarms: Paired
    """Share of these that is flagged as this kind."""


if TYPE_CHECKING:

    class Figures(Frozen):
        """Parity figures of one artifact against the reference, over ``films`` films.

        Beside these counts it has a field for every metric but those of the artifact's own record: numbers (None where
        ``Metric.none`` says what that means, or the student has no such output), and ``Paired`` ones, of ``labels``
        means over those that have enough films, of ``classes`` None for independent findings.
        """

        films: int
        decisions: int
        flips: int
        flips_by_label: dict[str, tuple[int, int]]
        """Per label: (negative to positive, positive to negative)."""
        labels_too_few: dict[str, str]
        """Labels that the means leave out, and why, for example ``5 positive patients, 10 are needed``."""
        quality: tuple[QualityFigure, ...] = ()
        """One a kind; empty where the student has no such output."""

        def __getattr__(self, metric: str) -> Any: ...

else:
    Figures = create_model(
        "Figures",
        __base__=Sparse,
        __module__=__name__,
        __doc__="Parity figures of one artifact against the reference, over ``films`` films.",
        films=int,
        **value_fields("outputs", Paired),
        decisions=int,
        flips=int,
        **value_fields("decisions", Paired),
        flips_by_label=dict[str, tuple[int, int]],
        **value_fields("labels", Paired),
        labels_too_few=dict[str, str],
        **value_fields("classes", Paired),
        **value_fields("out-of-distribution", Paired),
        **value_fields("accidents", Paired),
        quality=(Annotated[tuple[QualityFigure, ...], AbsentIf(lambda found: not found)], ()),
    )


class GateResult(Sparse):
    """One bound, judged."""

    gate: str
    bound: float
    value: float | None
    verdict: Literal["kept", "broken", "not-shown", "not-applicable"]
    """``not-shown``: the figure could not be had, and the gate counts as not kept. ``not-applicable``: this target, or
    this kind of student, has no such figure, by its nature."""
    weak: Annotated[str | None, AbsentIf(lambda said: said is None)] = None
    """What the bound lets happen, where it is so loose that keeping it says little: see ``metrics.Metric.weak``. A
    remark, which fails nothing."""

    @property
    def failed(self) -> bool:
        """Whether it counts as not kept."""
        return self.verdict in ("broken", "not-shown")

    @property
    def words(self) -> str:
        """In words, for example ``flip_rate is 0.04, the bound is at most 0.03``."""
        value = "could not be shown" if self.value is None else f"is {number(self.value)}"
        return f"{self.gate} {value}, the bound is {self.side} {number(self.bound)}"

    @property
    def side(self) -> str:
        """What the bound is: ``at least`` or ``at most``."""
        return "at least" if gate_says(self.gate)[1] else "at most"


class Verdict(Frozen):
    """One artifact's parity, judged."""

    artifact: ArtifactName
    artifact_sha256: Sha256
    runtime: str
    """What ran the artifact: a runtime's name, or ``SEMANTICS``."""
    figures: Figures
    gates: tuple[GateResult, ...]
    passed: bool

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """The gates that it does not keep."""
        return tuple(gate for gate in self.gates if gate.failed)


def failed_gates(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Every gate that is not kept, in words, with its artifact first."""
    return tuple(f"{verdict.artifact}: {gate.words}" for verdict in verdicts for gate in verdict.failed)


def weak_gates(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Every bound that is so loose that keeping it says little, in words, with the schemes that have it."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        for gate in verdict.gates:
            if gate.weak is not None:
                schemes = found.setdefault(f"{gate.gate} {gate.side} {number(gate.bound)}: {gate.weak}", [])
                schemes += [verdict.artifact.scheme] if verdict.artifact.scheme not in schemes else []
    return tuple(f"{', '.join(schemes)}: {line}" for line, schemes in found.items())


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
    not_timed: tuple[ArtifactName, ...] = ()
    """Artifacts whose runtime does not exist on the machine."""
    artifacts: tuple[ArtifactTimes, ...]


def number(value: float | None) -> str:
    """A figure as tables and cards print it: four significant digits, a dash for none."""
    return "–" if value is None else f"{value:.4g}"
