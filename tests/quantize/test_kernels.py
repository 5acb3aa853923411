"""Kernels computed from parameters become plain weights, bit for bit; other students are not touched."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.eight_bit import LEVELS
from cxredge.quantize.keep_float import kernel_reads, quantised_weights
from cxredge.quantize.kernels import plain_kernels
from cxredge.quantize.rounding import round_weights
from cxredge.quantize.units import units
from cxredge.recipe_input import InputSpec
from cxredge.students.backbone_student import BackboneStudent
from support import small_networks as small
from support.lowering import PERCENTILE
from support.tiny_student import films, make_student

SPEC = InputSpec(height=48, width=48, fit="pad")


def answers(student: BackboneStudent, count: int) -> dict[str, Tensor]:
    with torch.no_grad():
        found: dict[str, Tensor] = student(torch.from_numpy(films(count, 3)).float())
    return found


@pytest.mark.parametrize("make", [small.computed_student, small.norm_free_student])
def test_the_plain_student_says_bit_for_bit_the_same(make) -> None:  # type: ignore[no-untyped-def]
    student = make()
    plain = plain_kernels(student, SPEC)
    assert plain is not student
    for count in (1, 3):
        found, wanted = answers(plain, count), answers(student, count)
        assert all(torch.equal(found[name], value) for name, value in wanted.items())
    assert plain_kernels(plain, SPEC) is plain


def test_every_layer_is_plain_afterwards() -> None:
    student = small.computed_student()
    plain = plain_kernels(student, SPEC)
    for name, kind in small.PLAIN.items():
        assert type(plain.get_submodule(f"backbone.{name}")) is kind, name
    assert isinstance(plain.get_submodule("backbone.own.after.1"), nn.BatchNorm2d)
    with torch.no_grad():
        kernel = student.get_parameter("backbone.own.kernel")
        made = plain.get_parameter("backbone.own.conv2d_0.weight")
        assert torch.equal(made, kernel / kernel.flatten(1).norm(dim=1)[:, None, None, None])
    names = {unit.name for unit in units(plain, SPEC) if unit.operator.startswith(("conv", "linear"))}
    assert names == {f"backbone.{name}" for name in small.PLAIN} | {"backbone.own.after.0"}


def test_students_without_such_kernels_are_returned_as_they_are() -> None:
    for student in (make_student(), small.twice_student()):
        assert plain_kernels(student, SPEC) is student


def test_the_original_keeps_its_mode_and_its_parameters() -> None:
    student = small.computed_student().train()
    student.backbone.get_submodule("own").eval()
    modes = {name: module.training for name, module in student.named_modules()}
    before = {name: value.clone() for name, value in student.state_dict().items()}
    assert not plain_kernels(student, SPEC).training
    assert {name: module.training for name, module in student.named_modules()} == modes
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())


def test_what_no_plain_layer_can_stand_for_is_left() -> None:
    student = small.tangled_student()
    plain = plain_kernels(student, SPEC)
    assert type(plain.get_submodule("backbone.stem")) is nn.Conv2d
    for name in ("two", "twice"):
        assert isinstance(plain.get_submodule(f"backbone.{name}"), small.Tangled)
    found, wanted = answers(plain, 2), answers(student, 2)
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


def test_a_kernel_that_an_image_changes_is_no_constant() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.randn(8, 1, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(x, self.kernel * x.mean(), stride=4)

    torch.manual_seed(0)
    student = BackboneStudent(Attention(), 8, 3, 2).eval()
    plain = plain_kernels(student, SPEC)
    assert isinstance(plain.backbone, Attention)
    assert all(torch.equal(a, b) for a, b in zip(answers(plain, 1).values(), answers(student, 1).values(), strict=True))


def test_plain_kernels_are_rounded_as_others_are() -> None:
    student = small.computed_student()
    rounded = round_weights(copy.deepcopy(student), SPEC, CalibrationFilms(films(8, 2), PERCENTILE))
    for name in ("stem", "depthwise", "wide", "standardised", "own.conv2d_0", "last"):
        rows = rounded.get_parameter(f"backbone.{name}.weight").detach().double().flatten(1)
        steps = rows / (rows.abs().amax(1, keepdim=True) / LEVELS)
        assert float((steps - steps.round()).abs().max()) < 1e-4, name


def test_kernels_are_counted_once_and_once_for_each_layer() -> None:
    w, f = small.WIDTH, small.FEATURES
    reads = kernel_reads(small.twice_student(), SPEC)
    stem, square, last = 9 * w, 9 * w * w, w * f
    assert quantised_weights(reads, frozenset()) == (stem + 2 * square + last, stem + 4 * square + last)
    assert quantised_weights(reads, frozenset({"backbone.other"})) == (
        stem + 2 * square + last,
        stem + 3 * square + last,
    )
    assert quantised_weights(reads, frozenset({"backbone.one", "backbone.other"}))[0] == stem + square + last
