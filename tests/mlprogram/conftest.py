"""Packages that several tests read."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small rich model in every number format (``formats.FORMATS``)."""
    from mlprogram.formats import build

    folder = tmp_path_factory.mktemp("packages")
    build(folder)
    return folder
