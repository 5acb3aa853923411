"""The recipe: one ``model.yaml`` that defines one model, as frozen typed models.

Everything that decides what a build makes stands here; nothing is read from anywhere else.
The JSON Schema generated from these classes is published under ``docs/schemas/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    create_model,
    model_serializer,
    model_validator,
)

from cxredge.metrics import gate_fields
from cxredge.vocabulary import (
    APP_TARGETS,
    AppKind,
    ArtifactName,
    FileName,
    Frozen,
    Label,
    ModulePattern,
    SchemeName,
    Sha256,
    Slug,
    TargetName,
    Version,
)

MIN_CALIBRATION_FILMS = 100


class InputSpec(Frozen):
    """Preprocessing, as data: decode, orientation, VOI, inversion, 8-bit, fit, resize, float 0..255.

    The same record travels in the manifest, and the Kotlin and Swift twins read it there.
    """

    spec: Literal[1] = 1
    """Version of the preprocessing rules; a reader refuses a version that it does not know."""
    channels: Literal[1, 3] = 1
    height: int = Field(ge=16, le=1024)
    width: int = Field(ge=16, le=1024)
    fit: Literal["pad", "crop", "squash"]
    """How the film gets the student's aspect ratio before the resize: bars, centred cut, or distortion."""
    pad_value: int = Field(default=0, ge=0, le=255)
    """Grey level of the bars."""
    no_window: Literal["stored-range", "min-max"] = "stored-range"
    """What 0 and 255 mean for an image without a VOI window or LUT: the stored bits' range, or its own extremes."""


class StudentSpec(Frozen):
    """The network: a timm backbone with an exact-CAM head and a float novelty score."""

    backbone: Annotated[str, StringConstraints(pattern=r"^timm/[a-z0-9_.]+$")]
    novelty_rank: int = Field(default=32, ge=1, le=256)
    """Principal components kept for the Mahalanobis distance of the pooled features."""


class WeightsSpec(Frozen):
    """Weights beside the recipe; the hash is checked before the file is parsed."""

    file: FileName = "weights.safetensors"
    sha256: Sha256


class Labels(Frozen):
    """What the student answers. ``multi-label``: independent sigmoids; ``single-label``: one softmax."""

    kind: Literal["multi-label", "single-label"] = "multi-label"
    names: tuple[Label, ...] = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError("label names must differ from each other")
        return self


class OperatingPoint(Frozen):
    """A label's decision threshold in logit space: a film is positive when its logit is at or above it."""

    logit: float
    rule: str
    """How it was chosen, for example ``youden on val, 102 films``."""


class OperatingRule(Frozen):
    """How operating points are chosen on the validation films.

    ``youden``: the greatest sensitivity + specificity - 1. ``sensitivity`` or ``specificity``: the greatest other one
    among thresholds that keep at least ``floor``. ``cost``: the least misses x ``miss_cost`` + false alarms.
    """

    kind: Literal["youden", "sensitivity", "specificity", "cost"] = "youden"
    floor: float | None = Field(default=None, gt=0, lt=1)
    """Of the rules ``sensitivity`` and ``specificity``."""
    miss_cost: float | None = Field(default=None, gt=0)
    """Of the rule ``cost``: how many false alarms one missed finding outweighs."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"sensitivity": "floor", "specificity": "floor", "cost": "miss_cost"}.get(self.kind)
        for name in ("floor", "miss_cost"):
            if (getattr(self, name) is not None) != (name == needed):
                raise ValueError(f"the rule {self.kind} takes {needed or 'neither floor nor miss_cost'}")
        return self


class OperatingRules(Frozen):
    """The rule of every label, and other ones for some."""

    default: OperatingRule = OperatingRule()
    labels: dict[Label, OperatingRule] = {}

    def of(self, label: str) -> OperatingRule:
        """The rule of ``label``."""
        return self.labels.get(label, self.default)


class Novelty(Frozen):
    """Threshold of the novelty score above which a film is unlike the training films."""

    threshold: float = Field(gt=0)
    rule: str


class FolderData(Frozen):
    """A folder with ``labels.csv`` under ``CXR_DATA`` (default ``../shared/data``)."""

    source: Literal["folder"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
    label_column: str | None = None
    """For single-label sets: the column that holds the label's name. Multi-label sets have one 0/1 column a label."""


class PhantomData(Frozen):
    """Synthetic chest radiographs, made from a seed. Their scores say nothing about people."""

    source: Literal["phantom"]
    seed: int = Field(ge=0, lt=2**31)
    patients: dict[Literal["train", "val", "test"], int]
    """Phantom patients per split; each has one to four films."""


