"""What a build of the recipe will refuse at once, said before hours are spent on training its student."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxredge.errors import InputError
from cxredge.quantize.calibration import choose_films

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.recipe import Recipe


def refused_by_build(recipe: Recipe, data: DataSet) -> list[str]:
    """Lines to be said. Calibration films are counted and not read; a recipe without INT8 artifacts needs none."""
    if not any(name.integer for name in recipe.artifacts()):
        return []
    try:
        choose_films(data, recipe)
    except InputError as refusal:
        return [f"`cxredge build` will refuse this recipe [{refusal.code}]: {refusal.cause}; {refusal.fix}"]
    return []
