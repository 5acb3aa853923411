"""``cxredge distill`` from one end to the other: films, teacher, student, thresholds, weights, results, recipe."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from cxredge.distill.checkpoint import CheckpointFile, fingerprint
from cxredge.distill.evaluate import Answers, answers, macro_interval, measured, pooled_features, scores
from cxredge.distill.losses import Batch, add_up, hard_loss, positive_weights
from cxredge.distill.pretrained import start_from_imagenet
from cxredge.distill.quality_head import class_features, quality_score
from cxredge.distill.ready import ROLES, checkpoint_file, outputs, ready_to_train
from cxredge.distill.record import DistillResults, SplitCount, TrainingRecord
from cxredge.distill.rehearsal import rehearse
from cxredge.distill.remaining import Remaining
from cxredge.distill.splits import Films, Splits, load_splits
from cxredge.distill.teachers import Further, all_teachers, load_further
from cxredge.distill.telling import kept, statement, val_auc
from cxredge.distill.thresholds import fitted, point_by_prevalence, whole
from cxredge.distill.training import Answers as Outputs
from cxredge.distill.training import Loss, Training, epoch_costs, say, seeded
from cxredge.distill.write_back import write_back
from cxredge.files import canonical_json, sha256_bytes, write_bytes, write_text
from cxredge.parity.chance import student_chance
from cxredge.recipe import PhantomData, Recipe, recipe_path
from cxredge.recipe_distillation import Distillation
from cxredge.recipe_file import load_recipe
from cxredge.stages import cache_folder
from cxredge.students import load_student, new_student, trainable
from cxredge.students.half_weights import rounded

if TYPE_CHECKING:
    from cxredge.students.cam_student import CamStudent

VERSIONED = ("torch", "timm", "numpy", "scikit-learn", "safetensors", "pillow")


@dataclass(frozen=True)
class _Trained:
    """A model in evaluation mode, and how it came about."""

    model: CamStudent
    epochs: int
    losses: tuple[float, ...]
    seconds: float


def distill(place: Path, work: Path, fresh: bool = False) -> DistillResults:
    """Train the recipe's teacher and student; write weights and ``results.json`` beside the recipe, and update it.

    place: recipe folder or file. work: where checkpoints go, ``<work>/<recipe name>/``. fresh: drop old checkpoints.
    A run that was stopped is resumed after its last whole epoch; one that had ended is only measured again.
    Raises what ``load_recipe``, ``rehearse``, ``load_splits``, ``new_student`` and ``start_from_imagenet`` raise, and
    InputError DISTILL-RECIPE (no ``distill`` section), DISTILL-CHECKPOINT, or what ``check_outputs`` raises.
    Interrupted, it says what is kept.
    """
    from cxredge.data.data_sets import open_data

    file = recipe_path(place)
    recipe, plan = load_recipe(place), ready_to_train(place, work)
    # whatever can be refused is refused now, and not after an hour of training
    add_up(plan.terms)  # before weights are loaded: an unknown name is said at once
    configuration = fingerprint(recipe, torch.get_num_threads())
    checkpoints = {role: CheckpointFile(checkpoint_file(work, recipe, role), configuration) for role in ROLES}
    if not fresh:
        for checkpoint in checkpoints.values():
            checkpoint.load()
    pupil = _start(recipe, plan, "student")
    trained = plan.teacher.weights
    if trained is None:
        master = _start(recipe, plan, "teacher")
    else:
        master = load_student(recipe, plan.teacher.backbone, file.parent / trained.file, trained.sha256)
    rehearse(plan, recipe, with_features, pupil, master)
    splits = load_splits(recipe, open_data(recipe.data, recipe.labels, cache_folder()), plan.licence_classes)
    further = load_further(recipe, plan, file.parent, splits.val)
    if fresh:
        for checkpoint in checkpoints.values():
            checkpoint.path.unlink(missing_ok=True)
    remaining = _remaining(plan, splits.train, master, pupil)
    try:
        if trained is None:
            teacher = _teacher(recipe, plan, splits, master, checkpoints["teacher"], remaining)
        else:
            teacher = _Trained(master, 0, (), 0.0)
        taught = all_teachers(recipe, splits.val, teacher.model, with_features, further)
        student = _student(recipe, plan, splits, taught, pupil, checkpoints["student"], remaining)
        return _finish(recipe, plan, file, splits, teacher, further, student)
    except KeyboardInterrupt:
        say(kept(plan, checkpoints, fresh))
        raise


def _remaining(plan: Distillation, films: Films, teacher: CamStudent, student: CamStudent) -> Remaining:
    """Costs by parameters, of which a film of one size takes more time the more there are: a training passes forwards
    once and backwards twice, and the student's passes its films through the teacher, too."""
    weights = {
        name: sum(p.numel() for p in model.parameters()) for name, model in (("teacher", teacher), ("student", student))
    }
    parts = {} if plan.teacher.weights else {"teacher": epoch_costs(films, plan.teacher.epochs, 3 * weights["teacher"])}
    return Remaining({**parts, "student": epoch_costs(films, plan.epochs, 3 * weights["student"] + weights["teacher"])})


