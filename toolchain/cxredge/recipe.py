"""The recipe: one ``model.yaml`` that defines one model, as frozen typed models.

Everything that decides what a build makes stands here; nothing is read from anywhere else.
The JSON Schema generated from these classes is published under ``docs/schemas/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    create_model,
    model_validator,
)

from cxredge.decision import Decision, MultiLabel, SingleLabel
from cxredge.metrics import gate_fields, metrics_of
from cxredge.recipe_calibration import Calibration
from cxredge.recipe_card import Card, Paper
from cxredge.recipe_data import Evaluation, FolderData, PhantomData
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
from cxredge.recipe_input import InputSpec
from cxredge.recipe_not_yet import with_thresholds
from cxredge.recipe_shipping import NO_LICENCE, SHIPPED, Shipping, reasoned
from cxredge.recipe_student import Heatmap, OriginalProof, ProgramSpec, StudentSpec
from cxredge.vocabulary import (
    APP_TARGETS,
    OUTPUT_NAMES,
    AbsentIf,
    AppKind,
    ArtifactName,
    Frozen,
    Label,
    ModulePattern,
    SchemeName,
    Slug,
    Sparse,
    TargetName,
    Text,
    Version,
)

UNSHIPPED = Path("build/weights")
"""Where weights lie that may not be passed on, by the recipe's name."""


def _none(said: object) -> object:
    return None if said == "none" else said


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
