"""Whole programs against the PyTorch models that they were converted from.

float32: within 1e-5 of the largest output. float16: within ``HALF`` times the error of PyTorch's own float16, the
larger of two: the model in float16, and the model in float32 whose layers round their results. Both are computed here,
for the same model and input, and are 4e-4 to 2e-2 of the largest output.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

from cxredge.errors import InputError
from cxredge.mlprogram import load
from mlprogram.converted import converted, rounded_like_half, saved, seeded

SINGLE, HALF = 1e-5, 3

QUICK = [
    ("resnet10t", 32, "iOS15", {}),
    ("lcnet_035", 64, "iOS16", {}),
    ("convnext_atto", 32, "iOS17", {"depths": (1, 1, 1, 1)}),
    ("deit_tiny_patch16_224", 32, "iOS18", {"img_size": 32, "depth": 2}),
]
SLOW = [
    ("mobilenetv2_100", 64, "iOS16", {}),
    ("mobilenetv3_small_100", 64, "iOS15", {}),
    ("efficientnet_lite0", 64, "iOS17", {}),
    ("repvit_m0_9", 64, "iOS17", {}),
    ("convnext_atto", 64, "iOS16", {}),
    ("densenet121", 64, "iOS15", {}),
    ("resnet18", 64, "iOS15", {}),
    ("fastvit_t8", 64, "iOS17", {}),
    ("deit_tiny_patch16_224", 64, "iOS18", {"img_size": 64}),
    ("regnety_002", 64, "iOS16", {}),
    ("edgenext_xx_small", 64, "iOS17", {}),
    ("mobilevit_xxs", 64, "iOS16", {}),
    ("mobilenetv4_conv_small", 64, "iOS16", {}),
    ("hardcorenas_a", 64, "iOS15", {}),
    ("efficientvit_b0", 64, "iOS17", {}),
    ("starnet_s1", 64, "iOS18", {}),
    ("nf_regnet_b0", 64, "iOS17", {}),
    ("hrnet_w18_small", 64, "iOS15", {}),
    ("levit_128s", 224, "iOS17", {}),
    ("eva02_tiny_patch14_224", 56, "iOS18", {"img_size": 56}),
    ("xcit_nano_12_p16_224", 64, "iOS18", {"img_size": 64}),
    ("coatnet_nano_rw_224", 64, "iOS18", {"img_size": 64}),
    ("maxvit_nano_rw_256", 64, "iOS18", {"img_size": 64}),
    ("cait_xxs24_224", 64, "iOS18", {"img_size": 64, "depth": 4}),
    ("tiny_vit_5m_224", 64, "iOS18", {}),
]
SWIN = {"img_size": 56, "depths": (1, 1, 1, 1), "embed_dim": 24, "num_heads": (1, 2, 4, 8)}
UNCONVERTED = [
    ("ghostnet_100", 64, "iOS15", {}, "Unsupported fx node alias"),
    ("swin_tiny_patch4_window7_224", 56, "iOS18", SWIN, "Unsupported fx node alias"),
    ("volo_d1_224", 64, "iOS17", {"img_size": 64}, "stride >= kernel_size for col2im"),
]


def made(name: str, size: int, options: dict[str, Any]) -> tuple[torch.nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=10, **options)
    x = torch.randn(1, 3, size, size)
    return seeded(model, x), x


def check(name: str, size: int, target: str, options: dict[str, Any], folder: Path) -> None:
    model, x = made(name, size, options)
    with torch.no_grad():
        expected = model(x).numpy()
        halves = [rounded_like_half(model)(x), copy.deepcopy(model).half()(x.half()).float()]
    largest = np.abs(expected).max()
    limits = (SINGLE, HALF * max(np.abs(h.numpy() - expected).max() for h in halves) / largest)
    assert SINGLE < limits[1] < 0.1
    for half, limit in enumerate(limits):
        program = load(saved(converted(model, x, target, bool(half)), folder, f"{half}"))
        error = np.abs(program({"x": x.numpy()})["y"] - expected).max() / largest
        assert error <= limit, f"{'float16' if half else 'float32'}: {error:.1e} of the largest output"


@pytest.mark.parametrize(("name", "size", "target", "options"), QUICK)
def test_architecture(name: str, size: int, target: str, options: dict[str, Any], tmp_path: Path) -> None:
    check(name, size, target, options, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size", "target", "options"), SLOW)
def test_more_architectures(name: str, size: int, target: str, options: dict[str, Any], tmp_path: Path) -> None:
    check(name, size, target, options, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size", "target", "options", "said"), UNCONVERTED)
def test_what_coremltools_cannot_convert(name: str, size: int, target: str, options: dict[str, Any], said: str) -> None:
    model, x = made(name, size, options)
    with pytest.raises((NotImplementedError, ValueError, RuntimeError), match=said):
        converted(model, x, target)


def test_what_cannot_be_evaluated_is_named(tmp_path: Path) -> None:
    class Chosen(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nonzero(x).float().sum(0)

    path = saved(converted(Chosen(), torch.ones(2, 3), "iOS17"), tmp_path)
    with pytest.raises(InputError, match=r"non_zero|flexible shape"):
        load(path)
