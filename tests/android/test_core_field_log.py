"""The logs that the Android core's tests wrote are ones that the host reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

LOG = Path(__file__).resolve().parents[2] / "android-app" / "core" / "target" / "field-log.json"


def test_the_host_reads_the_apps_field_log() -> None:
    from cxredge.device.log_files import read_field_log
    from cxredge.device.summary import outcomes

    if not LOG.is_file():
        reason = "there is no field log of the Android core: run its tests with Maven first"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    log = read_field_log(LOG)
    assert log.system.name == "android"
    assert log.self_test is not None
    assert log.self_test.passed
    assert outcomes(log)[0] == "passed"
    assert log.bundle is not None
    assert log.bundle.development_key
    assert log.artifact is not None
    assert log.benchmark is not None
    assert log.benchmark.p50_ms <= log.benchmark.p90_ms
