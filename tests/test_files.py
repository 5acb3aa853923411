"""Files are whole or absent."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cxredge import files
from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.exchange import exchange
from cxredge.path_errors import reading, writing
from cxredge.scratch import sweep
from cxredge.trees import remove_tree


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


@pytest.mark.parametrize("links", [True, False], ids=["second names", "none"])
def test_a_new_file_takes_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    """Also where a file system has no second names for a file."""

    def link(*arguments: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr(os, "link", link)
    (tmp_path / "link").symlink_to("nothing")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    for name in ("link", "folder", "file"):
        assert not files.write_new(tmp_path / name, b"x")
    assert files.write_new(tmp_path / "new", b"x", 0o600)
    assert not files.write_new(tmp_path / "new", b"y")
    assert ((tmp_path / "new").read_bytes(), (tmp_path / "new").stat().st_mode & 0o777) == (b"x", 0o600)
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "link", "new"]
    with pytest.raises(InputError, match="PATH-WRITE"):
        files.write_new(tmp_path / "file" / "below", b"x")


def test_fresh_directory_swaps_whole(tmp_path: Path) -> None:
    goal = tmp_path / "bundle"
    for text in ("one", "two"):
        with files.fresh_directory(goal, files.anything) as folder:
            (folder / "file").write_text(text)
    assert (goal / "file").read_text() == "two"
    assert list(tmp_path.iterdir()) == [goal]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_fresh_directory_leaves_the_last_good_one(tmp_path: Path, failure: type[BaseException]) -> None:
    goal = tmp_path / "bundle"
    with files.fresh_directory(goal, files.anything) as folder:
        (folder / "file").write_text("good")
    with pytest.raises(failure), files.fresh_directory(goal, files.anything) as folder:
        (folder / "file").write_text("half")
        raise failure
    assert (goal / "file").read_text() == "good"
    assert list(tmp_path.iterdir()) == [goal]


def test_a_directory_of_ours_goes_whole_and_nothing_else_does(tmp_path: Path) -> None:
    goal = tmp_path / "goal"
    assert not files.remove_directory(goal, files.anything), "nothing is there"
    goal.write_text("a file")
    assert not files.remove_directory(goal, files.anything)
    goal.unlink()
    (tmp_path / "elsewhere").mkdir()
    goal.symlink_to(tmp_path / "elsewhere")
    assert not files.remove_directory(goal, files.anything), "what a link leads to is somebody's"
    goal.unlink()
    (goal / "deep").mkdir(parents=True)
    (goal / "deep" / "file").write_text("ours")
    assert not files.remove_directory(goal, lambda folder: "deep"), "something in it is not"
    assert (goal / "deep" / "file").read_text() == "ours"
    assert files.remove_directory(goal, files.anything)
    assert [p.name for p in tmp_path.iterdir()] == ["elsewhere"]


def test_canonical_json_is_canonical() -> None:
    assert files.canonical_json({"b": 1, "a": [1.5, "é"]}) == files.canonical_json({"a": [1.5, "é"], "b": 1})
    with pytest.raises(ValueError, match="JSON"):
        files.canonical_json(float("nan"))


def test_terminal_json_is_what_json_reads_back_and_a_terminal_does_not_obey() -> None:
    words = "\x00\x1b\x7f\x85\x9b\u2028\u202e\udcff\ud83d é 😀"
    text = files.terminal_json([{"b": words, "a": 1}])
    assert all(c == "\n" or " " <= c <= "~" for c in text)
    assert json.loads(text) == [{"a": 1, "b": words}]
    assert text.endswith("]\n")


def test_an_exchange_has_both_places_filled_at_every_moment(tmp_path: Path) -> None:
    """Folders, files, links and an empty folder alike."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    (tmp_path / "file").write_text("file")
    (tmp_path / "link").symlink_to("nowhere")
    if not exchange(tmp_path / "folder", tmp_path / "file"):
        pytest.skip("this system or file system exchanges nothing")
    assert (tmp_path / "folder").read_text() == "file"
    assert (tmp_path / "file" / "x").is_file()
    assert exchange(tmp_path / "link", tmp_path / "file")
    assert (tmp_path / "link" / "x").is_file()
    assert os.readlink(tmp_path / "file") == "nowhere"
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "link", tmp_path / "none")


