"""Field logs are read exactly, or refused."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest

from cxredge.device.log_files import read_field_log
from cxredge.errors import InputError
from support.field_logs import CRASH, LOG, Change, changed, crash, fail, on_ios, refuse, write
from support.json_values import at, places

ROOT = Path(__file__).parents[2]
GOOD: dict[str, Change] = {
    "all was well": lambda t: None,
    "refused at the start": refuse,
    "failed": fail,
    "crashed": crash,
    "an iPhone": on_ios,
    "a crash alone": lambda t: (refuse(t), t.update(refusals=[], crashes=[CRASH])),
    "a desk": lambda t: t.update(system={"name": "linux", "version": "6", "api": None}),
    "words of other scripts": lambda t: t["device"].update(manufacturer="小米", model="Ä 😀"),
    "at its bounds": lambda t: (
        t["device"].update(model="x" * 80, cpu_features=[f"f{i:03}" for i in range(128)]),
        t.update(refusals=[{"during": "benchmark", "code": "RUNTIME-RUN", "reason": "x" * 500}] * 32),
        t.update(crashes=[CRASH | {"at": ["x" * 80] * 8}] * 32),
    ),
    "an artifact that was not run": lambda t: t.update(self_test=None, benchmark=None, crashes=[CRASH]),
    "worst as far as allowed": lambda t: t["self_test"]["stages"][1].update(worst=1),
    "every stage failed": lambda t: (
        fail(t),
        [stage.update(passed=False, worst=7, detail="x") for stage in t["self_test"]["stages"]],
    ),
    "a crash of the same day": lambda t: t.update(crashes=[CRASH | {"on": t["written"]}]),
    "the greatest numbers": lambda t: (
        t["device"].update(cores=2**53, memory_mb=2**53),
        t["system"].update(api=2**53),
        t["benchmark"].update(threads=2**53, runs=2**53),
        t["self_test"]["stages"][0].update(checks=2**53),
    ),
    "ExecuTorch on Android": lambda t: t["artifact"].update(name="executorch/w8a8"),
    "ExecuTorch on an iPhone": lambda t: (on_ios(t), t["artifact"].update(name="executorch/fp16")),
    "a host's bundle on Android": lambda t: (t["bundle"].update(kind="host"), t["artifact"].update(name="onnx/w8a8")),
}


def code_of(folder: Path, log: object) -> str:
    with pytest.raises(InputError) as caught:
        read_field_log(write(folder, log))
    assert len(caught.value.cause) < 1000
    return caught.value.code


@pytest.mark.parametrize("what", GOOD)
def test_a_log_round_trips_and_fits_the_published_schema(what: str, tmp_path: Path) -> None:
    import jsonschema

    log = changed(GOOD[what])
    jsonschema.validate(log, json.loads((ROOT / "docs" / "schemas" / "field-log.schema.json").read_text()))
    assert read_field_log(write(tmp_path, log)).model_dump(mode="json") == log


SCHEMA: dict[str, Change] = {
    "a patient": lambda t: t.update(patient="x"),
    "a serial number": lambda t: t["device"].update(serial="x"),
    "a key of 11,000 characters": lambda t: t.update({"x" * 11_000: 1}),
    "a key with escapes": lambda t: t.update({"\x1b[2J": 1}),
    "no stages": lambda t: t["self_test"].update(stages=[]),
    "preprocessing alone": lambda t: t["self_test"].update(stages=t["self_test"]["stages"][:1]),
    "no decision": lambda t: t["self_test"]["stages"].pop(),
    "stages in another order": lambda t: t["self_test"]["stages"].reverse(),
    "four stages": lambda t: t["self_test"]["stages"].append(t["self_test"]["stages"][2]),
    "much is allowed": lambda t: t["self_test"]["stages"][0].update(worst=1e299, allowed=1e300),
    "a grey level is allowed": lambda t: t["self_test"]["stages"][0].update(allowed=1),
    "no tolerance is allowed": lambda t: t["self_test"]["stages"][1].update(allowed=0, worst=0),
    "a wrong decision is allowed": lambda t: t["self_test"]["stages"][2].update(allowed=1.0, worst=1.0),
    "better than nothing": lambda t: t["self_test"]["stages"][1].update(worst=-5),
    "memory of 401 digits": lambda t: t["device"].update(memory_mb=10**400),
    "a core too many": lambda t: t["device"].update(cores=2**53 + 1),
    "a level too many": lambda t: t["system"].update(api=2**53 + 1),
    "a thread too many": lambda t: t["benchmark"].update(threads=2**53 + 1),
    "a run too many": lambda t: t["benchmark"].update(runs=2**53 + 1),
    "a check too many": lambda t: t["self_test"]["stages"][0].update(checks=2**53 + 1),
    "a stage twice": lambda t: t["self_test"]["stages"][0].update(stage="runtime"),
    "an unknown stage": lambda t: t["self_test"]["stages"][0].update(stage="x"),
    "text for a number": lambda t: t["system"].update(api="35"),
    "a float for a whole number": lambda t: t["system"].update(api=35.0),
    "a truth value for a number": lambda t: t["device"].update(cores=True),
    "a number for a truth value": lambda t: t["bundle"].update(development_key=1),
    "a number for text": lambda t: t["app"].update(version=1),
    "a list for a hash": lambda t: t["artifact"].update(sha256=["0" * 64]),
    "a hash in capitals": lambda t: t["artifact"].update(sha256="A" * 64),
    "a name of 11,000 characters": lambda t: t["artifact"].update(name="a" * 11_000 + "/b"),
    "no target": lambda t: t["artifact"].update(name="w8a8"),
    "negative time": lambda t: t["benchmark"].update(p50_ms=-1),
    "a number that is none": lambda t: t["self_test"]["stages"][0].update(worst=10**400),
    "a long word": lambda t: t["device"].update(model="x" * 81),
    "an empty word": lambda t: t["device"].update(model=""),
    "a long sentence": lambda t: t["self_test"]["stages"][0].update(detail="x" * 501),
    "an escape": lambda t: t["device"].update(model="\x1b[2J"),
    "an escape of one character": lambda t: t["device"].update(model="\x9b2J"),
    "a line of its own": lambda t: t["device"].update(model="One\n"),
    "features out of order": lambda t: t["device"].update(cpu_features=["b", "a"]),
    "a feature twice": lambda t: t["device"].update(cpu_features=["a", "a"]),
    "a feature in capitals": lambda t: t["device"].update(cpu_features=["A"]),
    "129 features": lambda t: t["device"].update(cpu_features=[f"f{i:03}" for i in range(129)]),
    "no day": lambda t: t.update(written="yesterday"),
    "no day of the calendar": lambda t: t.update(written="2026-02-30"),
    "a number for a day": lambda t: t.update(written=20261126),
    "seconds for a day": lambda t: t.update(written="1700006400"),
    "a time": lambda t: t.update(written="2026-11-26T10:00:00"),
    "a study in capitals": lambda t: t.update(study="Thorax"),
    "a refusal of nothing": lambda t: t["refusals"][0].update(during="lunch"),
    "a code in small letters": lambda t: t["refusals"][0].update(code="img-colour"),
    "33 refusals": lambda t: t.update(refusals=t["refusals"] * 33),
    "33 crashes": lambda t: t.update(crashes=[CRASH] * 33),
    "nine places of a crash": lambda t: t.update(crashes=[CRASH | {"at": ["x"] * 9}]),
    "a message of a crash": lambda t: t.update(crashes=[CRASH | {"message": "x"}]),
    "refusals that are none": lambda t: t.update(refusals=None),
}


@pytest.mark.parametrize("what", SCHEMA)
def test_what_the_schema_does_not_know_is_refused(what: str, tmp_path: Path) -> None:
    assert code_of(tmp_path, changed(SCHEMA[what])) == "FIELD-SCHEMA"


def test_every_key_must_be_there(tmp_path: Path) -> None:
    keys = [place for place in places(changed(crash)) if isinstance(place[-1], str) and place != ("field_log",)]
    assert ("self_test", "stages", 2, "worst") in keys
    for *part, key in keys:
        log = changed(crash)
        del at(log, part)[key]
        assert code_of(tmp_path, log) == "FIELD-SCHEMA"


CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "no bundle": (lambda t: t.update(bundle=None), "artifact is tflite/w8a8, and bundle is null"),
    "no artifact": (lambda t: t.update(artifact=None), "self_test is there, and artifact is null"),
    "a benchmark alone": (
        lambda t: t.update(self_test=None),
        "benchmark is there, and self_test is null",
    ),
    "a benchmark of what failed": (
        lambda t: (bench := t["benchmark"], fail(t), t.update(benchmark=bench)),
        "benchmark is there, and self_test is not passed",
    ),
    "passed, and a stage failed": (
        lambda t: t["self_test"]["stages"][2].update(passed=False, detail="x"),
        "self_test.passed is true, and the stage decision failed",
    ),
    "failed, and all passed": (
        lambda t: (t["self_test"].update(passed=False), t.update(benchmark=None)),
        "self_test.passed is false, and every stage passed",
    ),
    "worse than allowed": (
        lambda t: t["self_test"]["stages"][1].update(worst=50),
        "the stage runtime passed, and worst is 50, above allowed, which is 1",
    ),
    "no worst": (
        lambda t: t["self_test"]["stages"][1].update(worst=None),
        "the stage runtime passed, and worst is null",
    ),
    "nothing was checked": (
        lambda t: t["self_test"]["stages"][1].update(checks=0),
        "the stage runtime passed, and checks is 0",
    ),
    "passed, with a failure": (
        lambda t: t["self_test"]["stages"][1].update(detail="x"),
        "the stage runtime passed, and its detail tells of a failure",
    ),
    "failed, without one": (
        lambda t: (fail(t), t["self_test"]["stages"][1].update(detail="")),
        "the stage runtime failed, and its detail is empty",
    ),
    "an id of another name": (
        lambda t: t["bundle"].update(name="other"),
        "bundle.id is phantom-1.0.0-0123456789ab, and name and version are other and 1.0.0",
    ),
    "an id of another version": (
        lambda t: t["bundle"].update(version="1.0.1"),
        "bundle.id is phantom-1.0.0-0123456789ab, and name and version are phantom and 1.0.1",
    ),
    "an iPhone's bundle on Android": (
        lambda t: t["bundle"].update(kind="ios"),
        "bundle.kind is ios, and system.name is android",
    ),
    "Android's bundle on an iPhone": (
        lambda t: (on_ios(t), t["bundle"].update(kind="android")),
        "bundle.kind is android, and system.name is ios",
    ),
    "an API level of an iPhone": (
        lambda t: (on_ios(t), t["system"].update(api=35)),
        "system.name is ios, and system.api is 35, which only android has",
    ),
    "Android without one": (lambda t: t["system"].update(api=None), "system.name is android, and system.api is null"),
    "an iPhone's artifact on Android": (
        lambda t: t["artifact"].update(name="coreml/fp16"),
        "artifact is coreml/fp16, and bundle.kind is android, whose app runs executorch and tflite",
    ),
    "Android's artifact on an iPhone": (
        lambda t: (on_ios(t), t["artifact"].update(name="tflite/w8a8")),
        "artifact is tflite/w8a8, and bundle.kind is ios, whose app runs coreml and executorch",
    ),
    "a crash to come": (
        lambda t: t.update(crashes=[CRASH, CRASH | {"on": "2026-11-27"}]),
        "crashes.1 is of 2026-11-27, and the log was written on 2026-11-26, which is earlier",
    ),
    "percentiles": (
        lambda t: t["benchmark"].update(p50_ms=9.75),
        "benchmark.p50_ms is 9.75, and p90_ms is 9.5, which is less",
    ),
    "a film's reason": (
        lambda t: t["refusals"][0].update(reason="Doe^Jane"),
        "refusals.0 is of a film, and has a reason, which might quote the film",
    ),
    "nothing": (
        lambda t: (refuse(t), t.update(refusals=[])),
        "self_test is null, and there is no refusal and no crash: the log says nothing",
    ),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_log_that_contradicts_itself_is_refused_with_both_sides(what: str, tmp_path: Path) -> None:
    change, sentence = CONTRADICTIONS[what]
    path = write(tmp_path, changed(change))
    with pytest.raises(InputError) as caught:
        read_field_log(path)
    assert caught.value.code == "FIELD-CONTRADICTION"
    assert caught.value.cause == f"{path}: {sentence}"


@pytest.mark.parametrize(
    ("version", "fix"),
    [
        (1, "export it again with the current app"),
        (0, "export it again with the current app"),
        (None, "export it again with the current app"),
        (2.0, "export it again with the current app"),
        (True, "export it again with the current app"),
        ("2", "export it again with the current app"),
        ("x" * 11_000, "export it again with the current app"),
        (3, "use a newer cxredge"),
        (10**999, "use a newer cxredge"),
    ],
)
def test_other_versions_are_refused(version: object, fix: str, tmp_path: Path) -> None:
    path = write(tmp_path, changed(lambda t: t.update(field_log=version)))
    with pytest.raises(InputError) as caught:
        read_field_log(path)
    assert (caught.value.code, caught.value.fix) == ("FIELD-VERSION", fix)
    assert len(caught.value.cause) < len(str(path)) + 300


@pytest.mark.parametrize("tree", [{}, [], [2], "x", 2, None, {"app": "0.1.0", "refused": "BUNDLE-MISSING"}])
def test_json_that_is_no_log_has_no_version(tree: object, tmp_path: Path) -> None:
    assert code_of(tmp_path, tree) == "FIELD-VERSION"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"field_log": 2, "field_log": 2}',
        b'{"%s": 1, "%s": 1}' % (b"x" * 11_000, b"x" * 11_000),
        b'{"a": NaN}',
        b'{"field_log": 1%s}' % (b"0" * 4_000),
        b" " * 1_000_001,
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_no_json_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.json").write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_field_log(tmp_path / "log.json")
    assert caught.value.code == "FIELD-SYNTAX"
    assert len(caught.value.cause) < len(str(tmp_path)) + 400


def test_a_key_twice_is_refused_wherever_it_is(tmp_path: Path) -> None:
    text = json.dumps(LOG)
    for key in ("cores", "passed", "signed_by", "reason", "benchmark"):
        twice = text.replace(f'"{key}": ', f'"{key}": null, "{key}": ', 1)
        (tmp_path / "log.json").write_text(twice)
        with pytest.raises(InputError) as caught:
            read_field_log(tmp_path / "log.json")
        assert caught.value.code == "FIELD-SYNTAX"


def test_what_is_no_readable_file_is_missing_and_nothing_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe", tmp_path / "loop", tmp_path / ("x" * 300)):
        with pytest.raises(InputError) as caught:
            read_field_log(path)
        assert caught.value.code == "FIELD-MISSING"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "log.json").open("wb") as stream:
        stream.truncate(2**40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="FIELD-SYNTAX"):
        read_field_log(tmp_path / "log.json")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
