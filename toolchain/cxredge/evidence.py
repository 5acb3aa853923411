"""What parity measured beyond numbers: decisions, ranking, calibration, heatmaps, novelty, subgroups, stability.

Frozen models that round-trip through JSON. ``Verdict`` (in ``results``) carries the few figures that gates bound;
these carry what a person reads in the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, create_model, model_validator

from cxredge.evidence_chance import Chance
from cxredge.evidence_decisions import ClassFlip, Confusion, Flip
from cxredge.evidence_other_films import OtherFilms
from cxredge.metrics import value_fields
from cxredge.recipe_decision import OperatingPoint
from cxredge.recipe_student import OriginalProof
from cxredge.results import Artifact, BootstrapSpec, Paired, Verdict
from cxredge.vocabulary import AbsentIf, AppKind, ArtifactName, Frozen, Label, Sha256, Sparse, TargetName

LABEL_EVIDENCE = (
    "One label, or all labels' mean (``label`` None): the reference's figures, the artifact's, and the loss."
)

if TYPE_CHECKING:

    class LabelEvidence(Frozen):
        """One label, or all labels' mean (``label`` None): the reference's figures, the artifact's, and the loss.

        Beside these it has a ``Paired`` for every metric of labels. ECE and Brier score are of
        sigmoid(logit / temperature), or softmax, each model with its own temperature. A class is held against all
        other ones together: a film counts for ``flips_up`` when the artifact calls it this class and the reference
        does not.
        """

        label: Label | None
        films: int
        patients: int
        positives: int | None
        """None, like their patients: the label is not judged."""
        positive_patients: int | None
        flips_up: int
        flips_down: int
        flips_explained: int | None
        """Those of them for which the reference stood near enough; None: its own noise was not measured."""
        noise: float | None
        """The reference's own: the 95th percentile of what its score changes by when a film lies one input pixel aside.
        None for the mean, where it was not measured, and in results of an older version."""
        points: OperatingPoint | None
        """The operating point; None for the mean, and for exclusive classes."""

        def __getattr__(self, metric: str) -> Paired: ...

else:
    LabelEvidence = create_model(
        "LabelEvidence",
        __base__=Frozen,
        __module__=__name__,
        __doc__=LABEL_EVIDENCE,
        label=(Label | None, ...),
        films=int,
        patients=int,
        positives=(int | None, ...),
        positive_patients=(int | None, ...),
        **value_fields("labels", Paired),
        flips_up=int,
        flips_down=int,
        flips_explained=(int | None, ...),
        noise=(float | None, None),
        points=(OperatingPoint | None, ...),
    )


class Temperature(Frozen):
    """Temperature that makes sigmoid(logit / T), or softmax, best calibrated on validation films (Guo et al. 2017)."""

    reference: float = Field(gt=0)
    artifact: float = Field(gt=0)
    films: int
    """On which both were fitted; 0, and temperatures of 1, where no label is judged."""
    nll_before: float | None
    """Mean negative log-likelihood of the artifact's validation outputs at T = 1; None where no label is judged."""
    nll_after: float | None


class SubgroupEvidence(Frozen):
    """The same figures on a part of the films, by one column of the data set."""

    column: str
    """For example ``view``, ``sex``, ``age``, ``source``."""
    value: str
    films: int
    patients: int
    flips: int
    decisions: int
    auc: Paired
    """Macro over the labels with enough films in this part."""
    labels_shown: int


class HeatmapEvidence(Frozen):
    """Agreement of class activation maps, over maps that are not constant. Medians and bad tails over films x labels.

    Maps of positive decisions of the reference only: nobody looks at the others.
    """

    maps: int
    constant: int = 0
    """Maps that are left out because they are constant in the reference: they have no shape to compare."""
    correlation_median: float | None
    correlation_p5: float | None
    overlap_median: float | None
    """Energy overlap: sum of the smaller of two maps that are clipped at 0 and sum to 1."""
    overlap_p5: float | None
    peak_shift_median: float | None
    """Distance between the maps' peaks, in pixels of the film."""
    peak_shift_p95: float | None
    masks: int = 0
    """Maps with an exact mask (phantoms)."""
    pointing_reference: float | None = None
    """Pointing game: share of masks that hold the map's peak (Zhang et al. 2016)."""
    pointing_artifact: float | None = None
    inside_reference: float | None = None
    """Mean share of the map's positive energy that lies in the mask."""
    inside_artifact: float | None = None
    inside_chance: float | None = None
    """The same of a map with one level everywhere: the masks' mean share of the picture."""


class StrangerEvidence(Frozen):
    """How well the novelty score tells one kind of picture from the evaluation films."""

    kind: str
    """For example ``ct``, ``cells``, ``white-noise``, ``upside-down``; ``all`` for all kinds together."""
    what: str
    """In words."""
    pictures: int
    auc: Paired
    flagged_reference: float
    """Share above the novelty threshold."""
    flagged_artifact: float


class StressEvidence(Frozen):
    """What one photometric change does to the reference's and the artifact's answers, on the same films."""

    kind: str
    """For example ``jpeg``; ``unchanged`` for the films as they are, which the others are held against."""
    what: str
    films: int
    moved_reference: float
    """Share of the reference's decisions that differ from its own on the unchanged films."""
    moved_artifact: float
    """The same of the artifact."""
    disagree: float
    """Share of decisions in which artifact and reference differ on the changed films."""
    auc: Paired


