"""The recipe: one ``model.yaml`` that defines one model, as frozen typed models.

Everything that decides what a build makes stands here; nothing is read from anywhere else.
The JSON Schema generated from these classes is published under ``docs/schemas/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    create_model,
    model_validator,
)

from cxredge.decision import Decision, MultiLabel, SingleLabel
from cxredge.metrics import gate_fields, metrics_of
from cxredge.recipe_calibration import Calibration
from cxredge.recipe_decision import (
    NOT_YET,
    Labels,
    Margin,
    MarginRule,
    Novelty,
    OperatingPoint,
    OperatingRules,
    Quality,
)
from cxredge.recipe_distillation import UNTRAINED, Distillation, WeightsSpec
from cxredge.recipe_not_yet import with_thresholds
from cxredge.recipe_shipping import NO_LICENCE, SHIPPED, Shipping, reasoned
from cxredge.recipe_student import Heatmap, OriginalProof, ProgramSpec, StudentSpec
from cxredge.vocabulary import (
    APP_TARGETS,
    MAX_PATIENTS,
    OUTPUT_NAMES,
    AbsentIf,
    AppKind,
    ArtifactName,
    DicomCode,
    Frozen,
    Label,
    ModulePattern,
    SchemeName,
    Slug,
    Sparse,
    TargetName,
    Text,
    Version,
    absent_or_not_empty,
)

UNSHIPPED = Path("build/weights")
"""Where weights lie that may not be passed on, by the recipe's name."""


def _each_once(codes: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(codes)) != len(codes):
        raise ValueError("a code appears twice")
    return codes


def _none(said: object) -> object:
    return None if said == "none" else said


AcceptedCodes = Annotated[
    tuple[DicomCode, ...],
    Field(min_length=1, max_length=32, json_schema_extra=absent_or_not_empty),
    AbsentIf(lambda codes: not codes),
    AfterValidator(_each_once),
]
"""Codes of which a film's must be one; absent from the file where any film will do, never null or empty."""


class InputSpec(Sparse):
    """What films a student takes, and their preprocessing, as data.

    Decode, orientation, VOI, inversion, 8-bit, fit, resize, float 0..255. The same record travels in the manifest, and
    the Kotlin and Swift twins read it there.
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
    modalities: AcceptedCodes = ()
    """Modalities (0008,0060) of the DICOM films that are taken; one that says none is refused. Absent: any film."""
    body_parts: AcceptedCodes = ()
    """Body parts (0018,0015) that are taken, of DICOM films that say one. Absent: any."""
    views: AcceptedCodes = ()
    """View positions (0018,5101) that are taken, of DICOM films that say one. Absent: any."""

    @property
    def preprocessing(self) -> Self:
        """Without what decides only whether a film is read: this alone decides pixels, and so a model's own bytes."""
        return self.model_copy(update=dict.fromkeys(("modalities", "body_parts", "views"), ()))