def _start(recipe: Recipe, plan: Distillation, role: Literal["teacher", "student"]) -> CamStudent:
    """The untrained model of a role: random weights by the recipe's seed, or ImageNet weights."""
    backbone = plan.teacher.backbone if role == "teacher" else trainable(recipe).backbone
    pretrained = plan.teacher.pretrained if role == "teacher" else plan.pretrained
    seeded(plan.seed, role)
    model = new_student(recipe, backbone)
    if pretrained is not None:
        start_from_imagenet(model, backbone, pretrained)
    return model


def _teacher(
    recipe: Recipe,
    plan: Distillation,
    splits: Splits,
    model: CamStudent,
    checkpoint: CheckpointFile,
    remaining: Remaining,
) -> _Trained:
    kind, weights, told = recipe.labels.kind, positive_weights(splits.train.targets), recipe.labels.places_told

    def loss(films: Tensor, outputs: Outputs, targets: Tensor) -> Tensor:
        return hard_loss(outputs["logits"], targets, kind, weights, told)

    wanted, told_of = plan.teacher, val_auc(recipe, splits.val)
    epochs, rate = wanted.epochs, wanted.learning_rate
    return _train("teacher", model, splits.train, loss, plan, epochs, rate, checkpoint, told_of, remaining)


def _student(
    recipe: Recipe,
    plan: Distillation,
    splits: Splits,
    teacher: Callable[[Tensor], Outputs],
    model: CamStudent,
    checkpoint: CheckpointFile,
    remaining: Remaining,
) -> _Trained:
    kind, weights, told = recipe.labels.kind, positive_weights(splits.train.targets), recipe.labels.places_told

    total = add_up(plan.terms)

    def loss(films: Tensor, outputs: Outputs, targets: Tensor) -> Tensor:
        # the teacher sees the very film that the student sees, changes included (Beyer et al., "Knowledge
        # distillation: A good teacher is patient and consistent", CVPR 2022)
        with torch.no_grad():
            taught = teacher(films)
        return total(Batch(films, outputs, taught, targets, kind, weights, told))

    told_of, rate = val_auc(recipe, splits.val), plan.learning_rate
    trained = _train("student", model, splits.train, loss, plan, plan.epochs, rate, checkpoint, told_of, remaining)
    # the layout that the weights file has: another one may change the last bits of what is measured
    trained.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    if trained.model.novelty is not None:
        trained.model.fit_novelty(pooled_features(trained.model, splits.train, "Novelty"))
    if recipe.quality is not None:
        trained.model.fit_quality(class_features(trained.model.pooled, splits.train.images.numpy(), recipe.input))
    return trained


def with_features(model: CamStudent, films: Tensor) -> dict[str, Tensor]:
    """All outputs of ``model``, and its last feature map, float32[N, d, h, w], as ``features``."""
    seen: list[Tensor] = []
    # from the very pass that gives the outputs: a second one would cost as much again, and draw other drop-outs
    watch = model.backbone.register_forward_hook(lambda module, inputs, features: seen.append(features))
    try:
        return {**model(films), "features": seen[-1]}
    finally:
        watch.remove()


