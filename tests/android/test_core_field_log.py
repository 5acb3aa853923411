"""Every log that the Android core's tests wrote is one that the host reads: whatever happened, and however strange."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cxredge.device.log_files import read_field_log
from cxredge.device.summary import outcomes

LOGS = Path(__file__).resolve().parents[2] / "android-app" / "core" / "target" / "field-logs"
WRITTEN = ("passed", "failed", "not-begun", "no-artifact", "refused", "crashed", "unset-clock")


@pytest.fixture(params=WRITTEN)
def path(request: pytest.FixtureRequest) -> Path:
    """One log."""
    if not LOGS.is_dir():
        reason = "there are no field logs of the Android core: run its tests with Maven first"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return LOGS / f"{request.param}.json"


def test_the_host_reads_every_log(path: Path) -> None:
    log = read_field_log(path)
    assert log.system.name == "android"
    assert outcomes(log)
    assert (log.self_test is not None) == (path.stem in ("passed", "failed", "unset-clock"))
    assert bool(log.crashes) == (path.stem in ("failed", "no-artifact", "crashed", "unset-clock"))
    assert bool(log.refusals) == (path.stem in ("failed", "not-begun", "refused"))
    assert "Jane" not in path.read_text("utf-8")
    if path.stem == "passed":
        assert log.self_test is not None
        assert log.self_test.passed
        assert log.bundle is not None
        assert log.bundle.development_key
        assert log.artifact is not None
        assert log.benchmark is not None


def test_no_log_is_left_out() -> None:
    if LOGS.is_dir():
        assert {path.stem for path in LOGS.iterdir()} == set(WRITTEN)