@pytest.mark.parametrize("with_exchange", [True, False])
@pytest.mark.parametrize("there", ["nothing", "empty", "folder", "file", "link"])
def test_a_fresh_directory_takes_every_kind_of_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_exchange: bool, there: str
) -> None:
    """Also where the file system knows no exchange."""
    if not with_exchange:
        monkeypatch.setattr(files, "exchange", lambda one, two: False)
    place = tmp_path / "at"
    goal = place / "goal"
    place.mkdir()
    if there in ("empty", "folder"):
        goal.mkdir()
    if there == "folder":
        (goal / "old").touch()
    if there == "file":
        goal.touch()
    if there == "link":
        (tmp_path / "target").mkdir()
        (tmp_path / "target" / "mine").touch()
        goal.symlink_to(tmp_path / "target")
    with files.fresh_directory(goal, files.anything) as folder:
        (folder / "new").touch()
    assert [p.name for p in goal.iterdir()] == ["new"]
    assert list(place.iterdir()) == [goal]
    assert there != "link" or (tmp_path / "target" / "mine").is_file()


STOPPED = """
import os, signal, sys
from pathlib import Path
from cxredge import files
if sys.argv[2] == "renames":
    files.exchange = lambda one, two: False
goal, rename, renames = Path(sys.argv[1]), os.rename, 0
def stop(one, two):
    global renames
    rename(one, two)
    renames += 1
    if renames == 2 - (sys.argv[2] == "renames"):
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))
os.rename = stop
signal.signal(signal.SIGTERM, signal.default_int_handler)
with files.fresh_directory(goal, files.anything) as folder:
    (folder / "file").write_text("new")
    if sys.argv[2] == "before":
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))
"""


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("moment", ["before", "renames"])
def test_a_run_that_is_stopped_leaves_the_last_whole_one(tmp_path: Path, moment: str, number: str) -> None:
    """``renames``: right between the two renames of a file system that knows no exchange."""
    goal = tmp_path / "bundle"
    with files.fresh_directory(goal) as folder:
        (folder / "file").write_text("old")
    command = [sys.executable, "-c", STOPPED, str(goal), moment, number]
    done = subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
    assert done.returncode != 0
    if number == "SIGTERM":
        assert list(tmp_path.iterdir()) == [goal], "it cleaned up itself"
    sweep(tmp_path)
    assert (goal / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [goal]


@pytest.mark.parametrize("name", ["holiday.png", ".hidden", "deep"])
def test_a_folder_that_is_not_ours_is_not_replaced(tmp_path: Path, name: str) -> None:
    goal = tmp_path / "pictures"
    (goal / name).mkdir(parents=True)
    for replaces in (lambda goal: files.fresh_directory(goal), lambda goal: files.fresh_directory(goal, lambda _: "x")):
        with pytest.raises(InputError) as caught, replaces(goal):
            pytest.fail("hours would be spent in vain")
        assert caught.value.code == "OUTPUT-FOREIGN"
    assert (goal / name).is_dir()
    assert list(tmp_path.iterdir()) == [goal]


def test_what_is_put_there_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    goal = tmp_path / "set"
    with pytest.raises(InputError, match="OUTPUT-FOREIGN"), files.fresh_directory(goal):
        goal.mkdir()
        (goal / "mine").touch()
    assert [p.name for p in goal.iterdir()] == ["mine"]
    assert list(tmp_path.iterdir()) == [goal]


def refused(goal: Path) -> list[CxrError]:
    """What a file and a folder that cannot be written there are refused by."""
    found = []
    with pytest.raises(CxrError) as caught:
        files.write_bytes(goal, b"x")
    found.append(caught.value)
    with pytest.raises(CxrError) as caught, files.fresh_directory(goal):
        pytest.fail("nothing can be made there")
    found.append(caught.value)
    return found


@pytest.mark.parametrize(
    "name",
    ["file/x", "file/x/y", "loop/x", "n" * 300, f"{'n' * 300}/x", "x/" * 2500 + "x", "link/x", "nul\0", "\ud800"],
    ids=["below a file", "deep below", "loop", "long", "in a long one", "long path", "dangling", "nul", "surrogate"],
)
def test_a_goal_that_cannot_be_is_refused_by_code(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("nowhere")
    for error in refused(tmp_path / name):
        assert (error.code, error.exit_code) == ("PATH-WRITE", 2), error
        assert error.text().isprintable() or error.text().count("\n") == 1
        assert len(error.cause) < 500
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["file", "link", "loop"]


def test_a_file_takes_the_place_of_files_only(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    for name in ("folder", "pipe", "device", "folder/..", "."):
        with pytest.raises(InputError, match="PATH-WRITE"):
            files.write_bytes(tmp_path / name, b"x")
    assert sorted(os.listdir(tmp_path)) == ["device", "folder", "pipe"]
    assert (tmp_path / "device").is_symlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_the_environment(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    for error in refused(tmp_path / "closed" / "x"):
        assert (error.code, error.exit_code) == ("DISK-DENIED", 3)


def test_names_as_long_as_the_system_takes_are_written(tmp_path: Path) -> None:
    files.write_bytes(tmp_path / ("n" * 255), b"x")
    with files.fresh_directory(tmp_path / ("é" * 127)):
        pass
    assert len(list(tmp_path.iterdir())) == 2


def test_a_path_of_two_thousand_folders_is_made(tmp_path: Path) -> None:
    """As deep as a path goes: ``mkdir(parents=True)`` ends in a RecursionError."""
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        files.write_bytes(Path("d/" * 1_900 + "x"), b"x")
        assert Path("d/" * 1_900 + "x").read_bytes() == b"x"
        assert remove_tree(Path("d"))
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("error", "code", "named"),
    [
        (OSError(errno.EIO, "Input/output error"), "DISK-ERROR", "goal was made"),
        (OSError(errno.ENOSPC, "full"), "DISK-FULL", "goal"),
        (OSError(errno.ENOSPC, "full", "elsewhere/film.png", None, "goal/film.png"), "DISK-FULL", "goal"),
        (OSError(errno.EFBIG, "too large"), "DISK-ERROR", "goal cannot be written"),
    ],
)
def test_what_only_writing_meets_is_of_the_goal(tmp_path: Path, error: OSError, code: str, named: str) -> None:
    with pytest.raises(EnvironmentProblem) as caught, files.fresh_directory(tmp_path / "goal"):
        raise error
    assert caught.value.code == code
    assert named in caught.value.cause
    assert "elsewhere" not in caught.value.cause
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EIO, errno.ENOTDIR])
def test_what_could_not_be_read_is_not_blamed_on_the_goal(tmp_path: Path, number: int) -> None:
    with pytest.raises(OSError, match="elsewhere/film"), files.fresh_directory(tmp_path / "goal"):
        raise OSError(number, os.strerror(number), "elsewhere/film.png")
    with pytest.raises(FileNotFoundError), files.fresh_directory(tmp_path / "goal") as folder:
        shutil.copyfile(tmp_path / "none", folder / "copy")
    with pytest.raises(InputError) as caught, files.fresh_directory(tmp_path / "goal") as folder:
        (folder / "none" / "file").write_text("x")
    assert (caught.value.code, f"{tmp_path / 'goal'} cannot" in caught.value.cause) == ("PATH-WRITE", True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["none", "file/x", "folder", "pipe", "loop", "n" * 300, "nul\0", "\ud800", "\n\x1b[2J"]
)
def test_what_cannot_be_read_is_refused_by_code(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError) as caught:
        files.read_bytes(tmp_path / name, 10)
    assert caught.value.code == "PATH-READ"
    assert caught.value.cause.isprintable()
    with pytest.raises(InputError, match="PATH-READ"):
        files.sha256_file(tmp_path / name if name != "pipe" else tmp_path / "folder")
    assert files.read_bytes(tmp_path / "file", 10) == b"mine"
    assert files.read_bytes(tmp_path / "file", 2) == b"min"


def test_an_error_that_is_no_paths_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), files.fresh_directory(tmp_path / "goal"):
        raise ZeroDivisionError
    with pytest.raises(ValueError, match="of a parser"), reading(tmp_path / "file"):
        raise ValueError("of a parser")


def test_a_really_full_device_is_reported(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(EnvironmentProblem) as caught, writing(tmp_path), open("/dev/full", "wb") as stream:
        stream.write(b"x")
        stream.flush()
    assert caught.value.code == "DISK-FULL"
