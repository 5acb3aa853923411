"""The log that the Android core's tests wrote is one that the host reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

LOG = Path(__file__).resolve().parents[2] / "android-app" / "core" / "target" / "field-log.json"


def test_the_host_reads_the_apps_field_log() -> None:
    from cxredge.device.field_log import read_field_log

    if not LOG.is_file():
        reason = "there is no field log of the Android core: run its tests with Maven first"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    log = read_field_log(LOG)
    assert log.self_test.passed
    assert log.bundle.development_key
    assert log.benchmark is not None
    assert log.benchmark.p50_ms <= log.benchmark.p90_ms
