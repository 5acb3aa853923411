"""The recipe's part on training: weights, the teacher, and how the student is taught."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from cxredge.recipe_shipping import SHIPPED
from cxredge.recipe_student import TeacherBackbone
from cxredge.vocabulary import MAX_LABELS, MAX_PATIENTS, AbsentIf, FileName, Frozen, Label, Sha256, Slug, Sparse

Role = Literal["pretraining", "teacher", "student"]
"""What is trained: the student's backbone without labels, the teacher, the student."""
UNTRAINED = "0" * 64
"""In place of a hash: there are no weights yet."""


class WeightsSpec(Frozen):
    """Weights beside the recipe; the hash is checked before the file is parsed."""

    file: FileName = "weights.safetensors"
    sha256: Sha256 = UNTRAINED
    """``cxredge distill`` writes it; until then there is nothing to build."""


class TeacherWeights(WeightsSpec):
    """Weights of a teacher that was trained elsewhere, beside the recipe."""

    sha256: Sha256


def _each_once(key: str, labels: tuple[str, ...]) -> None:
    if len(set(labels)) != len(labels):
        raise ValueError(f"{key} names a label twice")


class Course(Frozen):
    """How long a training lasts, and in which steps."""

    epochs: int = Field(ge=1)
    batch: int = Field(ge=2)
    """Films of a step, over all processes."""
    micro_batch: int | None = Field(default=None, ge=2)
    """Most films that pass the network at once; none: a process's whole share of the batch."""
    learning_rate: float = Field(gt=0)
    patience: int | None = Field(default=None, ge=1)
    """Epochs without a better mean AUC on val after which it ends, with the best epoch's weights; none: never."""


class Teacher(Sparse):
    """What the student learns from: trained here, or loaded from a file beside the recipe."""

    backbone: TeacherBackbone
    pretrained: str | None = None
    """Name of installable ImageNet weights (``docs/distill.md`` lists them), or none."""
    weights: TeacherWeights | None = None
    """A trained teacher to load; training is skipped."""
    labels: Annotated[tuple[Label, ...], Field(max_length=MAX_LABELS), AbsentIf(lambda names: not names)] = ()
    """Of a loaded one its own, in the order of its logits: the file does not tell them. It has all of the recipe's."""
    map: Annotated[dict[Label, Label], AbsentIf(lambda names: not names)] = {}
    """Its name of a label of the recipe, where that is another one."""
    epochs: int = Field(default=10, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    patience: Annotated[int | None, Field(ge=1), AbsentIf(lambda epochs: epochs is None)] = None
    """As the student's."""

    @model_validator(mode="after")
    def _loaded_or_trained(self) -> Self:
        if self.weights is None:
            if self.labels or self.map:
                raise ValueError("labels and map are of a teacher that is loaded; one that is trained has the recipe's")
            return self
        if not self.labels:
            raise ValueError("weights need labels: the teacher's own, in the order of its logits")
        _each_once("labels", self.labels)
        idle = sorted({"pretrained", "epochs", "learning_rate", "patience"} & self.model_fields_set)
        if idle:
            raise ValueError(f"{idle[0]} is of a teacher that is trained, and weights name one that was")
        return self


class FurtherTeacher(Frozen):
    """A teacher beside the first one, trained elsewhere. It speaks for those of the recipe's labels that it has."""

    backbone: TeacherBackbone
    weights: TeacherWeights
    labels: tuple[Label, ...] = Field(min_length=1, max_length=MAX_LABELS)
    """Its own, in the order of its logits."""
    map: dict[Label, Label] = {}
    """Its name of a label of the recipe, where that is another one."""
    lacks: tuple[Label, ...] = ()
    """Labels of the recipe that it has none of, though it has labels that the recipe does not name."""

    @model_validator(mode="after")
    def _no_label_twice(self) -> Self:
        _each_once("labels", self.labels)
        _each_once("lacks", self.lacks)
        return self


class Pretraining(Frozen):
    """What the student's backbone learns before any label: the features of a network with ImageNet weights."""

    backbone: TeacherBackbone
    pretrained: str
    """Of that network; ``docs/distill.md`` lists the names."""
    sets: tuple[str, ...] = ()
    """Data sets beside the recipe's own of which films of train are seen; folders in CXR_DATA."""
    phantoms: int = Field(default=0, ge=0, le=MAX_PATIENTS)
    """Patients of phantoms whose films are seen, too."""
    side: int | None = Field(default=None, ge=32, le=1024)
    """Height and width of the films; none: as in the recipe."""
    epochs: int = Field(default=10, ge=1)
    batch: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)


