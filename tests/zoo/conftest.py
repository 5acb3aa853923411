from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.bundles import bundle, parts
from support.command import ROOT

__all__ = ["bundle", "parts"]


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """A zoo that a test may spoil: the repository's, without weights."""
    return shutil.copytree(
        ROOT / "model_zoo", tmp_path / "model_zoo", ignore=shutil.ignore_patterns("*.safetensors", "model.auto.yaml")
    )
