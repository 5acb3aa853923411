"""Several teachers as one: the mean of their logits, each weighted by how well it ranks the validation films."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from cxredge.distill.evaluate import Answers, answers, measured
from cxredge.distill.record import FurtherTeacherRecord
from cxredge.distill.saying import say
from cxredge.distill.teacher_labels import all_places, places
from cxredge.errors import InputError, counted
from cxredge.files import sha256_bytes
from cxredge.recipe_distillation import Distillation
from cxredge.students import load_teacher
from cxredge.students.heads import Chosen

if TYPE_CHECKING:
    from cxredge.distill.splits import Films
    from cxredge.recipe import Recipe
    from cxredge.students.backbone_student import BackboneStudent

LEAST_SHARE = 1e-6
"""In place of an AUC of 0: where such a teacher alone speaks for a label, it is heard."""


@dataclass(frozen=True)
class Further:
    """A further teacher, in evaluation mode, and the place of its logit for each label of the recipe."""

    name: str
    model: BackboneStudent
    places: tuple[int | None, ...]
    record: FurtherTeacherRecord


def load_first(recipe: Recipe, plan: Distillation, folder: Path) -> BackboneStudent:
    """The first teacher, which the recipe loads, in evaluation mode; answers in the order of the recipe's labels.

    folder: the recipe's. Raises InputError DISTILL-TEACHER-LABELS, WEIGHTS-* and STUDENT-*.
    """
    teacher, weights = plan.teacher, plan.teacher.weights
    assert weights is not None, "asked only where the recipe loads it"
    at = all_places(recipe.labels, teacher)
    model = load_teacher(recipe, teacher.backbone, len(teacher.labels), folder / weights.file, weights.sha256)
    if at != tuple(range(len(teacher.labels))):
        model.head = Chosen(model.head, at)
    return model


def load_further(recipe: Recipe, plan: Distillation, folder: Path, val: Films) -> tuple[Further, ...]:
    """The recipe's further teachers, with their mean AUC on ``val`` over the labels that they have.

    Raises InputError DISTILL-TEACHER-LABELS, DISTILL-TEACHER-AUC (val has too few films for one), WEIGHTS-* and
    STUDENT-*.
    """
    found = []
    for name, teacher in plan.further_teachers.items():
        at = places(recipe.labels, name, teacher)
        weights = teacher.weights
        model = load_teacher(recipe, teacher.backbone, len(teacher.labels), folder / weights.file, weights.sha256)
        spoken = tuple(label for label, place in zip(recipe.labels.names, at, strict=True) if place is not None)
        area = _area(recipe, model, at, val)
        if area is None:
            raise InputError(
                "DISTILL-TEACHER-AUC",
                f"val has too few films for an AUC of {', '.join(spoken)}, by which the teacher {name} is weighted",
                "bring more films of val, or take the teacher out of distill.further_teachers",
            )
        record = FurtherTeacherRecord(
            backbone=teacher.backbone, weights_sha256=weights.sha256, labels=spoken, val_auc=area
        )
        found.append(Further(name, model, at, record))
    return tuple(found)


def _area(recipe: Recipe, model: BackboneStudent, at: Sequence[int | None], val: Films) -> float | None:
    told = answers(model, val, "Weighing teachers").logits
    logits = np.stack([told[:, 0] * 0 if place is None else told[:, place] for place in at], 1)
    silent = [name for name, place in zip(recipe.labels.names, at, strict=True) if place is None]
    untold = tuple(name for name in recipe.labels.names if name in silent or name in recipe.labels.not_judged)
    # not by validation: what a teacher lacks is no recipe's business
    labels = recipe.labels.model_copy(update={"not_judged": untold})
    return measured(recipe.model_copy(update={"labels": labels}), val.targets.numpy(), Answers(logits, None)).macro_auc


def shares(areas: Sequence[float], at: Sequence[Sequence[int | None]]) -> Tensor:
    """By teacher its AUC and its places -> float32[teachers, C]: what each counts for a label, together 1.

    A teacher that lacks a label counts 0 there. One of them has every label.
    """
    speaks = torch.tensor([[place is not None for place in row] for row in at], dtype=torch.float64)
    weighted = speaks * torch.tensor(areas, dtype=torch.float64).clamp_min(LEAST_SHARE)[:, None]
    return (weighted / weighted.sum(0)).float()


def digest_of(models: Sequence[BackboneStudent]) -> str:
    """A hash that names teachers by their weights, in their order."""
    states = (model.state_dict() for model in models)
    lines = (
        f"{key} {list(tensor.shape)} {sha256_bytes(tensor.cpu().contiguous().numpy().tobytes())}\n"
        for state in states
        for key, tensor in sorted(state.items())
    )
    return sha256_bytes("".join(lines).encode())


def all_teachers(
    recipe: Recipe,
    val: Films,
    first: BackboneStudent,
    answer: Callable[[BackboneStudent, Tensor], Mapping[str, Tensor]],
    further: Sequence[Further],
) -> Callable[[Tensor], Mapping[str, Tensor]]:
    """What the ``first`` teacher says of films, as ``answer`` asks it, or all together; how they weigh is told."""
    alone = partial(answer, first)
    if not further:
        return alone
    area = _area(recipe, first, range(len(recipe.labels.names)), val)
    assert area is not None, "it has every label that another one has, and that one has an AUC"
    say(f"teacher: val AUC {area:.3f}, its weight")
    for one in further:
        say(f"teacher {one.name}: val AUC {one.record.val_auc:.3f} of {counted(len(one.record.labels), 'label')}")
    return together(alone, area, further)


def together(
    first: Callable[[Tensor], Mapping[str, Tensor]], area: float, further: Sequence[Further]
) -> Callable[[Tensor], Mapping[str, Tensor]]:
    """What all teachers say of films: the outputs of the ``first``, whose AUC on val is ``area`` and which has every
    label, but for ``logits``, the weighted mean of all."""
    labels = len(further[0].places)
    each = shares(
        [area, *(teacher.record.val_auc for teacher in further)],
        [range(labels), *(teacher.places for teacher in further)],
    )

    def answer(films: Tensor) -> Mapping[str, Tensor]:
        outputs = first(films)
        own_share, *others = each.to(outputs["logits"].device)
        logits = own_share * outputs["logits"]
        for teacher, share in zip(further, others, strict=True):
            own = teacher.model(films)["logits"]
            # a silent one's share is 0, whatever logit stands there
            logits = logits + share * own[:, [place or 0 for place in teacher.places]]
        return {**outputs, "logits": logits}

    return answer
