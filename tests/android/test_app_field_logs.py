"""The host reads every log that the app's tests shared: one of each outcome that the app can have."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.command import ROOT, run

LOGS = ROOT / "android-app" / "app" / "target" / "field-logs"
OUTCOMES = {
    "passed", "passed-benchmark", "passed-classes", "passed-bare", "failed", "refused-manifest-version",
    "refused-bundle-missing", "refused-signature-missing", "refused-runtime", "refused-film", "crash-film",
    "crash-last-run", "crash-last-run-passed",
}  # fmt: skip


def test_field_reads_every_log_of_the_app() -> None:
    if not LOGS.is_dir():
        reason = "there are no field logs of the app: run its tests with Maven first"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = run("field", LOGS, "--json")
    records = {Path(record["path"]).stem: record for record in json.loads(done.out)}
    assert {name: record["error"] for name, record in records.items()} == dict.fromkeys(OUTCOMES)
    # a failed self-test, a refused bundle and a crash are among them
    assert done.status == 1, done.err
    logs = {name: record["log"] for name, record in records.items()}
    for name, log in logs.items():
        assert log["app"]["name"] == "cxr-edge-android", name
        assert log["system"]["name"] == "android", name
        assert log["device"]["cores"] >= 1, name
    for name in ("passed", "passed-benchmark", "passed-classes", "passed-bare", "crash-last-run-passed"):
        assert logs[name]["self_test"]["passed"], name
    assert not logs["failed"]["self_test"]["passed"]
    assert logs["passed-benchmark"]["benchmark"]["runs"] == 30
    codes = {name: [r["code"] for r in log["refusals"]] for name, log in logs.items() if log["refusals"]}
    assert codes == {
        "refused-manifest-version": ["MANIFEST-VERSION"],
        "refused-bundle-missing": ["BUNDLE-MISSING"],
        "refused-signature-missing": ["SIGNATURE-MISSING"],
        "refused-runtime": ["RUNTIME-NONE"],
        "refused-film": ["IMG-COLOUR", "IMG-TRUNCATED"],
    }
    assert {name for name, log in logs.items() if log["crashes"]} == {
        "crash-film", "crash-last-run", "crash-last-run-passed",
    }  # fmt: skip