class LossTerm(Frozen):
    """One loss of a distillation, by the name under which ``distill/losses.py`` or ``map_losses.py`` registers it."""

    loss: Slug
    weight: float = Field(default=1.0, ge=0)
    parameters: dict[str, bool | int | float | str] = {}
    """Of the loss's function, by name; what is left out has the function's default."""


class Distillation(Frozen):
    """How ``cxredge distill`` trains: never on a row whose licence class is not in ``licence_classes``."""

    teacher: Teacher
    further_teachers: dict[Slug, FurtherTeacher] = {}
    """By a name of one's own. The student learns from the mean of all teachers' logits, weighted by their mean AUC on
    val; maps and features are the first one's."""
    pretrained: str | None = None
    """ImageNet weights that the student starts from."""
    pretraining: Pretraining | None = None
    """How its backbone first learns without labels; none: it does not."""
    epochs: int = Field(default=10, ge=1)
    batch: int = Field(default=32, ge=2)
    """Films of a step, over all processes, of teacher and student."""
    micro_batch: int | None = Field(default=None, ge=2)
    """Most films that pass a network at once, over which batch norm takes its statistics; the gradients of a step's
    are added up. None: each process takes its share of the batch at once."""
    learning_rate: float = Field(default=1e-3, gt=0)
    patience: int | None = Field(default=None, ge=1)
    """Epochs without a better mean AUC on val after which training ends, with the best epoch's weights; none: never."""
    views: int | None = Field(default=None, ge=1)
    """Sets of changes that the student sees films with, in turn, so that a teacher answers to each once; none: every
    epoch has its own."""
    balance: str | None = None
    """A column of the data set: in each epoch films of one class come as often from each of its values. None: every
    film comes once."""
    border_crop: float = Field(default=0.0, ge=0, le=0.25)
    """Largest share of a film's sides that is cut off each of its borders, at random: marks and frames there tell where
    a film is from."""
    temperature: float = Field(default=2.0, gt=0)
    """Short, with ``alpha``, for the two losses hard and soft."""
    alpha: float = Field(default=0.5, ge=0, le=1)
    """Weight of the hard targets; the teacher's soft targets get the rest."""
    losses: tuple[LossTerm, ...] | None = Field(default=None, min_length=1)
    """What the student learns from, added up; none: hard and soft by ``temperature`` and ``alpha``."""
    seed: int = 0
    licence_classes: tuple[Slug, ...] = Field(default=SHIPPED, min_length=1)
    """Others than ``SHIPPED`` only where the recipe says that the weights do not ship."""

    @property
    def terms(self) -> tuple[LossTerm, ...]:
        """The losses, whichever keys say them."""
        return self.losses or (
            LossTerm(loss="hard", weight=self.alpha),
            LossTerm(loss="soft", weight=1 - self.alpha, parameters={"temperature": self.temperature}),
        )

    @property
    def roles(self) -> tuple[Role, ...]:
        """What is trained, or was, in this order."""
        return ("teacher", "student") if self.pretraining is None else ("pretraining", "teacher", "student")

    def course(self, role: Role) -> Course:
        """The training of a role; of a pretraining that there is."""
        if role == "pretraining":
            how = self.pretraining
            assert how is not None, "asked only where a recipe has one"
            return Course(epochs=how.epochs, batch=how.batch, learning_rate=how.learning_rate)
        who = self.teacher if role == "teacher" else self
        return Course(
            epochs=who.epochs,
            batch=self.batch,
            micro_batch=self.micro_batch,
            learning_rate=who.learning_rate,
            patience=who.patience,
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
        if not self.further_teachers:
            tree.pop("further_teachers", None)
        for key in ("pretraining", "micro_batch", "patience", "views", "balance", "border_crop"):
            if not tree.get(key):
                tree.pop(key, None)
        return tree
