"""A student whose maps are finer than its features, on every target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxredge.parity.numerics import sqnr_db
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.targets import TARGETS, get_target
from cxredge.vocabulary import SchemeName
from support.lowering import PERCENTILE, lower

LEAST_DB = {"fp32": 80.0, "fp16": 30.0, "w8a8": 15.0}


@pytest.mark.parametrize("eight_bit", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_finer_maps_and_their_means(name: str, eight_bit: bool, recipe: Recipe, tmp_path: Path) -> None:
    import torch

    from support.tiny_student import films, make_student

    target, student = get_target(name), make_student(upscale=2)
    scheme: SchemeName = "w8a8" if eight_bit else "fp16" if name == "coreml" else "fp32"
    images = films(8, 3).astype(np.float32)
    with torch.no_grad():
        expected = {key: value.numpy() for key, value in student(torch.from_numpy(images)).items()}
    coarse = student.features(torch.from_numpy(images[:1])).shape[2:]
    assert expected["cam"].shape[2:] == (2 * coarse[0], 2 * coarse[1])
    (artifact,) = lower(target, student, [scheme], recipe, CalibrationFilms(films(24, 2), PERCENTILE), tmp_path)
    with target.open(tmp_path / artifact.file) as runner:
        runs = [runner.run(image[None]) for image in images]
    for key in ("logits", "cam"):
        said = sqnr_db(expected[key], np.concatenate([run[key] for run in runs]))
        assert said is not None
        assert said > LEAST_DB[scheme], (key, said)
    if artifact.delegation is not None:
        assert artifact.delegation.share() >= 0.95, artifact.delegation
