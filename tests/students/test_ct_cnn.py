from __future__ import annotations

import pytest
import torch
from torch import nn

from cxredge.students.ct_cnn import CtCnn


def test_parameters_and_shapes_of_weights() -> None:
    network = CtCnn(3, 2, (32, 32))
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 618_754
    state = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert [state[f"stages.{i}.conv.weight"] for i in range(3)] == [(32, 3, 3, 3), (64, 32, 3, 3), (128, 64, 3, 3)]
    assert state["hidden.linear.weight"] == (256, 2048)
    assert state["classifier.weight"] == (2, 256)


def test_order_of_a_stage_and_constants() -> None:
    """The activation stands before the batch norm: what the norm gives may be negative."""
    network = CtCnn(1, 2, (32, 32))
    for stage in network.stages:
        assert [type(part) for part in stage.children()] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.MaxPool2d]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.5]


@pytest.mark.parametrize("size", [(8, 8), (24, 40), (32, 32)])
def test_shapes(size: tuple[int, int]) -> None:
    network = CtCnn(1, 3, size).eval()
    film = torch.randn(2, 1, *size)
    assert tuple(network.stages(film).shape) == (2, 128, size[0] // 8, size[1] // 8)
    assert tuple(network(film).shape) == (2, 3)


def test_one_step_of_training_moves_every_weight() -> None:
    torch.manual_seed(0)
    network = CtCnn(1, 2, (16, 16))
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters())
    nn.functional.cross_entropy(network(torch.randn(8, 1, 16, 16)), torch.arange(8) % 2).backward()
    optimizer.step()
    assert [name for name, p in network.named_parameters() if torch.equal(p, before[name])] == []


def test_dropout_in_training_alone() -> None:
    torch.manual_seed(0)
    network = CtCnn(1, 2, (16, 16))
    film = torch.randn(4, 1, 16, 16)
    assert not torch.equal(network(film), network(film))
    network.eval()
    assert torch.equal(network(film), network(film))
