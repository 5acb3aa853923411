"""Reading a zoo: every recipe of a folder, and the files that commands left beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from cxredge import strict_json
from cxredge.baselines.baselines_record import FILE as BASELINES
from cxredge.baselines.baselines_record import BaselinesRecord, digest_of_recipe
from cxredge.distill.record import DistillResults
from cxredge.errors import InputError
from cxredge.files import read_bytes
from cxredge.path_errors import reading, shown
from cxredge.recipe import Recipe
from cxredge.recipe_file import load_recipe
from cxredge.zoo.entry import BuiltFigures, Speed

MAX_BYTES = 4_000_000
"""Of a file that a command left beside a recipe."""
RESULTS, BUILT, SPEED, CARD = "results.json", "parity.json", "speed.json", "CARD.md"
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Entry:
    """One model: its folder, its recipe, and what is known of its training and of its build."""

    place: Path
    recipe: Recipe
    results: DistillResults | None
    built: BuiltFigures | None
    """As parity.json has it, whichever weights that is of."""
    speed: Speed | None
    """As speed.json has it, likewise."""
    baselines: BaselinesRecord | None = None
    """As baselines.json has it, of whichever recipe."""

    @property
    def current(self) -> BuiltFigures | None:
        """What was built of the recipe's own weights."""
        same = self.built is not None and self.built.weights_sha256 == self.recipe.weights.sha256
        return self.built if same else None

    @property
    def current_speed(self) -> Speed | None:
        """What was timed of an artifact that was built of these weights."""
        digests = () if self.current is None else {artifact.sha256 for artifact in self.current.artifacts}
        return self.speed if self.speed is not None and self.speed.artifact_sha256 in digests else None

    @property
    def current_baselines(self) -> BaselinesRecord | None:
        """What was compared by the recipe as it stands."""
        found = self.baselines
        return found if found is not None and found.recipe_sha256 == digest_of_recipe(self.recipe) else None


def read_zoo(folder: Path) -> list[Entry]:
    """Every model of a folder, by name; of a recipe's own folder that one.

    Raises InputError ZOO-EMPTY, what ``read_entry`` raises, and PATH-READ.
    """
    if (folder / "model.yaml").is_file():
        return [read_entry(folder)]
    with reading(folder):
        places = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not places:
        raise InputError(
            "ZOO-EMPTY", f"{shown(folder)} holds no folder with a recipe", "name a folder of recipes, as model_zoo is"
        )
    return [read_entry(place) for place in places]


def read_entry(place: Path) -> Entry:
    """The model in a folder.

    Raises what ``load_recipe`` raises (RECIPE-MISSING where there is none), InputError ZOO-FILE (a file beside it is
    damaged), ZOO-WEIGHTS (results.json is of other weights), PATH-READ.
    """
    recipe = load_recipe(place)
    learn = f"restore it, or run: cxredge distill {shown(place)}"
    results = _read(place / RESULTS, DistillResults, learn)
    if results is not None:
        _check_name(place / RESULTS, results.name, recipe, learn)
    if results is not None and results.weights_sha256 != recipe.weights.sha256:
        raise InputError(
            "ZOO-WEIGHTS",
            f"{shown(place / RESULTS)} is of weights {results.weights_sha256[:12]}…, and the recipe names "
            f"{recipe.weights.sha256[:12]}…",
            f"restore the one that was changed, or run: cxredge distill {shown(place)}",
        )
    built = _read(place / BUILT, BuiltFigures, "remove it, and write it again: cxredge zoo --built dist")
    speed = _read(place / SPEED, Speed, "remove it, and write it again: python benchmarks/zoo_speed.py")
    compare = f"remove it, or write it again: cxredge baselines {shown(place)}"
    baselines = _read(place / BASELINES, BaselinesRecord, compare)
    if baselines is not None:
        _check_name(place / BASELINES, baselines.name, recipe, compare)
    return Entry(place, recipe, results, built, speed, baselines)


def _check_name(path: Path, name: str, recipe: Recipe, fix: str) -> None:
    if name != recipe.name:
        raise InputError("ZOO-FILE", f"{shown(path)} is of the model {name}, and the recipe's is {recipe.name}", fix)


def _read(path: Path, kind: type[M], fix: str) -> M | None:
    """The record in a file; None where there is no file."""
    if not os.path.lexists(path):
        return None
    data = read_bytes(path, MAX_BYTES)
    try:
        strict_json.parse(data, MAX_BYTES)
        return kind.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise InputError("ZOO-FILE", f"{shown(path)}: {_fault(error)}", fix) from error
    except ValueError as error:
        raise InputError("ZOO-FILE", f"{shown(path)} is not valid JSON: {error}", fix) from error


def _fault(error: ValidationError) -> str:
    """The first thing that does not fit, in a sentence."""
    place, what = strict_json.first_fault(error)
    what = (
        what.removeprefix("Value error, ")
        .replace("Input should be", "is to be")
        .replace("Field required", "is missing")
    )
    what = what.replace("Extra inputs are not permitted", "is no key of such a file")
    return f"{place or 'the whole'} {what}" if what.startswith("is ") else f"{place or 'the whole'}: {what}"
