"""A tiny network and places for what its training leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

Saver = Callable[..., Path]


@pytest.fixture
def network() -> nn.Sequential:
    """Kernel, batch norm, pooling, classifier: every kind of tensor that a state dict has."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    ).eval()


@pytest.fixture
def saved(tmp_path: Path) -> Saver:
    def save(value: object, name: str = "it.pth", legacy: bool = False) -> Path:
        torch.save(value, tmp_path / name, _use_new_zipfile_serialization=not legacy)
        return tmp_path / name

    return save