def _train(
    name: str,
    model: CamStudent,
    films: Films,
    loss: Loss,
    plan: Distillation,
    epochs: int,
    learning_rate: float,
    checkpoint: CheckpointFile,
    held_out: Callable[[CamStudent], str],
    remaining: Remaining,
) -> _Trained:
    training = Training(
        name,
        model,
        films,
        loss,
        epochs,
        plan.batch,
        learning_rate,
        plan.seed,
        checkpoint,
        with_features,
        held_out=held_out,
        remaining=remaining,
    )
    average: CamStudent = training.run()
    return _Trained(average, epochs, tuple(round(x, 5) for x in training.losses), round(training.seconds, 1))


def _finish(
    recipe: Recipe,
    plan: Distillation,
    file: Path,
    splits: Splits,
    teacher: _Trained,
    further: Sequence[Further],
    student: _Trained,
) -> DistillResults:
    """Round, measure, then write: weights first, the recipe that names their hash last."""
    from safetensors.torch import save

    state = rounded(student.model)
    names = recipe.labels.names
    teacher_record, _, _ = _record(recipe, plan.teacher.backbone, plan.teacher.pretrained, splits, teacher)
    record, val, test = _record(recipe, trainable(recipe).backbone, plan.pretrained, splits, student)
    prevalence = splits.train.targets.nanmean(0).tolist()
    targets = splits.val.targets.numpy()
    chosen = fitted(recipe, targets, val)
    if recipe.labels.kind == "multi-label":
        points = {
            label: chosen.points.get(label) or point_by_prevalence(targets[:, i], val.logits[:, i], prevalence[i])
            for i, label in enumerate(names)
            if label in recipe.labels.told
        }
        chosen = replace(chosen, points=points)
    data = save(state)
    result = DistillResults(
        name=recipe.name,
        data=f"phantoms, seed {recipe.data.seed}" if isinstance(recipe.data, PhantomData) else recipe.data.name,
        statement=statement(recipe, splits),
        licence_used=splits.used,
        licence_excluded=splits.excluded,
        splits={split: _count(recipe, getattr(splits, split)) for split in ("train", "val", "test")},
        teacher=teacher_record,
        further_teachers={one.name: one.record for one in further},
        student=record,
        student_test_interval=macro_interval(
            recipe.labels, splits.test.targets.numpy(), scores(recipe, test), splits.test.patients, plan.seed
        ),
        chance=student_chance(recipe, splits.test.targets.numpy() > 0.5, test.logits, splits.test.patients),
        seed=plan.seed,
        threads=torch.get_num_threads(),
        versions={"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in VERSIONED}},
        weights_sha256=sha256_bytes(data),
        quality=None
        if chosen.quality is None
        else quality_score(
            lambda image: student.model(image)["quality"], splits.test.images.numpy(), recipe.input, chosen.quality
        ),
    )
    weights, results = outputs(file, recipe)
    write_bytes(weights, data)
    write_text(results, canonical_json(result.model_dump(mode="json")))
    write_back(file, sha256_bytes(data), whole(recipe, chosen))
    return result


def _record(
    recipe: Recipe, backbone: str, pretrained: str | None, splits: Splits, trained: _Trained
) -> tuple[TrainingRecord, Answers, Answers]:
    """The record, and the answers on val and test."""
    val, test = (answers(trained.model, films, "Measuring") for films in (splits.val, splits.test))
    record = TrainingRecord(
        backbone=backbone,
        pretrained=pretrained,
        parameters=sum(p.numel() for p in trained.model.parameters()),
        epochs=trained.epochs,
        losses=trained.losses,
        seconds=trained.seconds,
        val=measured(recipe, splits.val.targets.numpy(), val),
        test=measured(recipe, splits.test.targets.numpy(), test),
    )
    return record, val, test


def _count(recipe: Recipe, films: Films) -> SplitCount:
    positives = dict(zip(recipe.labels.names, films.targets.nansum(0).int().tolist(), strict=True))
    untold = dict(zip(recipe.labels.names, films.targets.isnan().sum(0).tolist(), strict=True))
    return SplitCount(
        films=len(films),
        patients=len(set(films.patients)),
        positives={name: positives[name] for name in recipe.labels.told},
        untold={name: untold[name] for name in recipe.labels.told if untold[name]},
    )
