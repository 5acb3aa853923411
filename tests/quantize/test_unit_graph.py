"""The graph of units computes what the student computes, and can be stopped, copied and changed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cxredge.quantize.folding import fold_batch_norm
from cxredge.quantize.unit_graph import Change, UnitGraph
from cxredge.quantize.units import units
from cxredge.recipe_input import InputSpec
from cxredge.students.backbone_student import BackboneStudent
from cxredge.students.timm_backbone import TimmBackbone

SPEC = InputSpec(height=64, width=64, fit="pad")


@pytest.fixture(
    scope="module",
    params=[
        "mobilenetv3_small_050",
        "convnext_atto",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("efficientnet_lite0", "densenet121", "ghostnetv2_100")),
    ],
)
def student(request: pytest.FixtureRequest) -> BackboneStudent:
    torch.manual_seed(0)
    backbone = TimmBackbone(f"timm/{request.param}", 1, 64, 64)
    return BackboneStudent(backbone, backbone.features, 3, 2).eval()


def test_it_finds_the_units_and_computes_the_same(student: BackboneStudent) -> None:
    graph = UnitGraph(student, SPEC, 2)
    assert graph.units == units(student, SPEC)
    images = torch.rand(2, 1, 64, 64) * 255
    state = graph.start(images)
    graph.advance(state, graph.plain())
    with torch.no_grad():
        for name, expected in student(images).items():
            torch.testing.assert_close(graph.outputs(state)[name], expected, rtol=1e-5, atol=1e-6)
    # an activation of each unit, and the image
    makers = [a.maker for a in graph.activations]
    assert sorted(m for m in makers if m is not None) == list(range(len(graph.units)))
    assert None in makers
    assert all(a.readers for a in graph.activations)


def test_a_folded_student_gives_the_same_units(student: BackboneStudent) -> None:
    assert UnitGraph(fold_batch_norm(student, SPEC), SPEC, 1).units == units(student, SPEC)


@pytest.fixture
def tiny() -> BackboneStudent:
    from support.tiny_student import make_student

    return make_student()


def test_a_copy_runs_on_by_itself(tiny: BackboneStudent) -> None:
    from support.tiny_student import films

    graph = UnitGraph(tiny, InputSpec(height=48, width=48, fit="pad"), 1)
    images = torch.from_numpy(films(1, 3)).float()
    names = [unit.name for unit in graph.units]
    place = names.index("backbone.block.depthwise.0")
    state = graph.start(images)
    graph.advance(state, graph.plain(), graph.first[place])
    branch = state.copy()

    def zero(index: int, value: Tensor) -> Tensor:
        return torch.zeros_like(value) if graph.activations[index].maker == place else value

    graph.advance(branch, Change(lambda _: graph.weights, zero))
    graph.advance(state, graph.plain())
    with torch.no_grad():
        expected = tiny(images)["logits"]
    torch.testing.assert_close(graph.outputs(state)["logits"], expected)
    assert float((graph.outputs(branch)["logits"] - expected).abs().max()) > 1e-3


def test_weights_of_one_unit_can_be_replaced(tiny: BackboneStudent) -> None:
    from support.tiny_student import films

    spec = InputSpec(height=48, width=48, fit="pad")
    graph = UnitGraph(tiny, spec, 1)
    images = torch.from_numpy(films(1, 3)).float()
    name = "backbone.block.project.0"
    place = [unit.name for unit in graph.units].index(name)
    other = {**graph.weights, f"{name}.weight": graph.weights[f"{name}.weight"] * 2}
    state = graph.start(images)
    graph.advance(state, Change(lambda unit: other if unit == place else graph.weights, lambda _, x: x))
    with torch.no_grad():
        tiny.get_parameter(f"{name}.weight").mul_(2)
        expected = tiny(images)["logits"]
    torch.testing.assert_close(graph.outputs(state)["logits"], expected)


def test_it_gives_what_the_student_answers_and_no_more() -> None:
    from support.tiny_student import SIZE, films, make_logits_student

    student = make_logits_student()
    graph = UnitGraph(student, InputSpec(height=SIZE, width=SIZE, fit="pad"), 2)
    images = torch.from_numpy(films(2, 3)).float()
    state = graph.start(images)
    graph.advance(state, graph.plain())
    found = graph.outputs(state)
    assert list(found) == ["logits"]
    with torch.no_grad():
        torch.testing.assert_close(found["logits"], student(images)["logits"], rtol=1e-5, atol=1e-5)
