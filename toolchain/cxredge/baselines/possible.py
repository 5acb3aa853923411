"""What ``baselines`` refuses, as far as can be told without PyTorch, and with nothing drawn or trained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cxredge.baselines.baselines_record import FILE, BaselinesRecord
from cxredge.baselines.held_out import Compared, HeldOut, hold_out
from cxredge.baselines.pruner import check_pruner
from cxredge.data.data_sets import data_folders
from cxredge.distill.ready import ready_to_train
from cxredge.errors import CxrError, InputError
from cxredge.files import check_replaceable, read_bytes
from cxredge.places import check_outputs
from cxredge.recipe import recipe_path
from cxredge.recipe_file import load_recipe

if TYPE_CHECKING:
    from cxredge.recipe import Recipe

MAX_BYTES = 4_000_000


def check_possible(place: Path, work: Path, seeds: int, folds: int, test_films: int | None) -> None:
    """Refuse what cannot be compared.

    work: folder of the trainings. seeds, folds: how many. Raises what ``ready_to_train``, ``hold_out``,
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
    plan = ready_to_train(place, work)
    check_pruner()
    goal = file.parent / FILE
    check_outputs([goal, work / recipe.name], [file, *data_folders(recipe.data)])
    check_replaceable(goal, _foreign)
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


def _foreign(file: Path) -> str | None:
    try:
        BaselinesRecord.model_validate_json(read_bytes(file, MAX_BYTES))
    except (CxrError, ValidationError):
        return file.name
    return None
