"""The two trainings of a distillation: the teacher from the films' own targets, the student from what teachers say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from cxredge.distill.balance import shares
from cxredge.distill.checkpoint import CheckpointFile
from cxredge.distill.evaluate import pooled_features
from cxredge.distill.loss_batch import Batch
from cxredge.distill.loss_terms import weighted
from cxredge.distill.losses import hard_loss, positive_weights
from cxredge.distill.pretrained import start_from_imagenet
from cxredge.distill.pretraining import Imitated, imitator, record_of
from cxredge.distill.processes import Processes
from cxredge.distill.quality_head import class_features
from cxredge.distill.record import PretrainingRecord
from cxredge.distill.remaining import Remaining
from cxredge.distill.splits import Films, Splits
from cxredge.distill.teacher_answers import Ask, KeptAnswers
from cxredge.distill.telling import val_auc
from cxredge.distill.training import Answers as Outputs
from cxredge.distill.training import Loss, Training
from cxredge.distill.training_log import Epoch, TrainingLog
from cxredge.distill.views import Sample, View, Views, seed_of
from cxredge.recipe import Recipe
from cxredge.recipe_distillation import Distillation, Role
from cxredge.recipe_student import fixed_size
from cxredge.students import new_student, trainable

if TYPE_CHECKING:
    from cxredge.students.backbone_student import BackboneStudent

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Trained:
    """A model in evaluation mode, and how it came about: nothing of that where it was loaded."""

    model: BackboneStudent
    history: tuple[Epoch, ...] = ()
    kept_epoch: int | None = None


@dataclass(frozen=True)
class Taught:
    """What a student learns from: what teachers say of films, the hash that names them, and what losses read of it."""

    ask: Ask
    digest: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Trainings:
    """What both trainings share."""

    recipe: Recipe
    plan: Distillation
    splits: Splits
    checkpoints: Mapping[Role, CheckpointFile]
    logs: Path
    processes: Processes
    remaining: Remaining

    def pretrain(self, model: BackboneStudent, of: Imitated) -> PretrainingRecord:
        """Have the backbone of ``model`` imitate ``of``, in place."""
        how = self.plan.pretraining
        assert how is not None, "there is a network to imitate"
        seen = Views(of.films, self.plan.seed, "pretraining", how.epochs, one_size=True)
        torch.manual_seed(seed_of(self.plan.seed, "pretraining"))
        of.to(self.processes.device)
        training = self._training("pretraining", imitator(model, of, of.films.images.shape[1:]), of.distances, seen)
        model.backbone.load_state_dict(training.run().backbone.state_dict())
        model.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        return record_of(how, of.films, training.history)

    def teacher(self, model: BackboneStudent) -> Trained:
        """Train ``model`` on the films' own targets alone."""
        kind, told = self.recipe.labels.kind, self.recipe.labels.places_told
        weights = positive_weights(self.splits.train.targets).to(self.processes.device)

        def loss(sample: Sample, outputs: Outputs) -> dict[str, Tensor]:
            return {"hard": hard_loss(outputs["logits"], sample.targets, kind, weights, told)}

        return self._train("teacher", model, loss, views(self.recipe, self.plan, self.splits.train, "teacher"))

    def student(self, model: BackboneStudent, taught: Taught) -> Trained:
        """Train ``model`` by the recipe's losses, and fit its heads; it is then on the CPU."""
        kind, told = self.recipe.labels.kind, self.recipe.labels.places_told
        weights = positive_weights(self.splits.train.targets).to(self.processes.device)
        terms, seen = weighted(self.plan.terms), views(self.recipe, self.plan, self.splits.train, "student")
        said, prepare = self._said(taught, seen)

        def loss(sample: Sample, outputs: Outputs) -> dict[str, Tensor]:
            said_of = said(sample)
            return terms(Batch(sample.films, outputs, said_of, sample.targets, kind, weights, told, sample.masks))

        trained = self._train("student", model, loss, seen, prepare)
        # the layout that the weights file has: another one may change the last bits of what is measured
        trained.model.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        if trained.model.novelty is not None:
            trained.model.fit_novelty(pooled_features(trained.model, self.splits.train, "Novelty"))
        if self.recipe.quality is not None:
            films = self.splits.train.images.numpy()
            trained.model.fit_quality(class_features(trained.model.pooled, films, self.recipe.input))
        return trained

    def _train(
        self,
        role: Role,
        model: BackboneStudent,
        loss: Loss,
        seen: Views,
        prepare: Callable[[View], object] | None = None,
    ) -> Trained:
        training = self._training(role, model, loss, seen)
        training.answer, training.prepare = with_features, prepare
        training.held_out = val_auc(self.recipe, self.splits.val)
        average = training.run()
        return Trained(average, tuple(training.history), training.kept_epoch)

    def _training(self, role: Role, model: M, loss: Loss, seen: Views) -> Training[M]:
        return Training(
            role,
            model,
            seen,
            loss,
            self.plan.course(role),
            self.checkpoints[role],
            TrainingLog(self.logs, role),
            self.processes,
            remaining=self.remaining,
        )

    def _said(
        self, taught: Taught, seen: Views
    ) -> tuple[Callable[[Sample], Mapping[str, Tensor]], Callable[[View], object] | None]:
        """What teachers say of samples, and what is to be done before an epoch in a view."""
        # the teacher sees the very film that the student sees, changes included (Beyer et al., "Knowledge
        # distillation: A good teacher is patient and consistent", CVPR 2022)
        ask = self._quietly(taught.ask)
        if not taught.names:
            return lambda sample: {}, None
        if self.plan.views is None:
            return lambda sample: ask(sample.films), None
        kept = KeptAnswers(ask, taught.digest, taught.names, seen, self.processes)
        return kept, kept.prepare

    def _quietly(self, ask: Ask) -> Ask:
        """``ask`` without gradients, in the numbers that the device is best at; what it says is float32."""

        @torch.no_grad()
        def asked(films: Tensor) -> dict[str, Tensor]:
            with self.processes.computing():
                return {name: output.float() for name, output in ask(films).items()}

        return asked


