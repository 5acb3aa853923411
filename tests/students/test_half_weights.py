"""Weights in float16 are the float32 reference: what is written, widened, is what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save, save_file

from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.recipe import Recipe
from cxredge.recipe_file import load_recipe
from cxredge.students import build_student, new_student, trainable
from cxredge.students.backbone_student import BackboneStudent
from cxredge.students.half_weights import KEPT, rounded
from support.command import ROOT

VARIANCE = "backbone.net.bn1.running_var"


@pytest.fixture
def student(tiny: Recipe) -> BackboneStudent:
    torch.manual_seed(3)
    spec = trainable(tiny)
    made = new_student(tiny, spec.backbone, upscale=spec.map_upscale)
    made.fit_novelty(torch.rand(20, made.head.in_channels))
    return made.eval()


def test_what_is_written_is_what_the_rounded_student_is(tiny: Recipe, student: BackboneStudent, tmp_path: Path) -> None:
    film = torch.rand(2, 1, 32, 32) * 255
    with torch.no_grad():
        before = student(film)["logits"]
    state = rounded(student)
    assert list(state) == sorted(student.state_dict())
    save_file(state, tmp_path / "weights.safetensors")
    digest = sha256_file(tmp_path / "weights.safetensors")
    recipe = tiny.model_copy(update={"weights": tiny.weights.model_copy(update={"sha256": digest})})
    read = build_student(recipe, tmp_path / "weights.safetensors")
    for key, tensor in read.state_dict().items():
        assert tensor.dtype in (torch.float32, torch.int64), key
        assert torch.equal(tensor, student.state_dict()[key]), key
        assert torch.equal(tensor, state[key].to(tensor.dtype)), key
    with torch.no_grad():
        after = student(film)["logits"]
        assert torch.equal(read(film)["logits"], after)
    assert not torch.equal(after, before)
    assert float((after - before).abs().max()) < 0.01
    # rounded again it is the same
    again = rounded(student)
    assert all(torch.equal(again[key], tensor) and again[key].dtype == tensor.dtype for key, tensor in state.items())


def test_what_float16_would_lose_stays_float32(student: BackboneStudent) -> None:
    state = student.state_dict()
    state[VARIANCE][:] = 1.0
    state["backbone.net.bn1.weight"][0] = 1e-7
    state["head.weight"][0, 0] = 1e-7
    state["backbone.net.conv_stem.weight"][0, 0, 0, 0] = 70_000.0
    written = rounded(student)
    dtypes = {key: str(tensor.dtype).removeprefix("torch.") for key, tensor in written.items()}
    assert dtypes[VARIANCE] == "float16"
    assert dtypes["backbone.net.bn1.weight"] == "float32"
    assert float(written["backbone.net.bn1.weight"][0]) == torch.tensor(1e-7)
    # beside large values a small one counts for nothing
    assert dtypes["head.weight"] == "float16"
    assert dtypes["backbone.net.conv_stem.weight"] == "float32"
    assert dtypes["backbone.net.bn1.num_batches_tracked"] == "int64"
    for value, kept in ((3e-6, False), (2.0**-14, True), (65504.0, True), (65536.0, False)):
        student.state_dict()[VARIANCE][0] = value
        found = rounded(student)[VARIANCE]
        assert (found.dtype == torch.float16) == kept, value
        assert float(found[0]) == pytest.approx(value, rel=KEPT)


def test_nan_is_refused_before_anything_is_measured(student: BackboneStudent) -> None:
    student.state_dict()["head.bias"][1] = float("nan")
    with pytest.raises(InputError, match=r"head\.bias") as caught:
        rounded(student)
    assert caught.value.code == "WEIGHTS-NAN"


def test_the_zoos_networks_take_half_the_bytes(tmp_path: Path) -> None:
    place = ROOT / "model_zoo" / "phantom"
    student = build_student(load_recipe(place), place / "weights.safetensors")
    assert isinstance(student, BackboneStudent)
    state = rounded(student)
    share = len(save(state)) / len(save(student.state_dict()))
    assert share < 0.53
    # channels that went to sleep have tiny variances
    kept = {key for key, tensor in state.items() if tensor.dtype == torch.float32}
    assert {key.rpartition(".")[2] for key in kept} >= {"running_mean", "running_var"}
    whole = load_file(place / "weights.safetensors")
    assert {key: tensor.dtype for key, tensor in whole.items()} == {key: each.dtype for key, each in state.items()}
    assert all(torch.equal(tensor, whole[key]) for key, tensor in state.items())