class FolderData(Sparse):
    """A folder with ``labels.csv`` under ``CXR_DATA`` (default ``../shared/data``)."""

    source: Literal["folder"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
    label_column: str | None = None
    """The column that names each film's class. Without it every label has a 0/1 column, as independent findings do."""
    leave_out: Annotated[tuple[str, ...], AbsentIf(lambda files: not files)] = ()
    """Films that are not used, by their place in the set: one of two, for example, that are one picture."""


class PhantomData(Frozen):
    """Synthetic chest radiographs, made from a seed. Their scores say nothing about people."""

    source: Literal["phantom"]
    seed: int = Field(ge=0, lt=2**31)
    patients: dict[Literal["train", "val", "test"], Annotated[int, Field(ge=0, le=MAX_PATIENTS)]]
    """Phantom patients per split; each has one to four films."""


class Evaluation(Sparse):
    """Films on which artifacts are held against the reference."""

    split: Literal["train", "val", "test"] = "test"
    count: int | None = Field(default=None, ge=1)
    """Films to use, in the order of ``labels.csv``; none means all. More than there are is an error."""
    chance: Annotated[Literal["judged", "allowed"], AbsentIf(lambda said: said == "judged")] = "judged"
    """``judged``: a student that is no better than chance on these films, or of which that cannot be told, keeps no
    gates. ``allowed``: it may be built all the same, for a test of the way and not of the student."""


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


class Bundles(Frozen):
    """Which artifacts leave in which app's bundle, the one that it uses first. The host bundle holds all."""

    android: tuple[ArtifactName, ...] = ()
    """Artifacts for the Android app, of the targets executorch and tflite."""
    ios: tuple[ArtifactName, ...] = ()
    """Artifacts for the iOS app, of the targets coreml and executorch."""

    def of(self, kind: AppKind) -> tuple[ArtifactName, ...]:
        """The artifacts of one app's bundle; empty: there is no such bundle."""
        return self.android if kind == "android" else self.ios


class Card(Sparse):
    """What the model card says that no command can measure."""

    summary: str
    intended_use: str
    limitations: tuple[str, ...] = Field(min_length=1)
    shortcuts: Annotated[tuple[str, ...], AbsentIf(lambda lines: not lines)] = ()
    """What is known to give a label away and is no anatomy, how much of it was measured, and what is left."""
    attribution: tuple[str, ...] = ()


class Paper(Frozen):
    """The publication that a model of the zoo follows: its claims stand beside our figures, never among them."""

    title: Text
    link: Annotated[str, StringConstraints(pattern=r"^https://[!-~]{1,180}$")]
    claims: tuple[Text, ...] = Field(min_length=1)
    """What it says of its own models, on its own data."""
    differs: tuple[str, ...] = Field(min_length=1)
    """What is otherwise here: data, teacher, settings that it does not tell."""


class Recipe(Sparse):
    """One model, whole."""

    recipe: Literal[1]
    """Version of this schema."""
    name: Slug
    version: Version
    licence: Text
    ship: Annotated[Shipping | None, BeforeValidator(reasoned), AbsentIf(lambda said: said is None)] = None
    """Absent: the weights may be passed on."""
    card: Card
    paper: Annotated[Paper | None, AbsentIf(lambda said: said is None)] = None
    student: StudentSpec
    weights: WeightsSpec = WeightsSpec()
    input: InputSpec
    labels: Labels
    operating_rules: OperatingRules = OperatingRules()
    operating_points: dict[Label, OperatingPoint] = {}
    """Of multi-label students: every label's, or none before they are chosen."""
    margin_rule: MarginRule = MarginRule(kind="accuracy", floor=0.9)
    least_margin: Margin | None = None
    """Of single-label students."""
    novelty: Annotated[Novelty | None, BeforeValidator(_none)] = Novelty(threshold=1.0, rule=NOT_YET)
    """``none``: the student has no such score."""
    quality: Annotated[Quality | None, BeforeValidator(_none), AbsentIf(lambda said: said is None)] = None
    """``none``, or absent: the student does not tell films that were exported or held wrongly."""
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
    profiles: Annotated[dict[Slug, dict[str, Any]], AbsentIf(lambda said: not said)] = {}
    """Other ways to teach it: keys that stand in place of the recipe's own when ``distill --profile`` names one."""

    @model_validator(mode="before")
    @classmethod
    def _with_thresholds(cls, tree: Any) -> Any:
        return with_thresholds(tree)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if "small" in self.profiles:
            raise ValueError("profiles.small is what the recipe itself says: call it otherwise")
        self._check_shipping()
        labels, points = set(self.labels.names), set(self.operating_points)
        if self.labels.uncertain or self.labels.unlabelled:
            if isinstance(self.data, PhantomData) or self.data.label_column is not None:
                raise ValueError("labels.uncertain and labels.unlabelled are of tables with a column a label")
            if self.evaluation.split == "train":
                raise ValueError(
                    "evaluation.split is train, where labels.uncertain or labels.unlabelled hold: its "
                    "films need not tell what is true"
                )
        if self.labels.kind == "single-label":
            if self.least_margin is None:
                raise ValueError("labels.kind is single-label, which needs a least_margin")
            for key in ("operating_points", "operating_rules"):
                if self._says(key):
                    raise ValueError(f"{key} is for multi-label students; single-label ones have least_margin")
        else:
            for key in ("least_margin", "margin_rule"):
                if self._says(key):
                    raise ValueError(f"{key} is for single-label students; multi-label ones have operating_points")
            if labels != points:
                lacking, extra = sorted(labels - points), sorted(points - labels)
                raise ValueError(f"operating_points must name every label once (missing: {lacking}, unknown: {extra})")
        for target, schemes in self.targets.items():
            if not schemes or len(set(schemes)) != len(schemes):
                raise ValueError(f"targets.{target} must list each scheme once, and at least one")
            for scheme in schemes:
                if scheme not in self.gates:
                    raise ValueError(f"gates has no entry for scheme {scheme}, which targets.{target} builds")
        if self.labels.kind == "multi-label":
            for scheme, gates in self.gates.items():
                for metric in metrics_of("classes"):
                    if getattr(gates, metric.gate) is not None:
                        raise ValueError(f"gates.{scheme}.{metric.gate} is for single-label students: it is of classes")
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
        if isinstance(self.student, ProgramSpec):
            for key in ("weights.sha256", "novelty"):
                if key in self.not_yet:
                    raise ValueError(f"{key} is not said, and a program is never trained here: write it down")
            given, wanted = self.input.channels, len(self.student.normalise.mean)
            if self.student.normalise.repeat == 3 and given != 1:
                raise ValueError("student.normalise.repeat spreads one grey channel: input.channels must be 1")
            if wanted and wanted != given * self.student.normalise.repeat:
                raise ValueError(f"student.normalise.mean has {wanted} numbers, and the original takes another number")
            if self.distill is not None:
                raise ValueError("distill trains students with a backbone; a program is as it was exported")
        if self.distill is not None and self.labels.not_judged:
            whose = f"labels.not_judged names {', '.join(self.labels.not_judged)}, of which the films tell nothing"
            if self.distill.teacher.weights is None:
                raise ValueError(f"{whose}: a teacher trained here learns nothing of it; give distill.teacher.weights")
            if not self.labels.told and any(term.loss == "hard" and term.weight for term in self.distill.terms):
                raise ValueError(
                    f"{whose}: the loss hard has nothing to teach; set distill.alpha to 0, or leave it out"
                )
        if self.calibration.split == self.evaluation.split:
            raise ValueError("calibration.split and evaluation.split must differ")
        return self

    def _check_shipping(self) -> None:
        """Raises ValueError where licence, films and ``ship`` do not go together."""
        if (self.licence == NO_LICENCE) != (self.ship is not None):
            raise ValueError(f"licence is to be '{NO_LICENCE}' where ship says that they may not, and only there")
        classes = () if self.distill is None or self.ship is not None else self.distill.licence_classes
        for name in classes:
            if name not in SHIPPED:
                raise ValueError(
                    f"distill.licence_classes names {name}; weights that ship learn from {', '.join(SHIPPED)} alone: "
                    "leave it out, or say ship: {allowed: false, why: ...}"
                )

    def _says(self, key: str) -> bool:
        """Whether the recipe has something else there than nothing."""
        return bool(getattr(self, key) != type(self).model_fields[key].default)

    @property
    def trained(self) -> bool:
        """Whether it names weights."""
        return self.weights.sha256 != UNTRAINED

    @property
    def not_yet(self) -> tuple[str, ...]:
        """Keys that a training has not written yet, nor anybody else, in the recipe's order."""
        points = any(point.rule == NOT_YET for point in self.operating_points.values())
        margin, novelty, quality = self.least_margin, self.novelty, self.quality
        lacking = {
            "weights.sha256": not self.trained,
            "operating_points": points,
            "least_margin": margin is not None and margin.rule == NOT_YET,
            "novelty": novelty is not None and novelty.rule == NOT_YET,
            "quality": quality is not None and quality.rule == NOT_YET,
        }
        return tuple(key for key, there in lacking.items() if there)

    @property
    def decision(self) -> Decision:
        """The rule by which logits become what is said of a film, as the manifest has it."""
        if self.least_margin is not None:
            return SingleLabel(least_margin=self.least_margin.log_odds)
        return MultiLabel(operating_points={name: self.operating_points[name].logit for name in self.labels.names})

    @property
    def heatmap(self) -> Heatmap:
        """What the student's maps are."""
        return self.student.heatmap

    @property
    def original(self) -> OriginalProof | None:
        """How the student differs from the network that it was imported from; None for students made here."""
        return self.student.original if isinstance(self.student, ProgramSpec) else None

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the student answers, in the contract's order."""
        there = {
            "logits": True,
            "cam": self.heatmap != "none",
            "novelty": self.novelty is not None,
            "quality": self.quality is not None,
        }
        return tuple(name for name in OUTPUT_NAMES if there[name])

    def artifacts(self) -> tuple[ArtifactName, ...]:
        """Names ``target/scheme`` in the recipe's order."""
        return tuple(ArtifactName.of(target, scheme) for target, schemes in self.targets.items() for scheme in schemes)


def weights_file(recipe: Recipe, file: Path) -> Path:
    """Where the weights of the recipe in ``file`` lie: beside it, and of those that may not ship outside of the zoo,
    in the folder that commands run in.
    """
    folder = file.parent if recipe.ship is None else UNSHIPPED / recipe.name
    return folder / recipe.weights.file


def recipe_path(place: Path) -> Path:
    """The ``model.yaml`` of a recipe folder, or the file itself."""
    return place / "model.yaml" if place.is_dir() else place
