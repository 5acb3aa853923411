"""Folders of any depth are walked within bounds, and removed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cxredge import trees
from cxredge.errors import InputError
from cxredge.files import write_text
from support.deep_folder import deepen


def test_walk_is_sorted_without_what_is_hidden_and_without_links_to_folders(tmp_path: Path) -> None:
    top = tmp_path / ".top"
    for name in ("b", "a/2", "a/1", ".hidden", ".git/x", "a/.b/y"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    (top / "back").symlink_to(top)
    (top / "lost").symlink_to(top / "nothing")
    (top / "c").symlink_to(top / "b")
    os.mkfifo(top / "pipe")
    assert trees.walk(top, 11) == [(top / name, None) for name in ("a/1", "a/2", "b", "c")]
    with pytest.raises(trees.TooManyFiles):
        trees.walk(top, 10)


def test_walk_tells_of_a_folder_that_it_cannot_search(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert trees.walk(tmp_path, 1) == [(tmp_path / "file", None)]
    ((path, error),) = trees.walk(tmp_path / "none", 1)
    assert path == tmp_path / "none"
    assert error is not None
    assert error.errno == errno.ENOENT


def test_a_scan_tells_of_everything_but_what_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / ".c").touch()
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert sorted(path.relative_to(tmp_path).as_posix() for path, _ in trees.scan(tmp_path, 5)) == [
        "a", "a/b", "a/b/.c", "a/back", "pipe",
    ]  # fmt: skip
    for most, deepest in ((4, None), (5, 1)):
        with pytest.raises(trees.TooManyFiles):
            list(trees.scan(tmp_path, most, deepest))
    assert len(list(trees.scan(tmp_path, 5, 2))) == 5


def test_regular_files_are_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").touch()
    (tmp_path / "b").touch()
    assert trees.regular_files(tmp_path, 3) == {"a/x": tmp_path / "a" / "x", "b": tmp_path / "b"}
    (tmp_path / "a" / "link").symlink_to("x")
    with pytest.raises(ValueError, match="a/link is a link"):
        trees.regular_files(tmp_path, 9)
    with pytest.raises(FileNotFoundError):
        trees.regular_files(tmp_path / "none", 9)


def test_a_tree_deeper_than_calls_and_paths_go_is_removed(tmp_path: Path) -> None:
    deepen(tmp_path / "deep" if (tmp_path / "deep").mkdir() is None else tmp_path)
    (tmp_path / "deep" / "d" / "d" / "file").write_text("x")
    assert trees.remove_tree(tmp_path / "deep")
    assert list(tmp_path.iterdir()) == []


def test_removing_a_tree_follows_no_link(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "film").touch()
    top = tmp_path / "top"
    (top / "below").mkdir(parents=True)
    for link in (top / "a", top / "below" / "b", tmp_path / "link"):
        link.symlink_to(mine)
    os.link(mine / "film", top / "film")
    os.mkfifo(top / "pipe")
    assert trees.remove_tree(top)
    assert trees.remove_tree(tmp_path / "link")
    assert trees.remove_tree(tmp_path / "none")
    assert list(tmp_path.iterdir()) == [mine]
    assert list(mine.iterdir()) == [mine / "film"]


def test_making_folders_is_as_with_mkdir(tmp_path: Path) -> None:
    trees.make_folders(tmp_path / "a" / "b" / "c")
    trees.make_folders(tmp_path / "a" / "b" / "c")
    (tmp_path / "link").symlink_to("a")
    trees.make_folders(tmp_path / "link" / "b" / ".." / "d")
    assert (tmp_path / "a" / "d").is_dir()
    (tmp_path / "file").touch()
    for path, kind in ((tmp_path / "file", FileExistsError), (tmp_path / "file" / "x", NotADirectoryError)):
        with pytest.raises(kind):
            trees.make_folders(path)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["new", "a/b/c", "./a/../b"])
def test_folders_are_not_made_for_ever_where_none_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """In a folder that was deleted every name is lacking, and its parent is there."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError):
        trees.make_folders(Path(name))
    with pytest.raises(InputError, match="PATH-WRITE"):
        write_text(Path(name), "x")


@pytest.mark.timeout(60)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc on this system")
def test_nor_in_proc() -> None:
    for name in ("/proc/cxredge", "/proc/cxredge/below"):
        with pytest.raises(FileNotFoundError):
            trees.make_folders(Path(name))
        with pytest.raises(InputError, match="PATH-WRITE"):
            write_text(Path(name), "x")
