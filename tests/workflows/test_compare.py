"""Comparing two ways of running one artifact; Core ML itself is on a Mac only."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

from cxredge.errors import EnvironmentProblem
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels
from cxredge.recipe_file import load_recipe
from cxredge.recipe_input import InputSpec
from cxredge.targets.coreml.target import CORE_ML, EVALUATED, CoreML
from cxredge.workflows.compare import differences
from support.lowering import PERCENTILE, lower

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    from support.tiny_student import LABELS, SIZE, films, make_student

    whole = load_recipe(ROOT / "model_zoo" / "phantom")
    spec = InputSpec(height=SIZE, width=SIZE, fit="pad")
    recipe: Recipe = whole.model_copy(update={"input": spec, "labels": Labels(names=LABELS)})
    folder = tmp_path_factory.mktemp("packages")
    calibration = CalibrationFilms(films(4, 2), PERCENTILE)
    return [folder / a.file for a in lower(CoreML(), make_student(), ("fp32", "fp16"), recipe, calibration, folder)]


def test_differences_are_measured_output_by_output(packages: list[Path]) -> None:
    from support.tiny_student import films

    images = [film[None].astype(np.float32) for film in films(3, 5)]
    target = CoreML()
    with target.open_with(EVALUATED, packages[0]) as exact, target.open_with(EVALUATED, packages[1]) as half:
        same = list(differences("coreml/fp32", exact, exact, images))
        other = list(differences("coreml/fp16", half, exact, images))
        expected = np.concatenate([exact.run(image)["cam"] for image in images])
        found = np.concatenate([half.run(image)["cam"] for image in images])
    assert [(d.output, d.max_abs, d.sqnr_db) for d in same] == [
        (n, 0.0, None) for n in ("logits", "cam", "novelty", "quality")
    ]
    cam = other[1]
    assert cam.output == "cam"
    assert cam.max_abs == pytest.approx(float(np.abs(expected - found).max()))
    assert cam.largest == pytest.approx(float(np.abs(expected).max()))
    assert cam.sqnr_db is not None
    assert 30 < cam.sqnr_db < 90


@pytest.mark.skipif(platform.system() == "Darwin", reason="Core ML is here")
def test_core_ml_is_refused_where_it_does_not_exist(packages: list[Path]) -> None:
    with pytest.raises(EnvironmentProblem, match="COREML-MAC"):
        CoreML().open_with(CORE_ML, packages[0])


@pytest.mark.skipif(platform.system() != "Darwin", reason="needs Core ML, which is on macOS only")
def test_core_ml_says_what_the_evaluator_says(packages: list[Path]) -> None:
    from support.tiny_student import films

    images = [film[None].astype(np.float32) for film in films(3, 5)]
    target = CoreML()
    with target.open_with(CORE_ML, packages[1]) as device, target.open_with(EVALUATED, packages[1]) as evaluator:
        for difference in differences("coreml/fp16", device, evaluator, images):
            assert difference.sqnr_db is None or difference.sqnr_db > 30, difference
