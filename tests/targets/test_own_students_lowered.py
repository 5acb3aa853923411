"""Students of our own architectures on every target: gradient maps, no maps, squeeze and excitation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxredge.outputs import Outputs
from cxredge.parity.numerics import sqnr_db
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.results import Artifact
from cxredge.students.base import Student
from cxredge.targets import TARGETS, get_target
from cxredge.vocabulary import SchemeName
from support.lowering import PERCENTILE, lower

SCHEMES: dict[str, tuple[SchemeName, ...]] = {
    "executorch": ("fp32", "w8a8"),
    "tflite": ("fp32", "fp16", "w8", "w8a8"),
    "coreml": ("fp16", "w8", "w8a8"),
    "onnx": ("fp32", "w8a8"),
}
"""As the zoo's recipes have them."""
LEAST_DB = {"fp32": 80.0, "fp16": 25.0}
STUDENTS = [("cxredge/ct_cnn", 32, 3), ("cxredge/eeea_net_c2_exact", 64, 1), ("cxredge/eeea_net_c2", 64, 3)]


def run(name: str, artifact: Artifact, folder: Path, images: np.ndarray) -> Outputs:
    with get_target(name).open(folder / artifact.file) as runner:
        runs = [runner.run(image[None].astype(np.float32)) for image in images]
    return {key: np.concatenate([found[key] for found in runs]) for key in runs[0]}


def reference(student: Student, images: np.ndarray) -> Outputs:
    import torch

    with torch.no_grad():
        return {key: value.numpy() for key, value in student(torch.from_numpy(images).float()).items()}


def check_delegation(artifact: Artifact) -> None:
    """All of it in one piece, where the runtime tells it here."""
    if artifact.delegation is not None:
        assert (artifact.delegation.partitions, artifact.delegation.left) == (1, {})


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_squeezed_blocks_and_a_gradient_head_in_int8(name: str, recipe: Recipe, tmp_path: Path) -> None:
    """The head computes in float: its steps of clamp are as steep as 1e4."""
    from support.small_networks import squeezed_student
    from support.tiny_student import films

    student = squeezed_student()
    gradient = recipe.model_copy(update={"student": recipe.student.model_copy(update={"backbone": EEEA})})
    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    (artifact,) = lower(get_target(name), student, ["w8a8"], gradient, calibration, tmp_path)
    images = films(8, 3)
    expected, found = reference(student, images), run(name, artifact, tmp_path, images)
    assert tuple(found) == tuple(expected) == ("logits", "cam", "novelty", "quality")
    for key, value in expected.items():
        said = sqnr_db(value, found[key])
        assert said is not None
        assert said > 12, (key, said)
    assert artifact.census.weight_bytes["int8"] >= 64 * 48  # the layer before the pooling is one of them
    check_delegation(artifact)


EEEA = "cxredge/eeea_net_c2"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize(("backbone", "side", "channels"), STUDENTS)
def test_each_is_lowered_in_every_scheme_of_the_zoo(
    backbone: str, side: int, channels: int, name: str, recipe: Recipe, tmp_path: Path
) -> None:
    """Random weights: INT8 is held to running, and to the size of its weights."""
    from support.own_student import films, make, recipe_of

    own = recipe_of(recipe, backbone, side, channels)
    student = make(own)
    images = films(own.input, 4, 3)
    expected = reference(student, images)
    calibration = CalibrationFilms(films(own.input, 16, 2), PERCENTILE)
    made = lower(get_target(name), student, SCHEMES[name], own, calibration, tmp_path)
    weights = sum(parameter.numel() for parameter in student.parameters())
    for artifact in made:
        found = run(name, artifact, tmp_path, images)
        assert set(found) == set(expected)
        for key, value in expected.items():
            said = sqnr_db(value, found[key])
            assert said is None or said > LEAST_DB.get(artifact.scheme, -20), (artifact.name, key, said)
        if artifact.scheme in ("w8", "w8a8"):
            assert artifact.census.weight_bytes["int8"] > 0.95 * (weights - 40_000)
        check_delegation(artifact)
