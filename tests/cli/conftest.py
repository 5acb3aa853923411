"""Real builds for the command line's tests: the default model once, and a tiny student for all that goes wrong."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from support.command import Run, run
from support.tiny_recipe import TINY, write_weights


@pytest.fixture(scope="session")
def cxredge() -> Run:
    """Run the installed command in the repository's root; keyword arguments are environment variables."""
    return run


@pytest.fixture(scope="session")
def built(cxredge: Run, shared: Path) -> Path:
    """The default model, built whole into a folder of its own (kept stages of an earlier build are used)."""
    out = shared / "dist"
    with (shared / "dist.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests' other process waits for the first one's build
        if not out.exists():
            done = cxredge("build", "model_zoo/phantom", "--out", out)
            assert done.status == 0, done.out + done.err
    (host,) = (p for p in out.iterdir() if not p.name.endswith(("-android", "-ios")))
    return host


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of one run of the tests have in common."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return tmp_path_factory.getbasetemp().parent
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def tiny_cache(shared: Path) -> Path:
    """Kept stages that the tiny recipes share, so that phantoms are drawn once."""
    return shared / "tiny-cache"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A recipe folder that a test may spoil."""
    folder = tmp_path / "zoo" / "tiny"
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(TINY.format(digest=write_weights(folder / "weights.safetensors")))
    return folder