class RangeRuleBase(Frozen):
    """How the values of an activation tensor become its INT8 range; ``quantize/rules.py`` has the functions."""

    @property
    def words(self) -> str:
        """As a model card says it."""
        return ", ".join(f"{name} {value}" for name, value in self.model_dump().items()).removeprefix("rule ")


class PercentileRange(RangeRuleBase):
    """Cuts off the tails."""

    rule: Literal["percentile"]
    percentile: float = Field(default=99.99, gt=90, le=100)
    """Upper percentile; the lower one is its mirror. 100 means min and max."""

    @property
    def words(self) -> str:
        """``percentile 99.99``."""
        return f"percentile {self.percentile}"


class MinMaxRange(RangeRuleBase):
    """Cuts off nothing."""

    rule: Literal["min-max"]


class MseRange(RangeRuleBase):
    """Cuts off as much as makes the squared error of the quantised values least."""

    rule: Literal["mse"]


RangeRule = Annotated[PercentileRange | MinMaxRange | MseRange, Field(discriminator="rule")]


class Calibration(Frozen):
    """Which films set the INT8 ranges, and how much of each tensor's tails they leave out."""

    split: Literal["train", "val", "test"] = "val"
    count: int = Field(le=10_000)
    percentile: float = Field(default=99.99, gt=90, le=100)
    """Short for ``ranges: {rule: percentile, percentile: ...}``."""
    ranges: RangeRule | None = None
    """The rule; none: the percentile above."""

    @property
    def rule(self) -> RangeRule:
        """What makes the ranges, whichever of the two keys says it."""
        return self.ranges or PercentileRange(rule="percentile", percentile=self.percentile)

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.ranges is not None and "percentile" in self.model_fields_set:
            raise ValueError("percentile is the short form of ranges: say one of the two")
        return self

    @model_serializer(mode="wrap")
    def _as_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only the key that counts: a record that is read back must not say it twice."""
        tree: dict[str, Any] = dump(self)
        tree.pop("ranges" if self.ranges is None else "percentile", None)
        return tree


class Evaluation(Frozen):
    """Films on which artifacts are held against the reference."""

    split: Literal["train", "val", "test"] = "test"
    count: int | None = Field(default=None, ge=1)
    """Films to use, in the order of ``labels.csv``; none means all. More than there are is an error."""


if TYPE_CHECKING:

    class Gates(Frozen):
        """Bounds that an artifact's parity figures must keep; a missing bound is not judged."""

        def __getattr__(self, gate: str) -> float | None: ...

else:
    # a key for every metric, with the bounds that its declaration sets
    Gates = create_model(
        "Gates",
        __base__=Frozen,
        __module__=__name__,
        __doc__="Bounds that an artifact's parity figures must keep; a missing bound is not judged.",
        **gate_fields(),
    )


class Teacher(Frozen):
    """What the student learns from: trained here, or loaded from a file beside the recipe."""

    backbone: Annotated[str, StringConstraints(pattern=r"^timm/[a-z0-9_.]+$")]
    pretrained: str | None = None
    """Name of installable ImageNet weights (``docs/distill.md`` lists them), or none."""
    weights: WeightsSpec | None = None
    """A trained teacher to load; training is skipped."""
    epochs: int = Field(default=10, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)


class LossTerm(Frozen):
    """One loss of a distillation, by the name under which ``distill/losses.py`` registers it."""

    loss: Slug
    weight: float = Field(default=1.0, ge=0)
    parameters: dict[str, bool | int | float | str] = {}
    """Of the loss's function, by name; what is left out has the function's default."""


