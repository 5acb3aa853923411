"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.lowering import lowered, lowered_targets, recipe

__all__ = ["lowered", "lowered_targets", "recipe"]

# tests run in several processes, and so do the builds that they start: more threads than cores only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent
LAST_FILE = pytest.StashKey[str]()
"""The file of the test that ran last in this process."""


def _surroundings() -> dict[str, str]:
    """What decides where commands find and keep things; libraries set other variables of their own when imported."""
    decisive = {"CI", "HOME", "PATH", "PYTHONPATH", "TMPDIR"}
    found = {name: value for name, value in os.environ.items() if name.startswith("CXR_") or name in decisive}
    return {**found, "working folder": os.getcwd()}


SURROUNDINGS = _surroundings()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """No file of tests leaves the next one in this process another cache, or another folder.

    Which file comes next differs from run to run: what a change of a whole session spoils, it spoils once in a while.
    """
    file, stash = str(item.path), item.config.stash
    last = stash.get(LAST_FILE, file)
    stash[LAST_FILE] = file
    if last != file:
        assert _surroundings() == SURROUNDINGS, f"{last} left other surroundings behind"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-goldens``: write generated pages and goldens anew instead of comparing with them."""
    parser.addoption("--update-goldens", action="store_true", help="write goldens anew instead of comparing")


@pytest.fixture(scope="session")
def phantom_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered phantoms, once for all tests that train."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def cxr_data() -> Path:
    """The folder of real images: ``CXR_DATA``, else ``../shared/data``. Absent: a named skip, and a failure in CI."""
    folder = Path(os.environ.get("CXR_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        reason = f"the real images (CXR_DATA, default ../shared/data) are not at {folder}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
