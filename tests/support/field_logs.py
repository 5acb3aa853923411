"""Field logs as an app writes them, to change and to break."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Log = dict[str, Any]
Change = Callable[[Log], object]

LOG: Log = {
    "field_log": 2,
    "written": "2026-11-26",
    "study": "thorax-1",
    "app": {"name": "cxr-edge-android", "version": "0.1.0"},
    "system": {"name": "android", "version": "15", "api": 35},
    "device": {
        "manufacturer": "Example",
        "model": "One",
        "soc": "Chip 3",
        "abi": "arm64-v8a",
        "cpu_features": ["asimd", "asimddp", "i8mm"],
        "cores": 8,
        "memory_mb": 7600,
    },
    "bundle": {
        "id": "phantom-1.0.0-0123456789ab",
        "name": "phantom",
        "version": "1.0.0",
        "kind": "android",
        "signed_by": "ab" * 32,
        "development_key": True,
    },
    "artifact": {"name": "tflite/w8a8", "sha256": "0" * 64, "runtime": "litert 2.1.6"},
    "self_test": {
        "passed": True,
        "seconds": 1.5,
        "stages": [
            {"stage": stage, "passed": True, "checks": 4, "worst": worst, "allowed": allowed, "detail": ""}
            for stage, worst, allowed in (("preprocessing", 0, 0), ("runtime", 0.25, 1.0), ("decision", 0.0, 0))
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
    "refusals": [{"during": "film", "code": "IMG-COLOUR", "reason": ""}],
    "crashes": [],
}
"""All was well, but for one film."""

CRASH = {
    "kind": "exception",
    "on": "2026-11-25",
    "what": "java.lang.IllegalStateException",
    "at": ["org.cxredge.core.model.Classifier.run:41"],
}


def changed(change: Change) -> Log:
    log = copy.deepcopy(LOG)
    change(log)
    return log


def refuse(log: Log) -> None:
    """The bundle was refused at the start."""
    log.update(study=None, bundle=None, artifact=None, self_test=None, benchmark=None)
    log.update(refusals=[{"during": "start", "code": "BUNDLE-MISSING", "reason": "no model is in the app"}])


def fail(log: Log) -> None:
    """The runtime's stage of the self-test failed."""
    log["self_test"]["passed"] = False
    log["self_test"]["stages"][1] |= {"passed": False, "worst": None, "detail": "logits of ramp: NaN"}
    log.update(benchmark=None, refusals=[])


def crash(log: Log) -> None:
    """The app crashed twice in the same way, and before that for lack of memory; then all was well."""
    log["crashes"] = [CRASH | {"kind": "memory", "what": "unknown", "at": []}, dict(CRASH), dict(CRASH)]


def on_ios(log: Log) -> None:
    """The same from an iPhone."""
    log["app"]["name"] = "cxr-edge-ios"
    log["system"] = {"name": "ios", "version": "19.1", "api": None}
    log["bundle"]["kind"] = "ios"
    log["artifact"] |= {"name": "coreml/fp16", "runtime": "Core ML"}
    log["device"] |= {"soc": None, "abi": "arm64", "cpu_features": []}


def write(folder: Path, log: object, name: str = "log.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(log))
    return folder / name
