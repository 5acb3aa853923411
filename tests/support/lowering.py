"""The tiny student in every scheme of every target, and the recipe that it is of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import InputSpec, Labels, OperatingPoint, PercentileRange, Recipe
from cxredge.recipe_file import load_recipe
from cxredge.results import Artifact
from cxredge.targets import TARGETS, get_target
from cxredge.targets.base import Target
from cxredge.vocabulary import SchemeName

PERCENTILE = PercentileRange(rule="percentile")


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """The phantom recipe with the tiny student's input and labels."""
    from support.tiny_student import LABELS, SIZE

    whole = load_recipe(Path(__file__).parents[2] / "model_zoo" / "phantom")
    spec = InputSpec(height=SIZE, width=SIZE, fit="pad")
    points = {label: OperatingPoint(logit=0.0, rule="test") for label in LABELS}
    return whole.model_copy(update={"input": spec, "labels": Labels(names=LABELS), "operating_points": points})


@dataclass(frozen=True)
class Lowered:
    """A target, all its artifacts by scheme, and their folder."""

    target: Target
    artifacts: dict[str, Artifact]
    folder: Path


def lower_all(name: str, recipe: Recipe, folder: Path, schemes: tuple[SchemeName, ...] = ()) -> dict[str, Artifact]:
    from support.tiny_student import films, make_student

    target = get_target(name)
    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    made = target.lower(make_student(), schemes or target.schemes, recipe, calibration, folder)
    return {a.scheme: a for a in made}


@pytest.fixture(scope="session", params=sorted(TARGETS))
def lowered(request: pytest.FixtureRequest, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Lowered:
    """The tiny student in every scheme of one target."""
    folder = tmp_path_factory.mktemp(request.param)
    return Lowered(get_target(request.param), lower_all(request.param, recipe, folder), folder)
