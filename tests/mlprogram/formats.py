"""A small model of many operators, and packages of it in the number formats that coremltools writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import coremltools.optimize.coreml as cto
import torch
from torch import Tensor, nn
from torch.nn import functional

from mlprogram.converted import converted, saved, seeded


class Rich(nn.Module):
    """[1, 3, 8, 8] -> [1, 5]: convolutions, pools, a resize, attention, and shapes changed in many ways."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.norm = nn.LayerNorm(16)
        self.project = nn.Linear(16, 48)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x / 2 - 0.1)
        pooled = functional.avg_pool2d(functional.max_pool2d(x, 3, 1, 1), 2)
        larger = functional.interpolate(pooled, scale_factor=2.0, mode="bilinear", align_corners=False)
        joined = torch.cat([x + self.depthwise(x).sigmoid(), functional.silu(larger)], 1)
        tokens = self.norm(joined.flatten(2).transpose(1, 2))
        q, k, v = self.project(tokens).chunk(3, -1)
        mixed = functional.gelu((q @ k.transpose(1, 2) / 4).softmax(-1) @ v)
        upped = self.up(functional.leaky_relu(x)).mean((2, 3))
        return self.head(torch.cat([mixed.mean(1), upped, upped[:, 1:].clamp(-1, 1), mixed.amax(1)[:, 3:12]], 1)).tanh()


def quantized(model: Any) -> Any:
    """W8A8: the ranges that coremltools would measure by predicting are given to it."""
    config = cto.OptimizationConfig(cto.OpLinearQuantizerConfig(mode="linear_symmetric"))
    everything: Any = _Everywhere()
    place = "coremltools.optimize.coreml._post_training_quantization._get_activation_calibration_stats"
    with mock.patch(place, return_value=everything):
        return cto.linear_quantize_activations(model, config, [{}])


class _Everywhere(dict[str, dict[str, float]]):
    """Every tensor lies within -2 and 2."""

    def __missing__(self, key: str) -> dict[str, float]:
        return {"rmin": -2.0, "rmax": 2.0}

    def __contains__(self, key: object) -> bool:
        return True


def _weights(config: Any) -> Any:
    return cto.OptimizationConfig(global_config=config)


FORMATS: dict[str, tuple[str, bool, Callable[[Any], Any]]] = {
    "fp32": ("iOS15", False, lambda m: m),
    "fp16": ("iOS18", True, lambda m: m),
    "w8": (
        "iOS16",
        True,
        lambda m: cto.linear_quantize_weights(m, _weights(cto.OpLinearQuantizerConfig(weight_threshold=0))),
    ),
    "w8a8": ("iOS17", True, quantized),
    "palette": (
        "iOS16",
        False,
        lambda m: cto.palettize_weights(
            m, _weights(cto.OpPalettizerConfig(mode="uniform", nbits=4, weight_threshold=0))
        ),
    ),
    "sparse": (
        "iOS18",
        True,
        lambda m: cto.prune_weights(m, _weights(cto.OpMagnitudePrunerConfig(target_sparsity=0.6, weight_threshold=0))),
    ),
    "int4": (
        "iOS18",
        True,
        lambda m: cto.linear_quantize_weights(
            m,
            _weights(
                cto.OpLinearQuantizerConfig(dtype="int4", granularity="per_block", block_size=4, weight_threshold=0)
            ),
        ),
    ),
}
"""iOS, float16 or not, and compression."""


def build(folder: Path) -> None:
    """A package of each format, as ``folder/NAME.mlpackage``."""
    torch.manual_seed(0)
    x = torch.randn(1, 3, 8, 8)
    model = seeded(Rich(), x)
    for name, (target, half, compress) in FORMATS.items():
        saved(compress(converted(model, x, target, half)), folder, name)
