"""Our own architectures as students: the network of the paper, its head, and its maps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels
from cxredge.recipe_student import OWN_NETWORKS, BackboneSpec, fixed_size
from cxredge.students import new_student
from cxredge.students.architectures import ARCHITECTURES
from cxredge.students.backbone_student import BackboneStudent
from cxredge.students.ct_cnn import CtCnn
from cxredge.students.eeea_net_c2 import EeeaNetC2, EeeaNetC2Exact

SIDE = {"cxredge/ct_cnn": 32}


def student_of(tiny: Recipe, name: str, channels: int = 1, labels: int = 3, side: int = 64) -> BackboneStudent:
    """Untrained, with batch norms that have seen something, in evaluation mode."""
    names = tuple(f"Finding_{at}" for at in range(labels))
    side = SIDE.get(name, side)
    spec = tiny.input.model_copy(update={"channels": channels, "height": side, "width": side})
    torch.manual_seed(0)
    student = new_student(tiny.model_copy(update={"input": spec, "labels": Labels(names=names)}), name)
    with torch.no_grad():
        for _ in range(3):
            student(torch.rand(8, channels, side, side) * 255)
    return student.eval()


@pytest.mark.parametrize(
    ("name", "channels", "labels", "count"),
    [
        ("cxredge/eeea_net_c2", 3, 14, 4_732_838),
        ("cxredge/eeea_net_c2", 1, 14, 4_732_550),
        ("cxredge/eeea_net_c2_exact", 3, 14, 3_499_558),
        ("cxredge/eeea_net_c2_exact", 1, 14, 3_499_270),
        ("cxredge/ct_cnn", 3, 2, 618_754),
    ],
)
def test_a_student_has_as_many_parameters_as_its_network(
    tiny: Recipe, name: str, channels: int, labels: int, count: int
) -> None:
    student = student_of(tiny, name, channels, labels)
    assert sum(p.numel() for p in student.parameters() if p.requires_grad) == count


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_what_the_name_says_is_so(tiny: Recipe, name: str) -> None:
    own, spec = ARCHITECTURES[name], BackboneSpec(backbone=name)
    student = student_of(tiny, name)
    answers = student(torch.rand(2, 1, SIDE.get(name, 64), SIDE.get(name, 64)) * 255)
    assert ("cam" in answers) == (spec.heatmap != "none")
    if "cam" in answers:
        means = answers["cam"].mean((2, 3))
        assert torch.allclose(means, answers["logits"], atol=1e-5) == (spec.heatmap == "exact")
    assert set(OWN_NETWORKS) == set(ARCHITECTURES)
    assert fixed_size(name) == own.sized
    assert not fixed_size("timm/resnet18")


def whole(student: BackboneStudent, network: nn.Module) -> dict[str, Tensor]:
    """The student's weights under the names and in the shapes of the network's own, which stand in the same order."""
    ours = [value for name, value in student.state_dict().items() if not name.startswith("novelty.")]
    if "layers.1.bias" in student.head.state_dict():
        ours[-2:] = reversed(ours[-2:])
    theirs = network.state_dict()
    assert len(ours) == len(theirs)
    return {name: value.reshape(theirs[name].shape) for name, value in zip(theirs, ours, strict=True)}


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("cxredge/eeea_net_c2", lambda: EeeaNetC2(1, 3)),
        ("cxredge/eeea_net_c2_exact", lambda: EeeaNetC2Exact(1, 3)),
        ("cxredge/ct_cnn", lambda: CtCnn(1, 3, (32, 32))),
    ],
)
def test_a_student_says_what_the_papers_network_says(tiny: Recipe, name: str, network: Callable[[], nn.Module]) -> None:
    student, paper = student_of(tiny, name), network().eval()
    paper.load_state_dict(whole(student, paper))
    film = torch.randint(0, 256, (4, 1, SIDE.get(name, 96), SIDE.get(name, 96))).float()
    with torch.no_grad():
        torch.testing.assert_close(student(film)["logits"], paper((film - 128) / 128), rtol=1e-5, atol=1e-6)


def test_maps_are_grad_cam_at_the_map_of_960(tiny: Recipe) -> None:
    """sum_k (d logit / d mean_k) A_k, by autograd."""
    student = student_of(tiny, "cxredge/eeea_net_c2", side=96)
    for parameter in student.head.parameters():
        nn.init.normal_(parameter, std=0.3)
    # so that all three parts of h-swish are met
    nn.init.normal_(student.get_parameter("backbone.hidden.weight"), std=12.0)
    film = torch.randint(0, 256, (3, 1, 96, 96)).float()
    seen: list[Tensor] = []
    student.get_submodule("backbone.net").register_forward_hook(lambda _, __, found: seen.append(found))
    answers = student(film)
    (last,) = seen
    assert last.shape[1] == 960
    before = student.features(film).mean((2, 3))
    assert all(bool(part.any()) for part in (before < -3, before.abs() < 3, before > 3)), before.aminmax()
    for label in range(3):
        (slope,) = torch.autograd.grad(answers["logits"][:, label].sum(), last, retain_graph=True)
        expected = (slope.sum((2, 3), keepdim=True) * last).sum(1)
        found = answers["cam"][:, label]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_weight_is_trained(tiny: Recipe, name: str) -> None:
    student = student_of(tiny, name).train()
    answers = student(torch.rand(4, 1, SIDE.get(name, 64), SIDE.get(name, 64)) * 255)
    (answers["logits"].square().sum() + answers["novelty"].sum()).backward()
    assert [key for key, parameter in student.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_features_are_a_map_of_the_backbone(tiny: Recipe, name: str) -> None:
    """What ``distill.run.with_features`` hooks, and novelty and quality are fitted to."""
    student, side = student_of(tiny, name), SIDE.get(name, 64)
    film = torch.rand(2, 1, side, side) * 255
    features = student.backbone((film - 128) / 128)
    assert features.ndim == 4
    torch.testing.assert_close(student.pooled(film), features.mean((2, 3)))
    assert student.novelty is not None
    student.fit_novelty(student.pooled(torch.rand(12, 1, side, side) * 255).detach())
    student.fit_quality([torch.rand(6, features.shape[1]) for _ in range(5)])
    answers = student(film)
    assert [tuple(answers[key].shape) for key in ("novelty", "quality")] == [(2,), (2, 4)]
    assert bool(answers["novelty"].isfinite().all())
