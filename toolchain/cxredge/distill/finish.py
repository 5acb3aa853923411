"""What a distillation ends with: the student rounded and measured, then weights, results and recipe written."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cxredge.distill.against_teacher import lost_to_teacher
from cxredge.distill.evaluate import Answers, answers, macro_interval, measured, scores
from cxredge.distill.pointing import pointing_game
from cxredge.distill.quality_head import quality_score
from cxredge.distill.ready import outputs
from cxredge.distill.record import DistillResults, PretrainingRecord, SplitCount, TrainingRecord
from cxredge.distill.roles import Trained
from cxredge.distill.splits import Films, Splits
from cxredge.distill.teachers import Further
from cxredge.distill.telling import statement
from cxredge.distill.thresholds import fitted, point_by_prevalence, whole
from cxredge.distill.write_back import write_back
from cxredge.files import canonical_json, sha256_bytes, write_bytes, write_text
from cxredge.parity.chance import student_chance
from cxredge.recipe import Recipe
from cxredge.recipe_data import PhantomData
from cxredge.recipe_distillation import Distillation
from cxredge.students import trainable
from cxredge.students.half_weights import rounded

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet

VERSIONED = ("torch", "timm", "numpy", "scikit-learn", "safetensors", "pillow")


@dataclass(frozen=True)
class Ended:
    """The trainings of one distillation, and what they learnt from."""

    recipe: Recipe
    plan: Distillation
    file: Path
    """The recipe's."""
    data_set: DataSet
    splits: Splits
    before: PretrainingRecord | None
    teacher: Trained
    further: Sequence[Further]
    student: Trained
    processes: str
    """How many trained it, and on what, in words."""


def finish(ended: Ended) -> DistillResults:
    """Round, measure, then write: weights first, the recipe that names their hash last."""
    from safetensors.torch import save

    recipe, splits, student = ended.recipe, ended.splits, ended.student
    state = rounded(student.model)
    names = recipe.labels.names
    taught_by = ended.plan.teacher
    teacher_record, _, taught = _record(ended, taught_by.backbone, taught_by.pretrained, ended.teacher)
    record, val, test = _record(ended, trainable(recipe).backbone, ended.plan.pretrained, student)
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
        pretraining=ended.before,
        teacher=teacher_record,
        further_teachers={one.name: one.record for one in ended.further},
        student=record,
        student_test_interval=macro_interval(
            recipe.labels, splits.test.targets.numpy(), scores(recipe, test), splits.test.patients, ended.plan.seed
        ),
        lost=lost_to_teacher(recipe, truth, taught.logits, test.logits, splits.test.patients),
        chance=student_chance(decided, truth, test.logits, splits.test.patients),
        seed=ended.plan.seed,
        threads=torch.get_num_threads(),
        processes=ended.processes,
        versions={"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in VERSIONED}},
        weights_sha256=sha256_bytes(data),
        quality=None
        if chosen.quality is None
        else quality_score(
            lambda image: student.model(image)["quality"], splits.test.images.numpy(), recipe.input, chosen.quality
        ),
    )
    weights, results = outputs(ended.file, recipe)
    write_bytes(weights, data)
    write_text(results, canonical_json(result.model_dump(mode="json")))
    write_back(ended.file, sha256_bytes(data), whole(recipe, chosen))
    return result


def _record(
    ended: Ended, backbone: str, pretrained: str | None, trained: Trained
) -> tuple[TrainingRecord, Answers, Answers]:
    """The record, and the answers on val and test."""
    recipe, splits = ended.recipe, ended.splits
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
        pointing=pointing_game(trained.model, recipe, ended.data_set, splits.test),
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
