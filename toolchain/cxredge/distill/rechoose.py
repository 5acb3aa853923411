"""``cxredge thresholds``: choose a trained student's thresholds again, without training it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cxredge.data.licences import usable_films
from cxredge.distill.evaluate import answers
from cxredge.distill.splits import read_films
from cxredge.distill.thresholds import Thresholds, fitted, whole
from cxredge.distill.write_back import write_back
from cxredge.recipe import Recipe, recipe_path, weights_file
from cxredge.recipe_file import load_recipe
from cxredge.recipe_training import check_trained
from cxredge.stages import cache_folder
from cxredge.students import build_student


@dataclass(frozen=True)
class Rechosen:
    """What was written into the recipe; ``before`` is the recipe as it was."""

    before: Recipe
    chosen: Thresholds
    """Labels without enough films keep the points that they have."""


def choose_thresholds(place: Path) -> Rechosen:
    """Run the recipe's student on the val films, choose by its rules, and write what was chosen into it.

    place: recipe folder or file. With a ``distill`` section only films of its licence classes count, as in training.
    Raises what ``load_recipe``, ``build_student``, ``DataSet.films``, ``usable_films`` and ``preprocess_films`` raise.
    """
    from cxredge.data.data_sets import open_data

    file, recipe = recipe_path(place), load_recipe(place)
    check_trained(recipe, file, thresholds=False)
    student = build_student(recipe, weights_file(recipe, file))
    data = open_data(recipe.data, recipe.labels, cache_folder())
    shown = read_films(recipe, "val", usable_films(recipe, data.films("val"), "val"))
    chosen = fitted(recipe, shown.targets.numpy(), answers(student, shown, "Measuring"))
    write_back(file, recipe.weights.sha256, whole(recipe, chosen))
    return Rechosen(recipe, chosen)