def one_size(recipe: Recipe, plan: Distillation, role: Role) -> bool:
    """Whether all films of a role's training have the recipe's size: the student's are the teachers' too."""
    backbones = [plan.teacher.backbone]
    if role == "student":
        backbones += [trainable(recipe).backbone, *(one.backbone for one in plan.further_teachers.values())]
    return any(map(fixed_size, backbones))


def views(recipe: Recipe, plan: Distillation, films: Films, role: Role) -> Views:
    """How a role's training sees its films; a teacher's view never returns."""
    return Views(
        films if role == "student" else replace(films, masks=None),  # a teacher learns from no masks
        plan.seed,
        role,
        plan.course(role).epochs,
        fixed=plan.views if role == "student" else None,
        one_size=one_size(recipe, plan, role),
        border=plan.border_crop,
        shares=shares(films.targets, films.sources) if films.sources else None,
    )


def untrained(recipe: Recipe, plan: Distillation, role: Role) -> BackboneStudent:
    """The untrained model of a role: random weights by the recipe's seed, or ImageNet weights."""
    own = trainable(recipe)
    backbone, upscale = (plan.teacher.backbone, 1) if role == "teacher" else (own.backbone, own.map_upscale)
    pretrained = plan.teacher.pretrained if role == "teacher" else plan.pretrained
    torch.manual_seed(seed_of(plan.seed, role))
    model = new_student(recipe, backbone, upscale=upscale)
    if pretrained is not None:
        start_from_imagenet(model, backbone, pretrained)
    return model


def with_features(model: BackboneStudent, films: Tensor) -> dict[str, Tensor]:
    """All outputs of ``model``, and its last feature map, float32[N, d, h, w], as ``features``."""
    seen: list[Tensor] = []
    # from the very pass that gives the outputs: a second one would cost as much again, and draw other drop-outs
    watch = model.backbone.register_forward_hook(lambda module, inputs, features: seen.append(features))
    try:
        return {**model(films), "features": seen[-1]}
    finally:
        watch.remove()


def time_left(
    recipe: Recipe,
    plan: Distillation,
    films: Films,
    models: Sequence[tuple[Role, BackboneStudent]],
    imitated: Imitated | None,
) -> Remaining:
    """Costs by parameters, of which a film of one size takes more time the more there are: a training passes forwards
    once and backwards twice, and the student's passes its films through the teacher, too."""
    weights = {role: sum(p.numel() for p in model.parameters()) for role, model in models}

    def costs(role: Role, per_pixel: float) -> list[float]:
        seen = views(recipe, plan, films, role)
        sizes = (seen.of(epoch).size for epoch in range(seen.epochs))
        return [len(films) * height * width * per_pixel for height, width in sizes]

    parts: dict[str, Sequence[float]] = {}
    if imitated is not None:
        # the network that is imitated is taken to be as large as the teacher
        each = float(imitated.films.images[:, 0].numel()) * (3 * weights["student"] + weights["teacher"])
        parts["pretraining"] = [each] * plan.course("pretraining").epochs
    if plan.teacher.weights is None:
        parts["teacher"] = costs("teacher", 3 * weights["teacher"])
    return Remaining({**parts, "student": costs("student", 3 * weights["student"] + weights["teacher"])})
