from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cxredge.students.eeea_net_c2 import Block, EeeaNetC2, EeeaNetC2Exact, Excite

SIDES = [112, 56, 56, 56, 28, 28, 28, *[14] * 8, *[7] * 4]
"""Of the blocks' outputs for a film of 224 pixels, as the paper's table has them."""


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def blocks_of(network: EeeaNetC2) -> list[Block]:
    return [block for block in network.blocks if isinstance(block, Block)]


@pytest.mark.parametrize(
    ("kind", "channels", "outputs", "count"),
    [
        (EeeaNetC2, 3, 14, 4_732_838),
        (EeeaNetC2, 3, 1000, 5_995_904),
        (EeeaNetC2, 1, 14, 4_732_550),
        (EeeaNetC2Exact, 3, 14, 3_499_558),
        (EeeaNetC2Exact, 1, 14, 3_499_270),
    ],
)
def test_parameters(kind: type[EeeaNetC2] | type[EeeaNetC2Exact], channels: int, outputs: int, count: int) -> None:
    with torch.device("meta"):
        assert parameters(kind(channels, outputs)) == count


def test_multiplications_and_sides_of_every_block() -> None:
    counted = 0
    sides: list[tuple[int, ...]] = []

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal counted
        assert isinstance(module, nn.Conv2d | nn.Linear)
        counted += out[0].numel() * module.weight[0].numel()

    network = EeeaNetC2(3, 14).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
        if isinstance(module, Block):
            module.register_forward_hook(lambda _, __, out: sides.append(tuple(out.shape[2:])))
    with torch.no_grad():
        network(torch.zeros(1, 3, 224, 224))
    assert counted / 1e6 == pytest.approx(289.94, abs=0.005)
    assert sides == [(side, side) for side in SIDES]


def test_layers_are_the_tables() -> None:
    """Spot checks by other numbers than the file's table is made of: shapes of weights."""
    with torch.device("meta"):
        state = {name: tuple(tensor.shape) for name, tensor in EeeaNetC2(1, 14).state_dict().items()}
    assert state["stem.conv.weight"] == (16, 1, 3, 3)
    assert not any(name.startswith("blocks.0.expand") for name in state)
    assert state["blocks.4.expand.conv.weight"] == (96, 24, 1, 1)
    assert state["blocks.4.depthwise.conv.weight"] == (96, 1, 7, 7)
    assert state["blocks.4.excite.reduce.weight"] == (24, 96, 1, 1)
    assert state["blocks.4.excite.restore.bias"] == (96,)
    assert state["blocks.8.depthwise.conv.weight"] == (480, 1, 7, 7)
    assert state["blocks.18.project.conv.weight"] == (160, 480, 1, 1)
    assert state["last.conv.weight"] == (960, 160, 1, 1)
    assert state["hidden.conv.weight"] == (1280, 960, 1, 1)
    assert state["classifier.weight"] == (14, 1280)
    excited = {int(name.split(".")[1]) for name in state if ".excite." in name}
    assert excited == {4, 5, 6, *range(11, 19)}
    assert [name for name in state if name.endswith("conv.bias")] == []


def test_activations_skips_and_batch_norms() -> None:
    with torch.device("meta"):
        network = EeeaNetC2(3, 14)
    blocks = blocks_of(network)
    swish = [i for i, block in enumerate(blocks) if any(isinstance(m, nn.Hardswish) for m in block.depthwise.modules())]
    assert swish == list(range(7, 19))
    for i, block in enumerate(blocks):
        relus = sum(isinstance(m, nn.ReLU) for part in (block.expand, block.depthwise) for m in part.modules())
        assert relus == (0 if i in swish else 1 if i == 0 else 2)
        assert not any(isinstance(m, nn.ReLU | nn.Hardswish) for m in block.project.modules())
    assert [i for i, block in enumerate(blocks) if block.skip] == [
        0, 2, 3, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18
    ]  # fmt: skip
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 1 + 2 + 18 * 3 + 1
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}


def test_a_skip_adds_the_blocks_input() -> None:
    torch.manual_seed(0)
    block = blocks_of(EeeaNetC2(1, 2).eval())[18]
    x = torch.rand(1, 160, 3, 3)
    nn.init.zeros_(block.project.get_parameter("norm.weight"))
    assert torch.equal(block(x), x)


def test_excitation_scales_each_channel_by_its_own_mean() -> None:
    """Against the formula, written out for one film."""
    torch.manual_seed(0)
    excite = blocks_of(EeeaNetC2(1, 2))[4].excite
    assert isinstance(excite, Excite)
    assert excite.reduce.bias is not None
    assert excite.restore.bias is not None
    x = torch.randn(1, 96, 5, 4)
    pooled = x[0].flatten(1).sum(1) / 20
    squeezed = (excite.reduce.weight[:, :, 0, 0] @ pooled + excite.reduce.bias).clamp_min(0)
    factor = ((excite.restore.weight[:, :, 0, 0] @ squeezed + excite.restore.bias + 3) / 6).clamp(0, 1)
    torch.testing.assert_close(excite(x)[0], x[0] * factor[:, None, None])


@pytest.mark.parametrize(("height", "width", "cells"), [(32, 32, (1, 1)), (225, 150, (8, 5)), (33, 64, (2, 2))])
@pytest.mark.parametrize("kind", [EeeaNetC2, EeeaNetC2Exact])
def test_small_and_odd_sizes(
    kind: type[EeeaNetC2] | type[EeeaNetC2Exact], height: int, width: int, cells: tuple[int, int]
) -> None:
    network = kind(1, 14).eval()
    with torch.no_grad():
        film = torch.zeros(2, 1, height, width)
        assert tuple(network.features(film).shape) == (2, 960, *cells)
        assert tuple(network(film).shape) == (2, 14)


def test_the_exact_variants_logits_are_the_mean_of_its_class_maps() -> None:
    torch.manual_seed(0)
    network = EeeaNetC2Exact(1, 5).eval()
    film = torch.randn(1, 1, 64, 96)
    maps = torch.einsum("ck,nkhw->nchw", network.classifier.weight, network.features(film))
    torch.testing.assert_close(network(film), maps.mean((2, 3)) + network.classifier.bias)


def test_one_step_of_training_moves_every_weight() -> None:
    torch.manual_seed(0)
    network = EeeaNetC2(1, 3)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters())
    nn.functional.binary_cross_entropy_with_logits(network(torch.randn(4, 1, 64, 64)), torch.ones(4, 3)).backward()
    optimizer.step()
    assert [name for name, p in network.named_parameters() if torch.equal(p, before[name])] == []


def test_evaluation_is_deterministic_and_films_do_not_mix() -> None:
    torch.manual_seed(0)
    network = EeeaNetC2(1, 3).eval()
    films = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        both = network(films)
        assert torch.equal(both, network(films))
        torch.testing.assert_close(network(films[:1]), both[:1])
