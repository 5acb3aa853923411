from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.training_recipe import training_values, write_values


@pytest.fixture(scope="module", autouse=True)
def _own_cache(phantom_cache: Path) -> Iterator[None]:
    """For one file of tests: the next one in this process has the cache that it had."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_CACHE", str(phantom_cache))
        yield


def tiny() -> dict[str, Any]:
    """A teacher that is larger than the student, and has few layers to be rounded."""
    values = training_values()
    values["distill"]["teacher"]["backbone"] = "cxredge/ct_cnn"
    return values


@pytest.fixture
def values() -> dict[str, Any]:
    """A recipe as plain values, to be changed."""
    return tiny()


@pytest.fixture
def write_recipe(values: dict[str, Any]) -> Callable[[Path], Path]:
    """Writes ``values``, as they are by then, into a folder."""
    return lambda folder: write_values(values, folder)
