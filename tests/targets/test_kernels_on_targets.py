"""Students with computed, shared and grouped kernels on every target: the census is right, and so are the outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.results import Artifact
from cxredge.targets import TARGETS, get_target
from cxredge.targets.base import Lowered, Target
from cxredge.vocabulary import SchemeName
from support.lowering import PERCENTILE, lower, slow_but

if TYPE_CHECKING:
    from cxredge.students.backbone_student import BackboneStudent

SQNR_DB = {"fp32": 80.0, "fp16": 45.0, "w8": 30.0, "w8a8": 20.0}
"""Of the cam."""


def all_schemes(
    name: str, student: BackboneStudent, recipe: Recipe, folder: Path, schemes: tuple[SchemeName, ...] = ()
) -> dict[str, Artifact]:
    """Lower, and hold every artifact's cam against the student's on films that were not calibrated on."""
    import torch

    from support.tiny_student import films

    target = get_target(name)
    calibration = CalibrationFilms(films(16, 2), PERCENTILE)
    made = lower(target, student, schemes or target.schemes, recipe, calibration, folder)
    images = films(3, 3).astype(np.float32)
    with torch.no_grad():
        wanted = student(torch.from_numpy(images))["cam"].double().numpy()
    for artifact in made:
        with target.open(folder / artifact.file) as runner:
            error = wanted - np.concatenate([runner.run(image[None])["cam"] for image in images])
        assert 10 * np.log10(np.square(wanted).sum() / np.square(error).sum()) > SQNR_DB[artifact.scheme], artifact.name
    return {artifact.scheme: artifact for artifact in made}


def int8_bytes(artifact: Artifact) -> int:
    return artifact.census.weight_bytes["int8"]


@pytest.mark.parametrize("name", slow_but("onnx", "tflite"))
def test_computed_kernels_are_stored_as_what_they_are(name: str, recipe: Recipe, tmp_path: Path) -> None:
    from cxredge.quantize.keep_float import kernel_reads, quantised_weights
    from cxredge.quantize.kernels import plain_kernels
    from support.small_networks import computed_student

    student = computed_student()
    reads = kernel_reads(plain_kernels(student, recipe.input), recipe.input)
    once, every = quantised_weights(reads, frozenset())
    for artifact in all_schemes(name, student, recipe, tmp_path).values():
        if artifact.scheme in ("w8", "w8a8"):
            # Core ML stores the zero points of the scales, a few hundred bytes, as int8 too
            assert once <= int8_bytes(artifact) <= every + 512, artifact.name
        if artifact.delegation is not None:
            assert artifact.delegation.partitions == 1, artifact.name
            assert artifact.delegation.left == {}, artifact.name


@pytest.mark.parametrize("name", slow_but("onnx", "tflite"))
def test_kernels_that_are_left_to_the_exporters_are_constants_as_well(
    name: str, recipe: Recipe, tmp_path: Path
) -> None:
    from support.small_networks import FEATURES, WIDTH, tangled_student

    weights = WIDTH * 9 + 2 * 9 * WIDTH * WIDTH + WIDTH * FEATURES
    for artifact in all_schemes(name, tangled_student(), recipe, tmp_path, ("fp32", "w8a8")).values():
        if artifact.scheme == "w8a8":
            assert weights <= int8_bytes(artifact) <= weights + 512
        if name == "executorch":
            assert artifact.delegation is not None
            assert artifact.delegation.left == {}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_shared_kernels_pass_the_census(name: str, recipe: Recipe, tmp_path: Path) -> None:
    from support.small_networks import twice_student

    all_schemes(name, twice_student(), recipe, tmp_path, ("w8a8",))


@pytest.mark.parametrize("name", ["executorch", "onnx"])
def test_a_transposed_convolution_in_groups_stays_in_float(name: str, recipe: Recipe, tmp_path: Path) -> None:
    import torch
    from torch import nn

    from cxredge.students.backbone_student import BackboneStudent
    from support.tiny_student import LABELS, settled

    torch.manual_seed(0)
    up = nn.ConvTranspose2d(16, 32, 2, 2, groups=4)
    backbone = nn.Sequential(nn.Conv2d(1, 16, 3, 4, 1), nn.ReLU(), up, nn.ReLU())
    student = settled(BackboneStudent(backbone, 32, len(LABELS), 4))
    made = all_schemes(name, student, recipe, tmp_path, ("w8a8",))["w8a8"]
    assert int8_bytes(made) == 16 * 9
    assert made.census.weight_bytes["float32"] >= 4 * up.weight.numel()


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) for n in sorted({*TARGETS} - {"executorch"})])
def test_norm_free_networks_pass_on_every_target(name: str, recipe: Recipe, tmp_path: Path) -> None:
    from support.small_networks import norm_free_student

    all_schemes(name, norm_free_student(), recipe, tmp_path)


@pytest.mark.slow
def test_norm_free_networks_are_delegated_whole(recipe: Recipe, tmp_path: Path) -> None:
    from support.small_networks import norm_free_student

    for artifact in all_schemes("executorch", norm_free_student(), recipe, tmp_path).values():
        assert artifact.delegation is not None
        assert (artifact.delegation.partitions, artifact.delegation.left) == (1, {}), artifact.name


@pytest.mark.slow
@pytest.mark.parametrize("network", ["timm/nf_regnet_b0", "timm/eca_nfnet_l0"])
def test_norm_free_networks_of_timms_are_delegated_whole(network: str, recipe: Recipe, tmp_path: Path) -> None:
    import torch

    from cxredge.recipe_input import InputSpec
    from cxredge.students.backbone_student import BackboneStudent
    from cxredge.students.timm_backbone import TimmBackbone
    from support.tiny_student import LABELS

    # sides that every pool halves: of an odd one the delegate has no average
    size = 64
    torch.manual_seed(0)
    backbone = TimmBackbone(network, 1, size, size)
    student = BackboneStudent(backbone, backbone.features, len(LABELS), 4).eval()
    spec = InputSpec(height=size, width=size, fit="pad")
    target = get_target("executorch")
    (made,) = lower(target, student, ["fp32"], recipe.model_copy(update={"input": spec}), None, tmp_path)
    assert made.delegation is not None
    assert (made.delegation.partitions, made.delegation.left) == (1, {})
    image = np.linspace(0, 255, size * size, dtype=np.float32).reshape(1, 1, size, size)
    with torch.no_grad():
        wanted = student(torch.from_numpy(image))["logits"].numpy()
    with target.open(tmp_path / made.file) as runner:
        np.testing.assert_allclose(runner.run(image)["logits"], wanted, atol=1e-4 * np.abs(wanted).max(), rtol=0)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_file_that_does_not_open_is_no_artifact(
    name: str, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a lowering wrote, its own runtime has the last word."""
    from support.tiny_student import make_student

    target = get_target(name)

    def write_nothing(_: Target, *given: object) -> Lowered:
        path = given[-1]
        assert isinstance(path, Path)
        path.write_bytes(b"")
        return Lowered()

    monkeypatch.setattr(type(target), "_prepare_impl", lambda *_: None)
    monkeypatch.setattr(type(target), "_lower_impl", write_nothing)
    with pytest.raises(InputError) as caught:
        lower(target, make_student(), ["fp32"], recipe, None, tmp_path)
    assert caught.value.code == "TARGET-LOWERING"
    assert f"{name}/fp32 was lowered, and its own runtime refuses it" in caught.value.cause
    assert not list(tmp_path.iterdir())
