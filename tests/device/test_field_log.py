"""Field logs are read exactly, or refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cxredge.cli.field import field
from cxredge.device.field_log import read_field_log
from cxredge.errors import InputError

ROOT = Path(__file__).parents[2]
LOG: dict[str, Any] = {
    "field_log": 1,
    "bundle": {
        "id": "phantom-1.0.0-0123456789ab",
        "name": "phantom",
        "version": "1.0.0",
        "kind": "android",
        "artifact": "executorch/w8a8",
        "artifact_sha256": "0" * 64,
        "signed_by": "ab" * 32,
        "development_key": True,
    },
    "app": {"version": "0.1.0", "runtime": "executorch 1.4.1"},
    "device": {
        "manufacturer": "Example",
        "model": "One",
        "android": "15",
        "api": 35,
        "abi": "arm64-v8a",
        "cores": 8,
        "memory_mb": 7600,
    },
    "self_test": {
        "passed": True,
        "seconds": 1.5,
        "stages": [
            {"stage": stage, "passed": True, "checks": 4, "worst": 0, "allowed": 1.0, "detail": ""}
            for stage in ("preprocessing", "runtime", "decision")
        ],
    },
    "benchmark": {
        "threads": 2,
        "load_ms": 12.5,
        "first_ms": 20.25,
        "runs": 50,
        "p50_ms": 8.125,
        "p90_ms": 9.5,
        "thermal_before": "none",
        "thermal_after": "light",
    },
    "written": "2026-11-21",
}


def write(folder: Path, log: object, name: str = "log.json") -> Path:
    (folder / name).write_text(json.dumps(log))
    return folder / name


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    log = copy.deepcopy(LOG)
    change(log)
    return log


def test_a_log_round_trips_and_fits_the_published_schema(tmp_path: Path) -> None:
    import jsonschema

    schema = json.loads((ROOT / "docs" / "schemas" / "field-log.schema.json").read_text())
    for log in (LOG, changed(lambda t: t.update(benchmark=None))):
        jsonschema.validate(log, schema)
        assert read_field_log(write(tmp_path, log)).model_dump(mode="json") == log


BAD: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a patient": (lambda t: t.update(patient="x"), "FIELD-SCHEMA"),
    "a serial number": (lambda t: t["device"].update(serial="x"), "FIELD-SCHEMA"),
    "a later version": (lambda t: t.update(field_log=2), "FIELD-VERSION"),
    "no version": (lambda t: t.pop("field_log"), "FIELD-VERSION"),
    "no self-test": (lambda t: t.pop("self_test"), "FIELD-SCHEMA"),
    "no stages": (lambda t: t["self_test"].update(stages=[]), "FIELD-SCHEMA"),
    "a stage twice": (lambda t: t["self_test"]["stages"][0].update(stage="runtime"), "FIELD-SCHEMA"),
    "a lie": (lambda t: t["self_test"]["stages"][0].update(passed=False), "FIELD-SCHEMA"),
    "text for a number": (lambda t: t["device"].update(api="35"), "FIELD-SCHEMA"),
    "negative time": (lambda t: t["benchmark"].update(p50_ms=-1), "FIELD-SCHEMA"),
    "long text": (lambda t: t["device"].update(model="x" * 81), "FIELD-SCHEMA"),
    "control characters": (lambda t: t["device"].update(model="\x1b[2J"), "FIELD-SCHEMA"),
    "no day": (lambda t: t.update(written="yesterday"), "FIELD-SCHEMA"),
    "a number for a day": (lambda t: t.update(written=20261121), "FIELD-SCHEMA"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_logs_are_refused(what: str, tmp_path: Path) -> None:
    change, code = BAD[what]
    with pytest.raises(InputError) as caught:
        read_field_log(write(tmp_path, changed(change)))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"[" * 100_000, b'{"field_log": 1, "field_log": 1}', b'{"a": NaN}', b" " * 1_000_001]
)
def test_what_is_no_json_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.json").write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_field_log(tmp_path / "log.json")
    assert caught.value.code == "FIELD-SYNTAX"


def test_the_summary_shows_failures_and_goes_on_after_a_bad_log(tmp_path: Path) -> None:
    good = write(tmp_path, LOG, "good.json")
    done = CliRunner().invoke(field, [str(good)], standalone_mode=False)
    assert done.return_value == 0
    assert "Example One" in done.output
    assert "DEVELOPMENT" in done.output

    def fail(log: dict[str, Any]) -> None:
        log["self_test"]["passed"] = False
        log["self_test"]["stages"][1] |= {"passed": False, "worst": None, "detail": "logits of ramp: NaN"}

    failed = write(tmp_path, changed(fail), "failed.json")
    done = CliRunner().invoke(field, [str(failed)], standalone_mode=False)
    assert done.return_value == 1
    assert "FAILED: runtime: logits of ramp: NaN" in done.output
    done = CliRunner().invoke(field, [str(tmp_path / "nothing"), str(good)], standalone_mode=False)
    assert done.return_value == 2
    assert "FIELD-MISSING" in done.output
    assert "Example One" in done.output
