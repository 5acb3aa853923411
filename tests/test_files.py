"""Files are whole or absent."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cxredge import files
from cxredge.errors import EnvironmentProblem


def test_write_bytes_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    goal = tmp_path / "deep" / "file"
    files.write_bytes(goal, b"one")
    files.write_bytes(goal, b"two")
    assert goal.read_bytes() == b"two"
    assert list(goal.parent.iterdir()) == [goal]


def test_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goal = tmp_path / "file"
    files.write_bytes(goal, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(EnvironmentProblem) as caught:
        files.write_bytes(goal, b"new")
    assert (caught.value.code, caught.value.exit_code) == ("DISK-FULL", 3)
    assert goal.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [goal]


def test_a_really_full_device_is_reported(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(EnvironmentProblem) as caught, files._disk_errors(tmp_path), open("/dev/full", "wb") as stream:
        stream.write(b"x")
        stream.flush()
    assert caught.value.code == "DISK-FULL"


def test_fresh_directory_swaps_whole(tmp_path: Path) -> None:
    goal = tmp_path / "bundle"
    for text in ("one", "two"):
        with files.fresh_directory(goal) as folder:
            (folder / "file").write_text(text)
    assert (goal / "file").read_text() == "two"
    assert list(tmp_path.iterdir()) == [goal]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_fresh_directory_leaves_the_last_good_one(tmp_path: Path, failure: type[BaseException]) -> None:
    goal = tmp_path / "bundle"
    with files.fresh_directory(goal) as folder:
        (folder / "file").write_text("good")
    with pytest.raises(failure), files.fresh_directory(goal) as folder:
        (folder / "file").write_text("half")
        raise failure
    assert (goal / "file").read_text() == "good"
    assert list(tmp_path.iterdir()) == [goal]


def test_canonical_json_is_canonical() -> None:
    assert files.canonical_json({"b": 1, "a": [1.5, "é"]}) == files.canonical_json({"a": [1.5, "é"], "b": 1})
    with pytest.raises(ValueError, match="JSON"):
        files.canonical_json(float("nan"))
