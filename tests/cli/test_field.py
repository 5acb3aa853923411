"""``cxredge field``: every log that an app can write, in a table or as JSON, and nothing that harms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cxredge.cli.field import field
from cxredge.device import log_files
from support.deep_folder import deepen
from support.field_logs import CRASH, LOG, Change, changed, crash, fail, on_ios, refuse, write


def run(*arguments: str | Path, columns: int = 200) -> Result:
    done = CliRunner().invoke(
        field, [str(a) for a in arguments], standalone_mode=False, env={"COLUMNS": str(columns), "LINES": "24"}
    )
    assert done.exception is None, done.exception
    return done


def records(*arguments: str | Path) -> tuple[list[Any], int]:
    done = run("--json", *arguments)
    assert done.stderr == ""
    return json.loads(done.stdout), done.return_value


OUTCOMES: dict[str, tuple[Change, int, list[str]]] = {
    "passed": (lambda t: t.update(refusals=[]), 0, ["passed"]),
    "a film refused": (lambda t: None, 0, ["passed", "REFUSED: IMG-COLOUR (film)"]),
    "films refused": (
        lambda t: t.update(refusals=t["refusals"] * 3),
        0,
        ["passed", "REFUSED: IMG-COLOUR (film), 3 times"],
    ),
    "failed": (fail, 1, ["FAILED: runtime: logits of ramp: NaN"]),
    "refused": (refuse, 1, ["REFUSED: BUNDLE-MISSING"]),
    "crashed": (crash, 1, ["passed", "CRASHED: unknown", "CRASHED: java.lang.IllegalStateException, 2 times"]),
    "a crash alone": (lambda t: (refuse(t), t.update(refusals=[], crashes=[CRASH])), 1, ["CRASHED: java.lang"]),
    "the benchmark refused": (
        lambda t: t.update(refusals=[{"during": "benchmark", "code": "RUNTIME-RUN", "reason": "x"}]),
        0,
        ["passed", "REFUSED: RUNTIME-RUN (benchmark)"],
    ),
    "an iPhone": (on_ios, 0, ["Example One, ios 19.1", "coreml/fp16, Core ML", "passed"]),
}


@pytest.mark.parametrize("what", OUTCOMES)
def test_the_table_says_what_became_of_it(what: str, tmp_path: Path) -> None:
    change, status, words = OUTCOMES[what]
    done = run(write(tmp_path, changed(change)), columns=400)
    assert done.return_value == status
    assert done.stderr == ""
    for word in words:
        assert word in done.stdout
    assert ("passed" in done.stdout) == ("passed" in words)


def test_the_table_says_whose_log_it_is(tmp_path: Path) -> None:
    words = run(write(tmp_path, LOG), columns=300).stdout.split("\n")
    assert words[0].split() == ["log", "device", "bundle", "and", "artifact", "benchmark", "outcome"]
    assert "Example One, android 15" in words[2]
    assert "phantom-1.0.0-0123456789ab, tflite/w8a8, litert 2.1.6, key DEVELOPMENT" in words[2]
    assert "load 12.5, p50 8.125, p90 9.5 ms, 2 threads" in words[2]
    assert words[3].strip().split() == ["2026-11-26", "REFUSED:", "IMG-COLOUR", "(film)"]
    released = run(write(tmp_path, changed(lambda t: t["bundle"].update(development_key=False))), columns=300)
    assert f"key {'ab' * 6} " in released.stdout


def test_a_bad_log_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    bad = write(tmp_path, changed(lambda t: t.update(field_log=1)), "bad.json")
    done = run(bad, tmp_path / "none", write(tmp_path, changed(fail), "failed.json"), write(tmp_path, LOG, "good.json"))
    assert done.return_value == 2
    assert done.stderr.count("error [") == 2
    assert "error [FIELD-VERSION]" in done.stderr
    assert "fix: export it again with the current app" in done.stderr
    assert "error [FIELD-MISSING]" in done.stderr
    assert done.stdout.count("Example One") == 2


def test_json_has_every_log_or_its_error(tmp_path: Path) -> None:
    good, failed = write(tmp_path, LOG, "a.json"), write(tmp_path, changed(fail), "b.json")
    bad = write(tmp_path, {}, "c.json")
    found, status = records(tmp_path)
    assert status == 2
    assert [r["path"] for r in found] == [str(good), str(failed), str(bad)]
    assert [set(r) for r in found] == [{"path", "log", "error"}] * 3
    assert [r["log"] for r in found] == [LOG, changed(fail), None]
    assert [r["error"] is None for r in found] == [True, True, False]
    assert set(found[2]["error"]) == {"code", "cause", "fix"}
    assert found[2]["error"]["code"] == "FIELD-VERSION"
    assert records(good)[1] == 0
    assert records(failed)[1] == 1


def test_folders_are_searched_in_order_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b.json", "a/2.json", "a/1.json", ".hidden", ".git/x.json", "a/.b/y.json", "c/deep/er/z"):
        write((tmp_path / name).parent, LOG, Path(name).name)
    (tmp_path / "empty").mkdir()
    found, status = records(tmp_path)
    assert status == 0
    assert [r["path"] for r in found] == [str(tmp_path / n) for n in ("a/1.json", "a/2.json", "b.json", "c/deep/er/z")]
    again, _ = records(tmp_path / "b.json", tmp_path / "a")
    assert [r["path"] for r in again] == [str(tmp_path / n) for n in ("b.json", "a/1.json", "a/2.json")]


def test_an_empty_folder_is_an_error_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "empty" / "er").mkdir(parents=True)
    write(tmp_path / "empty", LOG, ".hidden")
    found, status = records(tmp_path / "empty", write(tmp_path, LOG))
    assert status == 2
    assert found[0]["error"]["code"] == "FIELD-EMPTY"
    assert found[1]["log"] == LOG


def loops(folder: Path) -> None:
    (folder / "back").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "lost").symlink_to(folder / "nothing")


HARM: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "links that lead back": (loops, set()),
    "a pipe": (lambda folder: os.mkfifo(folder / "pipe"), set()),
    "a name that is no text": (lambda folder: (folder / "\udcff\x1b[2J").touch(), {"FIELD-SYNTAX"}),
    "a name that a terminal obeys": (lambda folder: write(folder, LOG, "\x1b[2J\x9b2J\u202eb\x7f\n"), set()),
    "another kind of file": (lambda folder: (folder / "film.png").write_bytes(os.urandom(5_000)), {"FIELD-SYNTAX"}),
    "a deep folder": (deepen, {"FIELD-MISSING"}),
    "many files": (lambda folder: [(folder / f"{i}").touch() for i in range(60)], {"FIELD-MANY"}),
}


@pytest.mark.parametrize("what", HARM)
def test_nothing_in_a_folder_harms(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, codes = HARM[what]
    if what == "many files":
        monkeypatch.setattr(log_files, "MAX_FILES", 50)
    write(tmp_path / "logs", LOG)
    make(tmp_path / "logs")
    found, status = records(tmp_path / "logs")
    assert status == (2 if codes else 0)
    assert {r["error"]["code"] for r in found if r["error"]} == codes
    assert [r["log"] for r in found if r["log"]][:1] == ([] if what == "many files" else [LOG])
    for arguments in ([], ["--json"]):
        done = run(*arguments, tmp_path / "logs")
        assert done.return_value == status
        assert all(c.isprintable() or c == "\n" for c in done.output)
    if what == "a deep folder":
        subprocess.run(["rm", "-rf", tmp_path / "logs"], check=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user may search: pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_what_may_not_be_read_is_told_and_the_others_go_on(open_folder: Path) -> None:
    write(open_folder, LOG, "a.json")
    write(open_folder, LOG, "b.json").chmod(0)
    (open_folder / "c").mkdir(mode=0)
    assert run(open_folder / "a.json").return_value == 0  # loads what another user might not
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)  # root may read everything
    try:
        found, status = records(open_folder)
    finally:
        if root:
            os.seteuid(0)
    assert status == 2
    assert [r["log"] for r in found] == [LOG, None, None]
    assert [r["error"]["code"] for r in found[1:]] == ["FIELD-MISSING"] * 2
    assert "b.json cannot be read: Permission denied" in found[1]["error"]["cause"]
    assert "c cannot be searched: Permission denied" in found[2]["error"]["cause"]


@pytest.mark.parametrize("columns", [80, 100, 132])
def test_the_table_fits_the_terminal(columns: int, tmp_path: Path) -> None:
    def longest(log: dict[str, Any]) -> None:
        fail(log)
        log["self_test"]["stages"][1]["detail"] = "wrong " * 83
        log["device"] |= {"manufacturer": "m" * 80, "model": "o" * 80}
        log["artifact"]["runtime"] = "r" * 80
        log["crashes"] = [CRASH | {"what": "org.cxredge." + "x" * 60}]

    for i, change in enumerate([longest, refuse, crash, on_ios]):
        write(tmp_path / ("folder" * 20), changed(change), f"{i}.json")
    done = run(tmp_path, columns=columns)
    assert max(map(len, done.stdout.split("\n"))) <= columns
    assert "FAILED:" in done.stdout
    assert done.stdout.replace("\n", "").replace(" ", "").count("BUNDLE-MISSING") == 1


def test_hostile_words_do_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    def hostile(log: dict[str, Any]) -> None:
        log["device"] |= {"manufacturer": "\u202eevil\u2066", "model": "a\u2028b"}
        log["artifact"]["runtime"] = "\u200b"
        log["crashes"] = [CRASH | {"what": "\u202d"}]

    path = write(tmp_path, changed(hostile))
    for arguments in ([], ["--json"]):
        done = run(*arguments, path)
        assert done.return_value == 1
        assert all(c.isprintable() or c == "\n" for c in done.output)
        assert "\\u202e" in done.stdout
    assert records(path)[0][0]["log"] == changed(hostile)


def test_the_command_works_as_it_is_called(tmp_path: Path) -> None:
    """With a pipe for a terminal and in a locale without UTF-8: no traceback, and the status of the worst log."""
    write(tmp_path, changed(fail), "\udcff.json")
    write(tmp_path, [1], "b.json")
    for locale in ("C", "C.UTF-8"):
        for arguments in ([], ["--json"]):
            done = subprocess.run(
                [sys.executable, "-c", "from cxredge.cli.main import main; main()", "field", *arguments, tmp_path],
                env={**os.environ, "LC_ALL": locale},
                capture_output=True,
                check=False,
            )
            assert done.returncode == 2
            assert b"FAILED" in done.stdout or b'"passed": false' in done.stdout
            assert b"FIELD-VERSION" in done.stdout + done.stderr
            assert b"Traceback" not in done.stderr
