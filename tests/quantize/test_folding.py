from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cxredge.quantize.folding import fold_batch_norm
from cxredge.recipe_input import InputSpec
from cxredge.students.backbone_student import BackboneStudent
from cxredge.students.timm_backbone import TimmBackbone

SPEC = InputSpec(height=64, width=64, fit="pad")


class Mixed(nn.Module):
    """A pair to fold; a convolution alone; one whose output has a second reader; a batch norm with none before it."""

    def __init__(self) -> None:
        super().__init__()
        self.paired = nn.Conv2d(1, 6, 3, 2, 1)
        self.norm = nn.BatchNorm2d(6)
        self.alone = nn.Conv2d(6, 6, 3, padding=1)
        self.shared = nn.Conv2d(6, 6, 1)
        self.shared_norm = nn.BatchNorm2d(6)
        self.last_norm = nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.alone(torch.relu(self.norm(self.paired(x))))
        y = self.shared(x)
        return torch.relu(self.last_norm(torch.relu(y + self.shared_norm(y))))


def settled(backbone: nn.Module, features: int) -> BackboneStudent:
    """Batch norms whose every number matters: nothing is at its initial value."""
    torch.manual_seed(1)
    student = BackboneStudent(backbone, features, 3, 2)
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    student.fit_novelty(torch.randn(20, features))
    return student.eval()


def mixed() -> BackboneStudent:
    torch.manual_seed(0)
    return settled(Mixed(), 6)


def timm_student(name: str) -> BackboneStudent:
    torch.manual_seed(0)
    backbone = TimmBackbone(name, 1, 64, 64)
    return settled(backbone, backbone.features)


def assert_same_answers(folded: BackboneStudent, student: BackboneStudent) -> None:
    image = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(2)) * 255
    with torch.no_grad():
        found, expected = folded(image), student(image)
    for name, value in expected.items():
        assert float((found[name] - value).abs().max()) <= 1e-4 * float(value.abs().max()), name


@pytest.mark.parametrize(
    "name", ["timm/mobilenetv2_035", "timm/mobilenetv3_small_050", "timm/resnet10t", "timm/tf_efficientnet_lite0"]
)
def test_a_folded_network_says_the_same(name: str) -> None:
    student = timm_student(name)
    folded = fold_batch_norm(student, SPEC)
    assert_same_answers(folded, student)
    norms = [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        x = torch.randn(2, norm.num_features, 3, 3)
        # not norm(x): timm's batch norms hold the activation too
        assert torch.equal(nn.BatchNorm2d.forward(norm, x), x)


def test_only_pairs_are_folded() -> None:
    student = mixed()
    folded = fold_batch_norm(student, SPEC)
    assert_same_answers(folded, student)
    before, after = student.state_dict(), folded.state_dict()
    changed = {name.rpartition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"backbone.paired", "backbone.norm"}
    assert before.keys() == after.keys()


def test_the_original_is_left_alone() -> None:
    student = mixed().train()
    before = {name: value.clone() for name, value in student.state_dict().items()}
    folded = fold_batch_norm(student, SPEC)
    assert not folded.training
    assert student.training
    for name, value in student.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_folding_twice_changes_nothing() -> None:
    once = fold_batch_norm(timm_student("timm/mobilenetv2_035"), SPEC)
    twice = fold_batch_norm(once, SPEC).state_dict()
    assert once.state_dict().keys() == twice.keys()
    for name, value in once.state_dict().items():
        assert torch.equal(value, twice[name]), name
