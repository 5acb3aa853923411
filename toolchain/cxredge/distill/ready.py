"""Whether a recipe's films, labels and files are there: asked before PyTorch is imported, which takes many seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.data.accidents import LEAST_TRAIN
from cxredge.data.data_sets import data_folders, open_data
from cxredge.data.film import SPLITS
from cxredge.data.film_sources import sources_of
from cxredge.data.licences import allowed_films, usable_films
from cxredge.data.unlabelled import to_see
from cxredge.distill.imagenet import installed_weights
from cxredge.distill.teacher_labels import all_places, places
from cxredge.errors import InputError, counted
from cxredge.path_errors import shown
from cxredge.places import check_outputs
from cxredge.recipe import recipe_path, weights_file
from cxredge.recipe_distillation import Role
from cxredge.recipe_file import load_recipe
from cxredge.recipe_training import check_trained
from cxredge.stages import cache_folder
from cxredge.statistics.false_alarms import LEAST
from cxredge.students import checked_weights, trainable

if TYPE_CHECKING:
    from cxredge.data.film import Film
    from cxredge.recipe import Recipe
    from cxredge.recipe_distillation import Distillation


def outputs(file: Path, recipe: Recipe) -> tuple[Path, Path]:
    """Weights, and results beside the recipe's file."""
    return weights_file(recipe, file), file.parent / "results.json"


def checkpoint_file(work: Path, recipe: Recipe, role: Role) -> Path:
    """The checkpoint of a role's training."""
    return work / recipe.name / f"{role}.pt"


def ready_to_train(place: Path, work: Path) -> Distillation:
    """The recipe's plan, and what ``distill`` refuses, as far as can be told without PyTorch, and with nothing drawn.

    work: folder of the checkpoints. Raises what ``load_recipe``, ``check_outputs`` and ``open_data`` raise, InputError
    DISTILL-RECIPE, STUDENT-PROGRAM, DATA-SPLIT-EMPTY, DATA-FILE, DISTILL-LICENCE, DISTILL-UNTOLD, DISTILL-ONE-SIDED,
    DISTILL-FEW, DISTILL-BALANCE, DISTILL-TEACHER-LABELS, QUALITY-FEW, WEIGHTS-MISSING or WEIGHTS-HASH (of a teacher),
    or PRETRAINED-*.
    """
    file, recipe = recipe_path(place), load_recipe(place)
    plan = planned(file, recipe)
    checkpoints = (checkpoint_file(work, recipe, role) for role in plan.roles)
    check_outputs([*outputs(file, recipe), *checkpoints], read_by(file, recipe, plan))
    check_learning(file, recipe, plan)
    return plan


def planned(file: Path, recipe: Recipe) -> Distillation:
    """How the recipe trains. Raises InputError DISTILL-RECIPE."""
    if recipe.distill is None:
        raise InputError(
            "DISTILL-RECIPE", f"{shown(file)} has no distill section", "add one, as in model_zoo/phantom/model.yaml"
        )
    return recipe.distill


def read_by(file: Path, recipe: Recipe, plan: Distillation) -> list[Path]:
    """What its trainings read, as files and as whole folders."""
    weights = (plan.teacher.weights, *(teacher.weights for teacher in plan.further_teachers.values()))
    given = [file.parent / one.file for one in weights if one is not None]
    return [file, *given, *data_folders(recipe.data)]


def check_learning(file: Path, recipe: Recipe, plan: Distillation) -> None:
    """What ``ready_to_train`` refuses of labels, films and weights, wherever the trainings go."""
    if plan.teacher.weights is not None:
        all_places(recipe.labels, plan.teacher)
    for called, one in plan.further_teachers.items():
        places(recipe.labels, called, one)
    rank = trainable(recipe).novelty_rank
    data = open_data(recipe.data, recipe.labels, cache_folder())
    films = {split: allowed_films(data.listed(split), split, plan.licence_classes) for split in SPLITS}
    check_told(recipe, films["train"])
    if plan.balance is not None:
        sources_of(films["train"], plan.balance)
    if recipe.novelty is not None and len(films["train"]) <= rank + 1:
        raise InputError(
            "DISTILL-FEW",
            f"{counted(len(films['train']), 'train film')} cannot span {rank} novelty components",
            "lower student.novelty_rank, or bring more films",
        )
    if recipe.quality is not None:
        check_films(len(films["train"]), len(films["val"]))
    teacher = plan.teacher
    if teacher.weights is not None:
        checked_weights(file.parent / teacher.weights.file, teacher.weights.sha256, "teacher")
    for one in plan.further_teachers.values():
        checked_weights(file.parent / one.weights.file, one.weights.sha256, "teacher")
    wanted = [plan.pretrained, teacher.pretrained if teacher.weights is None else None]
    if plan.pretraining is not None:
        to_see(plan, plan.pretraining, data)
        wanted.append(plan.pretraining.pretrained)
    for name in wanted:
        if name is not None:
            installed_weights(name)


def ready_to_choose(place: Path) -> None:
    """What ``thresholds`` refuses, likewise. Raises also InputError RECIPE-UNTRAINED, WEIGHTS-*."""
    file, recipe = recipe_path(place), load_recipe(place)
    check_trained(recipe, file, thresholds=False)
    usable_films(recipe, open_data(recipe.data, recipe.labels, cache_folder()).listed("val"), "val")
    checked_weights(weights_file(recipe, file), recipe.weights.sha256)


def ready_for_quality(place: Path) -> None:
    """What ``quality`` refuses, likewise. Raises also InputError QUALITY-FEW."""
    file, recipe = recipe_path(place), load_recipe(place)
    check_trained(recipe, file, thresholds=False)
    data = open_data(recipe.data, recipe.labels, cache_folder())
    check_films(*(len(usable_films(recipe, data.listed(split), split)) for split in ("train", "val")))
    checked_weights(weights_file(recipe, file), recipe.weights.sha256)


def check_told(recipe: Recipe, films: Sequence[Film]) -> None:
    """Refuse labels that nothing can be learnt of.

    Raises InputError DISTILL-UNTOLD where no film of train tells a label that others are judged by, and
    DISTILL-ONE-SIDED where all that tell it say the same.
    """
    for at, label in enumerate(recipe.labels.names):
        if label in recipe.labels.not_judged:
            continue
        told = [film.targets[at] for film in films if film.targets[at] == film.targets[at]]  # NaN alone is unequal
        if not told:
            raise InputError(
                "DISTILL-UNTOLD",
                f"of {counted(len(films), 'train film')} none tells {label}: each leaves it empty or uncertain",
                "list it in labels.not_judged, take it out, choose another labels.uncertain, or bring films that do",
            )
        if len(set(told)) == 1:
            raise InputError(
                "DISTILL-ONE-SIDED",
                f"of {counted(len(told), 'train film')} {'all have' if told[0] else 'none has'} {label}: a student "
                "would learn to say that of every film",
                "take the label out, or bring train films of both kinds",
            )


def check_films(train: int, val: int) -> None:
    """Raises InputError QUALITY-FEW, before anything slow, where a head cannot be fitted, or its thresholds chosen."""
    for split, films, least, what in (
        ("train", train, LEAST_TRAIN, "a quality head is fitted to"),
        ("val", val, LEAST, "thresholds of the quality output are chosen from"),
    ):
        if films < least:
            raise InputError(
                "QUALITY-FEW",
                f"{split} has {counted(films, 'film')}, and {what} {least} or more",
                "bring more, or say quality: none",
            )
