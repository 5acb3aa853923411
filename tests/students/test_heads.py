from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cxredge.students.heads import ACTIVATIONS, Activation, GradientHead, Hidden, Pointwise, upscaled


def head(kind: str, dtype: torch.dtype = torch.float32) -> GradientHead:
    torch.manual_seed(1)
    layers = [Pointwise(torch.randn(8, 6), torch.randn(8)), Activation(kind), Pointwise(torch.randn(3, 8), None)]
    return GradientHead(layers).to(dtype)


def grad_cam(net: GradientHead, features: Tensor) -> Tensor:
    """By autograd, itself differentiable."""
    pooled = features.mean((2, 3), keepdim=True).requires_grad_()
    logits = net(pooled)[0]
    slopes = [torch.autograd.grad(logits[:, at].sum(), pooled, create_graph=True)[0] for at in range(3)]
    return torch.stack([(slope * features).sum(1) for slope in slopes], 1)


@pytest.mark.parametrize("kind", sorted(ACTIVATIONS))
def test_maps_are_autograds(kind: str) -> None:
    features = torch.randn(16, 6, 3, 2) * 2
    net = head(kind)
    torch.testing.assert_close(net(features)[1], grad_cam(net, features), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(ACTIVATIONS))
def test_what_a_taught_map_says_to_the_weights_is_autograds(kind: str) -> None:
    """No step of STEEP in it, however near to its edge a feature lies."""
    net = head(kind, torch.float64)
    features = torch.randn(16, 6, 3, 2, dtype=torch.float64) * 2
    # before the activation the first feature of all lies where a step is .999 high, and still rises
    first = net.layers[0]
    assert isinstance(first, Pointwise)
    assert first.bias is not None
    with torch.no_grad():
        edge = 3.0 if kind == "hardswish" else 0.0
        first.bias[0, 0] += edge + 9.99e-5 - first(features.mean((2, 3), keepdim=True))[0, 0, 0, 0]
    found, expected = (
        torch.autograd.grad(maps.square().sum(), [first.conv.weight, first.bias], allow_unused=True)
        for maps in (net(features)[1], grad_cam(net, features))
    )
    for ours, theirs in zip(found, expected, strict=True):
        if theirs is None or not theirs.any():  # a bias, where the slope is one number on either side of the edge
            assert ours is None or not ours.any()
        else:
            torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=1e-3 * float(theirs.abs().max()))


def test_a_layer_before_the_pooling_is_the_layer_behind_it() -> None:
    torch.manual_seed(0)
    one = Pointwise(torch.randn(8, 6), None)
    rest = [Activation("hardswish"), Pointwise(torch.randn(3, 8), torch.randn(3))]
    features = torch.randn(4, 6, 3, 5)
    behind = GradientHead([one, *rest])(features)
    before = GradientHead(rest)(Hidden(torch.nn.Identity(), one.conv)(features))
    for ours, theirs in zip(before, behind, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_bias_is_trained_and_moves_no_map() -> None:
    layer = Pointwise(torch.randn(3, 6), torch.randn(3))
    assert {name for name, _ in layer.named_parameters()} == {"conv.weight", "bias"}
    z, direction = torch.randn(2, 6, 1, 1), torch.randn(2, 6, 3, 2)
    expected = torch.einsum("cd,ndhw->nchw", layer.conv.weight[:, :, 0, 0], direction)
    torch.testing.assert_close(layer.along(z, direction), expected)


def test_finer_maps_are_laid_out_from_the_upper_left() -> None:
    maps = torch.arange(2 * 2 * 4 * 2 * 3.0).reshape(2, 8, 2, 3)
    found = upscaled(maps, 2)
    assert found.shape == (2, 2, 4, 6)
    # label 1 has channels 4..7, and place (1, 2) becomes rows 2..3 and columns 4..5
    assert torch.equal(found[0, 1, 2:, 4:], maps[0, 4:, 1, 2].reshape(2, 2))
    assert torch.equal(found, torch.nn.functional.pixel_shuffle(maps, 2))
    wide = torch.randn(2, 27, 5, 4)
    assert torch.equal(upscaled(wide, 3), torch.nn.functional.pixel_shuffle(wide, 3))
