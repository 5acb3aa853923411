"""The tiny student in every scheme of every target, and the recipe that it is of."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.recipe_calibration import PercentileRange
from cxredge.recipe_decision import Labels, OperatingPoint, Quality
from cxredge.recipe_file import load_recipe
from cxredge.recipe_input import InputSpec
from cxredge.results import Artifact
from cxredge.targets import TARGETS, get_target
from cxredge.targets.base import Target
from cxredge.targets.lowering import Lowering
from cxredge.vocabulary import QUALITY_KINDS, SchemeName

if TYPE_CHECKING:
    from cxredge.students.backbone_student import BackboneStudent

PERCENTILE = PercentileRange(rule="percentile")


def slow_but(*short: str) -> list[Any]:
    """All targets, for a test that takes long: those not in ``short`` have their turn in the slow suite."""
    return [name if name in short else pytest.param(name, marks=pytest.mark.slow) for name in sorted(TARGETS)]


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """The phantom recipe with the tiny student's input and labels."""
    from support.tiny_student import LABELS, SIZE

    whole = load_recipe(Path(__file__).parents[2] / "model_zoo" / "phantom")
    spec = InputSpec(height=SIZE, width=SIZE, fit="pad")
    points = {label: OperatingPoint(logit=0.0, rule="test") for label in LABELS}
    quality = Quality(thresholds=dict.fromkeys(QUALITY_KINDS, 0.0), rule="test")
    changes = {"input": spec, "labels": Labels(names=LABELS), "operating_points": points, "quality": quality}
    return whole.model_copy(update=changes)


@dataclass(frozen=True)
class Lowered:
    """A target, all its artifacts by scheme, and their folder."""

    target: Target
    artifacts: dict[str, Artifact]
    folder: Path


def answered_by(student: BackboneStudent, recipe: Recipe) -> Recipe:
    """The recipe of a student as it is: one that a test makes itself may have no quality head."""
    return recipe if getattr(student, "quality", None) is not None else recipe.model_copy(update={"quality": None})


def lower(
    target: Target,
    student: BackboneStudent,
    schemes: Sequence[SchemeName],
    recipe: Recipe,
    calibration: CalibrationFilms | None,
    folder: Path,
    rounded: BackboneStudent | None = None,
) -> list[Artifact]:
    """Several schemes of one student, as one worker would."""
    with tempfile.TemporaryDirectory() as work:
        lowering = Lowering(student, answered_by(student, recipe), calibration, Path(work), rounded)
        return [target.lower(lowering, scheme, folder) for scheme in schemes]


def lower_all(name: str, recipe: Recipe, folder: Path, schemes: tuple[SchemeName, ...] = ()) -> dict[str, Artifact]:
    from support.tiny_student import films, make_student

    target = get_target(name)
    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    made = lower(target, make_student(), schemes or target.schemes, recipe, calibration, folder)
    return {a.scheme: a for a in made}


@pytest.fixture(scope="session")
def lowered_targets() -> dict[str, Lowered]:
    """What was lowered so far: pytest forgets a parametrised fixture with each file, and lowering takes seconds."""
    return {}


@pytest.fixture(scope="session", params=sorted(TARGETS))
def lowered(
    request: pytest.FixtureRequest,
    recipe: Recipe,
    tmp_path_factory: pytest.TempPathFactory,
    lowered_targets: dict[str, Lowered],
) -> Lowered:
    """The tiny student in every scheme of one target."""
    name = request.param
    if name not in lowered_targets:
        folder = tmp_path_factory.mktemp(name)
        lowered_targets[name] = Lowered(get_target(name), lower_all(name, recipe, folder), folder)
    return lowered_targets[name]
