"""A recipe's profile: the same model taught in another way, as a recipe of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cxredge.errors import InputError, nearest
from cxredge.files import write_text
from cxredge.path_errors import reading, shown
from cxredge.recipe import Recipe, recipe_path
from cxredge.recipe_file import load_recipe, parse_recipe, rewritten

BASE = "small"
"""The recipe as it stands."""
WRITTEN = {"weights", "operating_points", "least_margin", "novelty", "quality"}
"""Keys that a training writes, whole or in part."""


def profiled(place: Path, profile: str, into: Path) -> Path:
    """The recipe of a profile: ``place`` itself for ``small``, else one written to ``<into>/<name>-<profile>/``.

    Each key of the profile stands in place of the recipe's. Files of trained teachers are copied there. What an earlier
    training wrote into it stays, unless recipe or profile has changed since. Raises what ``load_recipe`` raises, of
    either, and InputError DISTILL-PROFILE.
    """
    file, recipe = recipe_path(place), load_recipe(place)
    if profile == BASE:
        return place
    if profile not in recipe.profiles:
        raise InputError(
            "DISTILL-PROFILE",
            f"{shown(file)} has no profile {profile!r}",
            "choose one, or add it under profiles",
            [BASE, *nearest(profile, recipe.profiles)],
        )
    goal = into / f"{recipe.name}-{profile}" / "model.yaml"
    with reading(file):
        text = rewritten(file.read_text(encoding="utf-8"), lambda tree: _take(tree, recipe, profile))
    wanted = parse_recipe(text.encode(), f"{shown(file)}, profile {profile}")
    if not goal.is_file() or _decided(load_recipe(goal)) != _decided(wanted):
        write_text(goal, text)
    for name in _files(wanted):
        if (source := file.parent / name).is_file():
            shutil.copyfile(source, goal.parent / name)
    return goal.parent


def _take(tree: Any, recipe: Recipe, profile: str) -> None:
    """Make a recipe's tree that of a profile, which nobody has trained yet."""
    del tree["profiles"]
    own = recipe.profiles[profile]
    for key in WRITTEN - own.keys():
        if key in ("novelty", "quality") and tree.get(key) in (None, "none"):
            continue  # it has none, and is to have none
        if key == "quality":
            tree[key] = {}
        else:
            tree.pop(key, None)
    for key, value in own.items():
        tree[key] = value
    tree["name"] = f"{recipe.name}-{profile}"


def _decided(recipe: Recipe) -> Mapping[str, object]:
    """All that a training does not write."""
    there = {key: getattr(recipe, key) is not None for key in ("novelty", "quality")}
    return {**recipe.model_dump(mode="json", exclude=WRITTEN), **there}


def _files(recipe: Recipe) -> Iterator[str]:
    plan = recipe.distill
    if plan is not None:
        for weights in (plan.teacher.weights, *(one.weights for one in plan.further_teachers.values())):
            if weights is not None:
                yield weights.file
