"""What converters make of PyTorch's layers, evaluated, against PyTorch: many layers in one package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as f

from cxredge.mlprogram import load
from mlprogram.converted import Beside, Layers, converted, saved

CONVOLUTIONS: Layers = {
    "same": nn.Conv2d(4, 6, 3, padding="same", dilation=2),
    "even window": nn.Conv2d(4, 2, 4, padding="same"),
    "groups": nn.Conv2d(4, 8, (3, 2), stride=(2, 1), padding=(1, 0), groups=2),
    "depthwise": nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False),
    "transposed": nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1),
    "transposed, output padding": nn.ConvTranspose2d(4, 6, (3, 4), stride=2, padding=1, output_padding=1, groups=2),
    "transposed, dilated": nn.ConvTranspose2d(4, 2, 3, dilation=2, bias=False),
    "one axis": lambda x: f.conv1d(x.flatten(2), torch.ones(2, 4, 3), stride=2, padding=1),
    "three axes": lambda x: f.conv3d(x[:, None], torch.ones(2, 1, 2, 3, 3), padding=(0, 1, 1)),
}
POOLS: Layers = {
    "max": nn.MaxPool2d(3, 2, 1),
    "max, ceil": nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "max, ceil, no padding": nn.MaxPool2d(2, 2, ceil_mode=True),
    "average": nn.AvgPool2d(3, 2, 1),
    "average, ceil": nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    "average without padding": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "one axis": lambda x: f.avg_pool1d(x.flatten(2), 3, 3, 1),
    "three axes": lambda x: f.max_pool3d(x[:, None], 2, 2, 1),
    "three axes, average": lambda x: f.avg_pool3d(x[:, None], (3, 2, 2), 2, 1, count_include_pad=False),
    "adaptive": nn.AdaptiveAvgPool2d(1),
}
RESIZES: Layers = {
    "nearest": nn.Upsample(scale_factor=2),
    "nearest, larger": lambda x: f.interpolate(x, size=(21, 12)),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    "bilinear, corners": nn.Upsample(scale_factor=3, mode="bilinear", align_corners=True),
    "bilinear, smaller": lambda x: f.interpolate(x, size=(5, 4), mode="bilinear", align_corners=True),
}
NORMS: Layers = {
    "batch": nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)),
    "instance": nn.InstanceNorm2d(4, affine=True),
    "layer": nn.LayerNorm((4, 7, 6)),
    "group": nn.GroupNorm(2, 4),
    "local response": nn.LocalResponseNorm(3, alpha=0.1),
    "unit length": lambda x: f.normalize(x, dim=1),
}
ACTIVATIONS: Layers = {
    "relu": nn.ReLU(), "relu6": nn.ReLU6(), "leaky": nn.LeakyReLU(0.2), "prelu": nn.PReLU(4), "elu": nn.ELU(0.7),
    "selu": nn.SELU(), "gelu": nn.GELU(), "silu": nn.SiLU(),
    "mish": nn.Mish(), "sigmoid": nn.Sigmoid(), "hardsigmoid": nn.Hardsigmoid(), "hardswish": nn.Hardswish(),
    "hardtanh": nn.Hardtanh(-0.5, 2.0), "tanh": nn.Tanh(), "softplus": nn.Softplus(), "softsign": nn.Softsign(),
    "softmax": nn.Softmax(1), "log softmax": nn.LogSoftmax(-1), "threshold": nn.Threshold(0.1, 0.0),
}  # fmt: skip
ELEMENTWISE: Layers = {
    "powers": lambda x: x.abs() ** 0.3 + x**3 + x.square() + x.abs().sqrt(),
    "logarithms": lambda x: x.abs().add(0.5).log() + x.exp() + torch.exp2(x) + x.abs().add(0.5).rsqrt(),
    "angles": lambda x: x.sin() + x.cos() + x.tanh().asin() + x.tanh().acos() + x.atan() + x.cosh() + x.sinh(),
    "rounding": lambda x: (4 * x).round() + x.floor() + x.ceil() + x.sign() + x.int().float(),
    "quotients": lambda x: x / 0.3 + x // 0.7 + x.remainder(0.7) + x.remainder(-0.7),
    "comparisons": lambda x: torch.where(torch.logical_and(x > 0, ~(x >= 1)), x, 2 * x) * (x != 0) * (x == x),
    "logic": lambda x: torch.where(torch.logical_xor(x < -1, torch.logical_or(x <= -2, x > 1)), x, -x),
    "bounds": lambda x: x.clamp(-1, 0.5) + x.clamp(min=-0.5) + torch.maximum(x, -x) + torch.minimum(x, x * x) + x.erf(),
    "integers": lambda x: ((5 * x).int() // 3 + (5 * x).int() * 7 - (5 * x).int().abs()).float(),
}
GROUPS = {
    "convolutions": CONVOLUTIONS,
    "pools": POOLS,
    "resizes": RESIZES,
    "norms": NORMS,
    "activations": ACTIVATIONS,
    "elementwise": ELEMENTWISE,
}


@pytest.mark.parametrize("group", sorted(GROUPS))
@pytest.mark.parametrize("target", ["iOS15", "iOS18"])
def test_layers(group: str, target: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = GROUPS[group]
    model, x = Beside(layers).eval(), torch.randn(2, 4, 7, 6)
    program = load(saved(converted(model, x, target), tmp_path))
    (made,) = program({"x": x.numpy()}).values()
    with torch.no_grad():
        expected = {name: layer(x).flatten().numpy() for name, layer in layers.items()}
    start = 0
    for name, values in expected.items():
        part = made[start : start + len(values)]
        np.testing.assert_allclose(part, values, rtol=1e-5, atol=1e-5, err_msg=name)
        start += len(values)
    assert start == len(made)
