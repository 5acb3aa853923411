"""``cxredge distill`` from one end to the other: films, teacher, student, thresholds, weights, results, recipe."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cxredge.distill.against_teacher import lost_to_teacher
from cxredge.distill.checkpoint import CheckpointFile, fingerprint
from cxredge.distill.evaluate import Answers, answers, macro_interval, measured, scores
from cxredge.distill.losses import looks_at_masks, weighted
from cxredge.distill.pointing import pointing_game
from cxredge.distill.pretraining import to_imitate
from cxredge.distill.processes import Processes, started
from cxredge.distill.quality_head import quality_score
from cxredge.distill.ready import checkpoint_file, outputs, ready_to_train
from cxredge.distill.record import DistillResults, PretrainingRecord, SplitCount, TrainingRecord
from cxredge.distill.rehearsal import rehearse
from cxredge.distill.roles import Taught, Trained, Trainings, one_size, time_left, untrained, with_features
from cxredge.distill.saying import say
from cxredge.distill.splits import Films, Splits, check_masks, load_splits, with_masks
from cxredge.distill.teachers import Further, all_teachers, digest_of, load_further
from cxredge.distill.telling import kept, statement, warnings_of
from cxredge.distill.thresholds import fitted, point_by_prevalence, whole
from cxredge.distill.write_back import write_back
from cxredge.files import canonical_json, sha256_bytes, write_bytes, write_text
from cxredge.parity.chance import student_chance
from cxredge.recipe import PhantomData, Recipe, recipe_path
from cxredge.recipe_distillation import Distillation
from cxredge.recipe_file import load_recipe
from cxredge.stages import cache_folder
from cxredge.students import load_student, trainable
from cxredge.students.half_weights import rounded

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet

VERSIONED = ("torch", "timm", "numpy", "scikit-learn", "safetensors", "pillow")


def distill(place: Path, work: Path, fresh: bool = False) -> DistillResults | None:
    """Train the recipe's teacher and student; write weights and ``results.json`` beside the recipe, and update it.

    place: recipe folder or file. work: where checkpoints and logs go, ``<work>/<recipe name>/``. fresh: drop old
    checkpoints. A run that was stopped goes on from its last checkpoint; one that had ended is only measured again.
    Of several processes (``torchrun``) the first one measures and writes; the others return None.
    Raises what ``load_recipe``, ``rehearse``, ``load_splits``, ``new_student``, ``start_from_imagenet`` and
    ``Training.run`` raise, and InputError DISTILL-RECIPE (no ``distill`` section), DISTILL-CHECKPOINT, or what
    ``check_outputs`` raises. Interrupted, it says what is kept.
    """
    with started() as processes:
        return _distill(place, work, fresh, processes)


def _distill(place: Path, work: Path, fresh: bool, processes: Processes) -> DistillResults | None:
    from cxredge.data.data_sets import open_data

    file = recipe_path(place)
    recipe, plan = load_recipe(place), ready_to_train(place, work)
    # whatever can be refused is refused now, and not after an hour of training
    weighted(plan.terms)  # before weights are loaded: an unknown name is said at once
    configuration = fingerprint(recipe, torch.get_num_threads())
    checkpoints = {role: CheckpointFile(checkpoint_file(work, recipe, role), configuration) for role in plan.roles}
    if not fresh:
        for checkpoint in checkpoints.values():
            checkpoint.load()
    pupil = untrained(recipe, plan, "student")
    trained = plan.teacher.weights
    if trained is None:
        master = untrained(recipe, plan, "teacher")
    else:
        master = load_student(recipe, plan.teacher.backbone, file.parent / trained.file, trained.sha256)
    names = rehearse(plan, recipe, with_features, pupil, master, one_size(recipe, plan, "student"))
    with processes.one_by_one():
        data = open_data(recipe.data, recipe.labels, cache_folder())
        if looks_at_masks(plan.terms):
            check_masks(data)
        splits = load_splits(recipe, data, plan.licence_classes)
        if looks_at_masks(plan.terms):
            splits = replace(splits, train=with_masks(recipe, data, "train", splits.train))
        imitated = to_imitate(recipe, plan, data)
    if processes.first:
        for line in warnings_of(splits):
            say(line)
    further = load_further(recipe, plan, file.parent, splits.val)
    for one in further:
        one.model.to(processes.device)
    if fresh and processes.first:
        for checkpoint in checkpoints.values():
            checkpoint.path.unlink(missing_ok=True)
    left = time_left(recipe, plan, splits.train, (("teacher", master), ("student", pupil)), imitated)
    trainings = Trainings(recipe, plan, splits, checkpoints, work / recipe.name, processes, left)
    try:
        if processes.first and processes.world > 1:
            say(f"training with {processes.words}")
        before = None if imitated is None else trainings.pretrain(pupil, imitated)
        teacher = trainings.teacher(master) if trained is None else Trained(master.to(processes.device))
        ask = all_teachers(recipe, splits.val, teacher.model, with_features, further)
        models = [teacher.model, *(one.model for one in further)]
        student = trainings.student(pupil, Taught(ask, digest_of(models), names))
        if not processes.first:
            return None
        return _finish(recipe, plan, file, data, splits, before, teacher, further, student, processes.words)
    except KeyboardInterrupt:
        if processes.first:
            say(kept(plan, checkpoints, fresh))
        raise


def _finish(
    recipe: Recipe,
    plan: Distillation,
    file: Path,
    data_set: DataSet,
    splits: Splits,
    before: PretrainingRecord | None,
    teacher: Trained,
    further: Sequence[Further],
    student: Trained,
    processes: str,
) -> DistillResults:
    """Round, measure, then write: weights first, the recipe that names their hash last."""
    from safetensors.torch import save

    state = rounded(student.model)
    names = recipe.labels.names
    teacher_record, _, taught = _record(
        recipe, plan.teacher.backbone, plan.teacher.pretrained, data_set, splits, teacher
    )
    record, val, test = _record(recipe, trainable(recipe).backbone, plan.pretrained, data_set, splits, student)
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
    # classes that are never named are so by the margin that is written now, not by the one before
    decided = recipe if chosen.margin is None else recipe.model_copy(update={"least_margin": chosen.margin})
    data, truth = save(state), splits.test.targets.numpy() > 0.5
    result = DistillResults(
        name=recipe.name,
        data=f"phantoms, seed {recipe.data.seed}" if isinstance(recipe.data, PhantomData) else recipe.data.name,
        statement=statement(recipe, splits),
        licence_used=splits.used,
        licence_excluded=splits.excluded,
        splits={split: _count(recipe, getattr(splits, split)) for split in ("train", "val", "test")},
        leaks=splits.leaks,
        pretraining=before,
        teacher=teacher_record,
        further_teachers={one.name: one.record for one in further},
        student=record,
        student_test_interval=macro_interval(
            recipe.labels, splits.test.targets.numpy(), scores(recipe, test), splits.test.patients, plan.seed
        ),
        lost=lost_to_teacher(recipe, truth, taught.logits, test.logits, splits.test.patients),
        chance=student_chance(decided, truth, test.logits, splits.test.patients),
        seed=plan.seed,
        threads=torch.get_num_threads(),
        processes=processes,
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
    recipe: Recipe, backbone: str, pretrained: str | None, data_set: DataSet, splits: Splits, trained: Trained
) -> tuple[TrainingRecord, Answers, Answers]:
    """The record, and the answers on val and test."""
    val, test = (answers(trained.model, films, "Measuring") for films in (splits.val, splits.test))
    record = TrainingRecord(
        backbone=backbone,
        pretrained=pretrained,
        parameters=sum(p.numel() for p in trained.model.parameters()),
        epochs=len(trained.history),
        losses=tuple(round(epoch.loss, 5) for epoch in trained.history),
        val_aucs=tuple(epoch.val_auc for epoch in trained.history),
        kept_epoch=trained.kept_epoch,
        seconds=round(sum(epoch.seconds for epoch in trained.history), 1),
        val=measured(recipe, splits.val.targets.numpy(), val),
        test=measured(recipe, splits.test.targets.numpy(), test),
        pointing=pointing_game(trained.model, recipe, data_set, splits.test),
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
