from __future__ import annotations

import pytest
from torch import Tensor, nn

from cxredge.errors import InputError
from cxredge.quantize.units import Unit, kept_modules, units
from cxredge.students.backbone_student import BackboneStudent
from quantize.test_folding import SPEC, Mixed, mixed, timm_student


def unit(name: str, operator: str, *modules: str) -> Unit:
    return Unit(name, frozenset(modules or (name,)), operator)


def test_units_of_a_network_with_every_kind_of_chain() -> None:
    assert units(mixed(), SPEC) == (
        # a functional ReLU belongs to the module that calls it
        unit("backbone.paired", "conv2d", "backbone.paired", "backbone.norm", "backbone"),
        unit("backbone.alone", "conv2d"),
        # its output has a second reader, so nothing is fused behind it
        unit("backbone.shared", "conv2d"),
        unit("backbone.shared_norm", "batch_norm"),
        unit("backbone", "add"),
        unit("backbone.last_norm", "batch_norm", "backbone.last_norm", "backbone"),
    )


def test_hard_swish_and_squeeze_excite_are_units_of_their_own() -> None:
    net = "backbone.net"
    block = f"{net}.blocks.0.0"
    assert units(timm_student("timm/mobilenetv3_small_050"), SPEC)[:9] == (
        unit(f"{net}.conv_stem", "conv2d", f"{net}.conv_stem", f"{net}.bn1"),
        unit(f"{net}.bn1.act", "hardswish"),
        unit(f"{block}.conv_dw", "conv2d", f"{block}.conv_dw", f"{block}.bn1", f"{block}.bn1.act"),
        unit(f"{block}.se", "mean"),
        unit(f"{block}.se.conv_reduce", "conv2d", f"{block}.se.conv_reduce", f"{block}.se.act1"),
        unit(f"{block}.se.conv_expand", "conv2d"),
        unit(f"{block}.se.gate", "hardsigmoid"),
        unit(f"{block}.se", "mul"),
        unit(f"{block}.conv_pw", "conv2d", f"{block}.conv_pw", f"{block}.bn2"),
    )


def test_every_convolution_of_the_backbone_heads_one_unit() -> None:
    student = timm_student("timm/efficientnet_lite0")
    found = units(student, SPEC)
    convolutions = [f"backbone.{n}" for n, m in student.backbone.named_modules() if isinstance(m, nn.Conv2d)]
    assert [u.name for u in found if u.operator == "conv2d"] == convolutions
    assert all(len(u.modules) in (2, 3) for u in found if u.operator == "conv2d")
    assert {u.operator for u in found if u.operator != "conv2d"} == {"add"}


def test_a_pattern_keeps_a_module_what_is_inside_it_and_the_rest_of_the_unit() -> None:
    student = timm_student("timm/resnet10t")
    layer = "backbone.net.layer1.0"
    one = {f"{layer}.conv1", f"{layer}.bn1", f"{layer}.act1"}
    for pattern in (rf"{layer}.conv1", r".*\.layer1\..*\.conv1", r"backbone\.net\.layer1\.0\.bn1"):
        assert kept_modules(student, SPEC, [pattern]) == one
    whole = kept_modules(student, SPEC, [r"backbone\.net\.layer1"])
    assert whole == {name for name, _ in student.named_modules() if name.startswith("backbone.net.layer1")}
    assert kept_modules(student, SPEC, []) == frozenset()
    both = kept_modules(student, SPEC, [r".*layer1\.0\.conv1", r".*layer1\.0\.conv2"])
    assert both == one | {f"{layer}.conv2", f"{layer}.bn2"}


def test_a_part_of_a_name_is_no_match() -> None:
    with pytest.raises(InputError) as caught:
        kept_modules(timm_student("timm/resnet10t"), SPEC, [r"conv1"])
    assert caught.value.code == "KEEP-FLOAT"


class Reused(nn.Module):
    """One ReLU behind two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.three(self.act(self.two(self.act(self.one(x)))))
        return out


def test_a_module_that_serves_twice_keeps_both_units() -> None:
    student = BackboneStudent(Reused(), 4, 2, 2).eval()
    kept = kept_modules(student, SPEC, [r"backbone\.one"])
    assert kept == {"backbone.one", "backbone.two", "backbone.act"}


def test_an_unknown_module_is_refused_with_the_nearest_names() -> None:
    student = timm_student("timm/resnet10t")
    for pattern in (r"backbone\.net\.layer1\.0\.con1", r"head", r"novelty\..*", r""):
        with pytest.raises(InputError) as caught:
            kept_modules(student, SPEC, [r"backbone\.net\.layer2", pattern])
        assert caught.value.code == "KEEP-FLOAT"
        assert repr(pattern) in caught.value.cause
    with pytest.raises(InputError) as caught:
        kept_modules(student, SPEC, [r"backbone\.net\.layer1\.0\.con1"])
    assert caught.value.choices[0] == "backbone.net.layer1.0.conv1"


@pytest.mark.parametrize(
    "pattern", [r"(.*)*x", r"((.|.)+)+x", r".*.*.*.*.*x", "(.|.)" * 39, r"(?:\w*\.){9}x", r"(a+)+$"]
)
def test_patterns_that_could_run_for_ever_are_refused(pattern: str) -> None:
    with pytest.raises(InputError) as caught:
        kept_modules(mixed(), SPEC, [pattern])
    assert caught.value.code == "KEEP-FLOAT-PATTERN"


def test_the_costliest_pattern_that_is_taken_ends() -> None:
    """The costliest kind on a long name: four wild repeats that all could stop anywhere."""
    long = nn.Sequential()
    long.add_module("a" * 60, Mixed())
    with pytest.raises(InputError) as caught:
        kept_modules(BackboneStudent(long, 6, 2, 2).eval(), SPEC, [r"backbone\..*a.*a.*a.*!"])
    assert caught.value.code == "KEEP-FLOAT"