class StabilityEvidence(Frozen):
    """The artifact lowered twice, calibrated on disjoint halves of the calibration films (by patient)."""

    films_a: int
    films_b: int
    flips_a: int
    """Flips of the artifact of half A against the reference."""
    flips_b: int
    flips_between: int
    """Decisions in which the two halves' artifacts differ from each other."""
    decisions: int
    sqnr_between_db: float | None


class Evidence(Frozen):
    """All that was measured of one artifact against the reference."""

    artifact: ArtifactName
    artifact_sha256: Sha256
    bootstrap: BootstrapSpec
    labels: tuple[LabelEvidence, ...]
    macro: LabelEvidence
    temperature: Temperature
    flips: tuple[Flip | ClassFlip, ...]
    confusion: Confusion | None = None
    """None for independent findings."""
    subgroups: tuple[SubgroupEvidence, ...] = ()
    heatmaps: HeatmapEvidence | None = None
    strangers: tuple[StrangerEvidence, ...] = ()
    stress: tuple[StressEvidence, ...] = ()
    stability: StabilityEvidence | None = None
    """None for artifacts without calibrated activations."""


class LayerError(Frozen):
    """One unit of the student (a convolution with what is fused behind it, or another operator) in one artifact."""

    module: str
    """PyTorch module name, for example ``backbone.net.blocks.3.1.conv_dw``."""
    operator: str
    tensor: str
    """The artifact's own name of the tensor that was compared."""
    sqnr_db: float | None
    """Of this unit's output against the reference's; None when equal."""
    share: float | None = None
    """Share of the final logits' error that vanishes when only this unit's output and weights stay float: simulated."""
    restored_db: float | None = None
    """Logits SQNR of the simulation with this one kept float."""
    bad: str | None = None
    """NaN, infinity, or a float16 overflow, in words."""


class GateOutlook(Frozen):
    """One gate of the artifact, and whether the fix would have it kept."""

    gate: str
    bound: float
    value: float | None
    """As it was judged, on the evaluation films."""
    expected: float | None
    """With the fix, by the simulation: an estimate. None where the simulation does not tell."""
    outlook: Literal["kept", "broken", "cannot-be-told"]


class Explanation(Frozen):
    """Where one artifact loses what it loses."""

    artifact: ArtifactName
    target: TargetName
    films: int
    source: str
    """What the intermediates were read from: the artifact itself, or the graph that it was made of, and why."""
    logit_sqnr_db: float | None
    """Of the artifact on these films."""
    simulated_db: float | None
    """Of the PyTorch simulation, which ``share`` and ``restored_db`` come from."""
    layers: tuple[LayerError, ...]
    """In the order of execution."""
    unmatched: tuple[str, ...] = ()
    """Units of the student for which the artifact has no tensor of its own (fused away)."""
    fix: str | None
    """What to try, as a line for the recipe; None when nothing stands out, or the scheme is not INT8."""
    fixed_db: float | None = None
    """Logits SQNR of the simulation with ``fix``."""
    fixed_units: tuple[str, ...] = ()
    """Units that ``fix`` keeps in float."""
    outlook: tuple[GateOutlook, ...] = ()
    """Of every gate that the artifact does not keep; of its SQNR gate too. Empty without ``fix``."""


class Results(Sparse):
    """What ``verify`` found of one bundle: what ``gate`` and the report read."""

    results: Literal[1] = 1
    bundle: str
    """Its id."""
    kind: Literal["host", "failed"] | AppKind
    recipe: str
    """Name and version."""
    weights_sha256: Sha256
    films_sha256: Sha256
    statement: str
    artifacts: tuple[Artifact, ...]
    verdicts: tuple[Verdict, ...]
    original: Annotated[OriginalProof | None, AbsentIf(lambda said: said is None)] = None
    """The root of the chain: the student against the network that it was imported from. None: it was made here."""
    chance: Chance | None = None
    """Whether the reference itself does better than chance; None in results of an older version."""
    evidence: tuple[Evidence, ...] = ()
    """Empty where only gates were judged."""
    not_asked: Annotated[dict[ArtifactName, str], AbsentIf(lambda names: not names)] = {}
    """Artifacts of the bundle that were not run, and why: there is no verdict on them."""
    other_films: Annotated[OtherFilms | None, AbsentIf(lambda said: said is None)] = None
    """None: judged on the films that the bundle was built with."""


class PrecisionAttempt(Frozen):
    """One precision that the search tried for one target."""

    artifact: ArtifactName
    keep_float: tuple[str, ...]
    """Names of the modules kept in float."""
    bytes: int | None
    p50_ms: float | None
    """Median latency on this machine, one thread, while other attempts may have run beside it; None where the runtime
    does not exist here."""
    verdict: Verdict | None
    refused: str | None = None
    """Why there is nothing to weigh, time or judge: the target could not make the artifact, ``[CODE] cause``."""

    @model_validator(mode="after")
    def _judged_or_refused(self) -> Self:
        if (self.verdict is None) != (self.bytes is None) or (self.verdict is None) != (self.refused is not None):
            raise ValueError("an attempt has bytes and a verdict, or the reason why it was refused")
        return self

    @property
    def passed(self) -> bool:
        """Whether it was made and keeps every gate."""
        return self.verdict is not None and self.verdict.passed


class PrecisionSearch(Frozen):
    """What the precision search tried and chose."""

    recipe: str
    attempts: tuple[PrecisionAttempt, ...]
    """In the order in which they were tried."""
    chosen: dict[TargetName, ArtifactName]
    """By target; a target is absent when no precision kept every gate."""
    keep_float: dict[ArtifactName, tuple[str, ...]]
    """Of the chosen artifacts, as the recipe has it."""