class Distillation(Frozen):
    """How ``cxredge distill`` trains: never on a row whose licence class is not in ``licence_classes``."""

    teacher: Teacher
    pretrained: str | None = None
    """ImageNet weights that the student starts from."""
    epochs: int = Field(default=10, ge=1)
    batch: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)
    temperature: float = Field(default=2.0, gt=0)
    """Short, with ``alpha``, for the two losses hard and soft."""
    alpha: float = Field(default=0.5, ge=0, le=1)
    """Weight of the hard targets; the teacher's soft targets get the rest."""
    losses: tuple[LossTerm, ...] | None = Field(default=None, min_length=1)
    """What the student learns from, added up; none: hard and soft by ``temperature`` and ``alpha``."""
    seed: int = 0
    licence_classes: tuple[Literal["open", "nih-free-use", "authorized-for-everyone"], ...] = (
        "open",
        "nih-free-use",
        "authorized-for-everyone",
    )

    @property
    def terms(self) -> tuple[LossTerm, ...]:
        """The losses, whichever keys say them."""
        return self.losses or (
            LossTerm(loss="hard", weight=self.alpha),
            LossTerm(loss="soft", weight=1 - self.alpha, parameters={"temperature": self.temperature}),
        )

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        twice = [key for key in ("temperature", "alpha") if key in self.model_fields_set]
        if self.losses is not None and twice:
            raise ValueError("temperature and alpha are the short form of losses: say one of the two")
        return self

    @model_serializer(mode="wrap")
    def _as_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only the keys that count: a record that is read back must not say it twice."""
        tree: dict[str, Any] = dump(self)
        for key in ("losses",) if self.losses is None else ("temperature", "alpha"):
            tree.pop(key, None)
        return tree


class Bundles(Frozen):
    """Which artifacts leave in which app's bundle, the one that it uses first. The host bundle holds all."""

    android: tuple[ArtifactName, ...] = ()
    """Artifacts for the Android app, of the targets executorch and tflite."""
    ios: tuple[ArtifactName, ...] = ()
    """Artifacts for the iOS app, of the targets coreml and executorch."""

    def of(self, kind: AppKind) -> tuple[ArtifactName, ...]:
        """The artifacts of one app's bundle; empty: there is no such bundle."""
        return self.android if kind == "android" else self.ios


class Card(Frozen):
    """What the model card says that no command can measure."""

    summary: str
    intended_use: str
    limitations: tuple[str, ...] = Field(min_length=1)
    attribution: tuple[str, ...] = ()


class Recipe(Frozen):
    """One model, whole."""

    recipe: Literal[1]
    """Version of this schema."""
    name: Slug
    version: Version
    licence: str
    card: Card
    student: StudentSpec
    weights: WeightsSpec
    input: InputSpec
    labels: Labels
    operating_rules: OperatingRules = OperatingRules()
    operating_points: dict[Label, OperatingPoint]
    novelty: Novelty
    data: FolderData | PhantomData = Field(discriminator="source")
    calibration: Calibration
    evaluation: Evaluation = Evaluation()
    targets: dict[TargetName, tuple[SchemeName, ...]] = Field(min_length=1)
    keep_float: dict[ArtifactName, tuple[ModulePattern, ...]] = {}
    """By artifact: modules of the student that its INT8 scheme leaves in float, as regular expressions that fit a
    module's whole name, or that of a module around it (``backbone\\.net\\.blocks\\.0``)."""
    primary: ArtifactName
    """The artifact that ``predict`` uses, as ``target/scheme``."""
    bundles: Bundles
    gates: dict[SchemeName, Gates]
    distill: Distillation | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        labels, points = set(self.labels.names), set(self.operating_points)
        if labels != points:
            lacking, extra = sorted(labels - points), sorted(points - labels)
            raise ValueError(f"operating_points must name every label once (missing: {lacking}, unknown: {extra})")
        for target, schemes in self.targets.items():
            if not schemes or len(set(schemes)) != len(schemes):
                raise ValueError(f"targets.{target} must list each scheme once, and at least one")
            for scheme in schemes:
                if scheme not in self.gates:
                    raise ValueError(f"gates has no entry for scheme {scheme}, which targets.{target} builds")
        for name in self.operating_rules.labels:
            if name not in labels:
                raise ValueError(f"operating_rules.labels names {name}, which is no label")
        for name in self.keep_float:
            fit = [a for a in self.artifacts() if a.integer]
            if name not in fit:
                raise ValueError(f"keep_float names {name}; targets builds these with INT8: {', '.join(fit)}")
        if self.primary not in self.artifacts():
            raise ValueError(f"primary is {self.primary}, which targets does not build: {', '.join(self.artifacts())}")
        for kind, targets in APP_TARGETS.items():
            fit = [a for a in self.artifacts() if a.target in targets]
            for name in self.bundles.of(kind):
                if name not in fit:
                    raise ValueError(f"bundles.{kind} lists {name}; targets builds these for it: {', '.join(fit)}")
        if self.calibration.split == self.evaluation.split:
            raise ValueError("calibration.split and evaluation.split must differ")
        return self

    def artifacts(self) -> tuple[ArtifactName, ...]:
        """Names ``target/scheme`` in the recipe's order."""
        return tuple(ArtifactName.of(target, scheme) for target, schemes in self.targets.items() for scheme in schemes)


def recipe_path(place: Path) -> Path:
    """The ``model.yaml`` of a recipe folder, or the file itself."""
    return place / "model.yaml" if place.is_dir() else place
