from __future__ import annotations

from pathlib import Path

import pytest

from cxredge.recipe import Recipe
from support.stand_in import StandIn


@pytest.fixture(params=["fork", "exec"])
def stand_in(request: pytest.FixtureRequest, tmp_path: Path, recipe: Recipe) -> StandIn:
    """Both ways of starting a worker: as Linux has it, and as macOS."""
    return StandIn(tmp_path, recipe, request.param)
