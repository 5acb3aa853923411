"""What ``baselines`` refuses, as far as can be told without PyTorch, and with nothing drawn or trained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cxredge.baselines.baselines_record import FILE, BaselinesRecord
from cxredge.baselines.held_out import Compared, HeldOut, hold_out
from cxredge.baselines.pruner import check_pruner
from cxredge.distill.ready import check_learning, planned, read_by
from cxredge.errors import CxrError, InputError, counted
from cxredge.files import check_replaceable, read_bytes
from cxredge.path_errors import shown
from cxredge.places import check_outputs
from cxredge.recipe import recipe_path
from cxredge.recipe_file import load_recipe

if TYPE_CHECKING:
    from cxredge.recipe import Recipe

MAX_BYTES = 4_000_000


def check_possible(place: Path, work: Path, seeds: int, folds: int, test_films: int | None) -> None:
    """Refuse what cannot be compared.

    work: folder of the trainings. seeds, folds: how many. Raises what ``check_learning``, ``hold_out``,
    ``check_outputs`` and ``check_replaceable`` raise, InputError BASELINES-PROCESSES, BASELINES-TEACHER,
    BASELINES-LABELS, EnvironmentProblem BASELINES-PACKAGE.
    """
    if os.environ.get("WORLD_SIZE", "1") not in ("", "1"):
        raise InputError(
            "BASELINES-PROCESSES",
            "torchrun started several processes, and baselines are compared in one",
            "start the command without torchrun",
        )
    file, recipe = recipe_path(place), load_recipe(place)
    plan, goal = planned(file, recipe), file.parent / FILE
    check_outputs([goal, work / recipe.name], read_by(file, recipe, plan))
    check_replaceable(goal, _foreign)
    check_learning(file, recipe, plan)
    check_pruner()
    if folds > 1 and (plan.teacher.weights is not None or plan.further_teachers):
        raise InputError(
            "BASELINES-TEACHER",
            "the recipe loads a teacher that was trained on films which folds hold out",
            "leave --folds out, or let the recipe train its only teacher",
        )
    wanted = range(plan.seed, plan.seed + seeds)
    labels_compared(recipe, hold_out(recipe, wanted, folds, test_films, drawn=False))


def labels_compared(recipe: Recipe, held: HeldOut) -> Compared:
    """Which labels are compared. Raises InputError BASELINES-LABELS where none is."""
    found = held.compared(recipe)
    left = found.left_out
    if len(left) == len(recipe.labels.names):
        raise InputError(
            "BASELINES-LABELS",
            f"no label can be compared: {'; '.join(f'{name}: {why}' for name, why in left.items())}",
            "measure more films: --folds takes those of all splits, --test-films draws more phantoms",
        )
    return found


def replaces(goal: Path, seeds: int, folds: int, films: int) -> str | None:
    """What is to be said before a comparison of another size is replaced; None: none is."""
    before = _record(goal)
    if before is None or (len(before.seeds), before.folds, before.films) == (seeds, folds, films):
        return None
    there, here = _size(len(before.seeds), before.folds, before.films), _size(seeds, folds, films)
    return f"{shown(goal)} is of {there}; at its end this run, of {here}, takes its place: copy it to keep it"


def _size(seeds: int, folds: int, films: int) -> str:
    split = counted(folds, "fold") if folds > 1 else "the recipe's own split"
    return f"{counted(seeds, 'seed')}, {split} and {counted(films, 'film')} measured"


def _foreign(file: Path) -> str | None:
    return None if _record(file) else file.name


def _record(file: Path) -> BaselinesRecord | None:
    try:
        return BaselinesRecord.model_validate_json(read_bytes(file, MAX_BYTES))
    except (CxrError, ValidationError):
        return None
