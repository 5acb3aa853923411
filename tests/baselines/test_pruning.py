from __future__ import annotations

from importlib import util

import pytest
import torch
from torch import Tensor, nn

from cxredge.baselines.bytes_by_count import float_bytes, int8_bytes
from cxredge.baselines.pruner import check_pruner
from cxredge.baselines.pruning import TOLERANCE, parameters, pruned
from cxredge.errors import EnvironmentProblem, InputError
from cxredge.recipe_input import InputSpec
from cxredge.students.backbone_student import BackboneStudent
from cxredge.students.backbones import parts_of

SPEC = InputSpec(channels=1, height=32, width=32, fit="pad")
SHAPE = (1, 32, 32)


def network(name: str, labels: int = 2) -> BackboneStudent:
    torch.manual_seed(0)
    parts = parts_of(name, SPEC)
    return BackboneStudent(parts.backbone, parts.features, labels, None, 0, parts.head)


@pytest.mark.parametrize(
    ("teacher", "wanted"),
    [
        ("timm/mobilenetv2_050", 400_000),
        pytest.param("timm/mobilenetv2_050+timm/mobilenetv2_035", 600_000, marks=pytest.mark.slow),
        ("cxredge/ct_cnn", 100_000),
    ],
)
def test_it_has_the_wanted_size_and_the_same_outputs(teacher: str, wanted: int) -> None:
    model = network(teacher)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    small = pruned(model, wanted, SHAPE, teacher)
    assert abs(parameters(small) - wanted) <= TOLERANCE * wanted
    film = torch.rand(3, *SHAPE) * 255
    with torch.no_grad():
        found, whole = small.eval()(film), model.eval()(film)
    assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in whole.items()}
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    # it can be trained on
    sum(output.sum() for output in small.train()(film).values()).backward()
    assert all(p.grad is not None for p in small.parameters())


def test_pruning_again_gives_the_same() -> None:
    """A training that goes on needs the network that it began with."""
    model = network("cxredge/ct_cnn")
    one, other = (pruned(model, 100_000, SHAPE, "ct_cnn").state_dict() for _ in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())


def test_the_largest_kernels_stay() -> None:
    model = network("cxredge/ct_cnn")
    first = next(m for m in model.backbone.modules() if isinstance(m, nn.Conv2d))
    channels = first.out_channels
    with torch.no_grad():
        first.weight[: channels // 2] *= 100
    kept = next(m for m in pruned(model, 150_000, SHAPE, "ct_cnn").backbone.modules() if isinstance(m, nn.Conv2d))
    assert kept.out_channels <= channels // 2 + 2
    assert all(any(torch.equal(row, old) for old in first.weight[: channels // 2]) for row in kept.weight[:5])


class Stubborn(nn.Module):
    """Wants as many channels as it was made with."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 16, 3), nn.Conv2d(8, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.two(self.one(x).reshape(len(x), 8, 2, 30, 30).sum(2))
        return found


def test_what_cannot_be_pruned_is_refused() -> None:
    model = BackboneStudent(Stubborn(), 8, 2, None)
    with pytest.raises(InputError) as caught:
        pruned(model, 300, SHAPE, "stubborn")
    assert caught.value.code == "BASELINES-PRUNE"
    with pytest.raises(InputError, match="are wanted"):
        pruned(network("cxredge/ct_cnn"), 10, SHAPE, "ct_cnn")


def test_the_package_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    find = util.find_spec
    check_pruner()
    monkeypatch.setattr(util, "find_spec", lambda name, *_: None if name == "torch_pruning" else find(name))
    with pytest.raises(EnvironmentProblem) as caught:
        check_pruner()
    assert caught.value.code == "BASELINES-PACKAGE"
    with pytest.raises(EnvironmentProblem):
        pruned(network("cxredge/ct_cnn"), 100_000, SHAPE, "ct_cnn")


def test_bytes_by_count_by_hand() -> None:
    backbone = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Conv2d(4, 8, 1), nn.PReLU())
    model = BackboneStudent(backbone, 8, 2, None)
    assert float_bytes(model) == 4 * (36 + 8 + 40 + 1 + 18)
    # kernels a byte each, a scale and a bias for each of 12 channels, the slope and the head in float32
    assert int8_bytes(model) == 36 + 32 + 8 * 12 + 4 * (1 + 18)
