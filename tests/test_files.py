"""Files are whole or absent."""

from __future__ import annotations

import errno
import json
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


def test_walk_is_sorted_without_what_is_hidden_and_without_links_to_folders(tmp_path: Path) -> None:
    top = tmp_path / ".top"
    for name in ("b", "a/2", "a/1", ".hidden", ".git/x", "a/.b/y"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    (top / "back").symlink_to(top)
    (top / "lost").symlink_to(top / "nothing")
    (top / "c").symlink_to(top / "b")
    os.mkfifo(top / "pipe")
    assert files.walk(top, 11) == [(top / name, None) for name in ("a/1", "a/2", "b", "c")]
    with pytest.raises(files.TooManyFiles):
        files.walk(top, 10)


def test_walk_tells_of_a_folder_that_it_cannot_search(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert files.walk(tmp_path, 1) == [(tmp_path / "file", None)]
    ((path, error),) = files.walk(tmp_path / "none", 1)
    assert path == tmp_path / "none"
    assert error is not None
    assert error.errno == errno.ENOENT


def test_terminal_json_is_what_json_reads_back_and_a_terminal_does_not_obey() -> None:
    words = "\x00\x1b\x7f\x85\x9b\u2028\u202e\udcff\ud83d é 😀"
    text = files.terminal_json([{"b": words, "a": 1}])
    assert all(c == "\n" or " " <= c <= "~" for c in text)
    assert json.loads(text) == [{"a": 1, "b": words}]
    assert text.endswith("]\n")
