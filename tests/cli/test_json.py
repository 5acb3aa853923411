"""``--json`` of every command that answers: one option, and one table of what each prints."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cxredge.cli.main import cli
from support.command import ROOT
from support.commands import every_command
from support.field_logs import LOG

V2 = ROOT / "tests" / "bundle" / "fixtures" / "v2"
NO_ANSWER = {"schema", "vectors"}
"""They write files for programs, and have nothing else to say."""
PAGE = (ROOT / "docs" / "json.md").read_text()


def test_every_command_that_answers_has_it_and_the_page_says_what_it_prints() -> None:
    for name, command in every_command().items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert ("--json" in options) == (name not in NO_ANSWER), name
    listed = re.findall(r"^\| `([a-z -]+)` \|", PAGE, re.M)
    assert sorted(listed) == sorted(every_command().keys() - NO_ANSWER)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a bundle, a field log and a data set of phantoms."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    shutil.copytree(V2 / "bundle", tmp_path / "bundle")
    (tmp_path / "log.json").write_text(json.dumps(LOG))
    answered("phantom", "data/films", "--patients", "5")
    return tmp_path


def answered(*arguments: str) -> Any:
    done = CliRunner().invoke(cli, [*arguments, "--json"], standalone_mode=False)
    assert done.exception is None, done.output
    return json.loads(done.stdout)


def fields(found: Any) -> set[str]:
    return set(found)


def first(found: Any) -> set[str]:
    return set(found[0])


BUNDLE = "bundle"
CASES: dict[str, tuple[list[list[str]], Callable[[Any], set[str]], set[str]]] = {
    "phantom": ([["phantom", "more", "--patients", "3"]], fields, {"folder", "films", "patients"}),
    "keygen": ([["keygen", "k"]], fields, {"private", "public", "fingerprint", "development"}),
    "sign": ([["keygen", "k"], ["sign", BUNDLE, "--key", "k.key"]], fields, {"bundle", "fingerprint", "development"}),
    "verify-signature": (
        [["keygen", "k"], ["sign", BUNDLE, "--key", "k.key"], ["verify-signature", BUNDLE, "--pub", "k.pub"]],
        fields,
        {"bundle", "version", "key", "fingerprint", "development"},
    ),
    "init": (
        [["init", "films", "--name", "mine"]],
        fields,
        {"recipe", "labels", "left_out", "splits", "calibration"},
    ),
    "plan": ([["init", "films", "--name", "mine"], ["plan", "model_zoo/mine"]], fields, {"steps", "left_out"}),
    "inspect": (
        [["inspect", f"{BUNDLE}/artifacts/tflite/w8a8.tflite"]],
        fields,
        {"file", "format", "bytes", "sha256", "inputs", "outputs", "census", "operations"},
    ),
    "predict": (
        [["predict", BUNDLE, f"{BUNDLE}/selftest/phantom-0.png"]],
        first,
        {"film", "film_sha256", "bundle", "artifact", "findings", "decision", "novelty"},
    ),
    "data check": (
        [["data", "check", "films"]],
        fields,
        {"folder", "rows", "patients", "read", "labels", "splits", "patient_leaks", "pairs", "unreadable", "missing"}
        | {"not_listed", "shortcuts", "bounds"},
    ),
    "zoo": (
        [["zoo", str(ROOT / "model_zoo")]],
        first,
        {"name", "data", "films", "student", "teacher", "test_auc", "int8", "parity", "ships", "paper"},
    ),
    "field": ([["field", "log.json"]], first, {"path", "log", "error"}),
}


@pytest.mark.parametrize("command", sorted(CASES))
def test_what_it_prints_is_the_record_and_nothing_else(command: str, place: Path) -> None:
    lines, keys, wanted = CASES[command]
    *before, last = lines
    for line in before:
        answered(*line)
    found = keys(answered(*last))
    assert wanted <= found
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{command}` |"))
    assert all(f"`{key}`" in row for key in wanted), "docs/json.md names them"
