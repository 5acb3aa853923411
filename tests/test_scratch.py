"""What the dead left is swept; what the living use, and what only looks like it, is not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cxredge import scratch
from cxredge.files import write_bytes
from cxredge.scratch import LOCK, OLD, sweep
from support.deep_folder import deepen

HOLDER = """
import sys, time
from pathlib import Path
from cxredge.scratch import scratch
with scratch(Path(sys.argv[1]), sys.argv[2]) as folder:
    (folder / "half").mkdir()
    (folder / "half" / "film").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


def holder(parent: Path, name: str = "goal") -> tuple[subprocess.Popen[str], Path]:
    """A process that has a scratch folder in ``parent``."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, parent, name], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def dead(parent: Path, name: str = "goal") -> Path:
    """What a killed process left there."""
    process, folder = holder(parent, name)
    process.kill()
    process.communicate()
    assert folder.is_dir()
    return folder


def test_a_scratch_folder_is_gone_after_its_block(tmp_path: Path) -> None:
    with scratch.scratch(tmp_path / "made" / "for it", "goal") as folder:
        (folder / "x").mkdir()
    with pytest.raises(KeyError), scratch.scratch(tmp_path / "made" / "for it", "goal"):
        raise KeyError
    assert list((tmp_path / "made" / "for it").iterdir()) == []


def test_the_dead_are_swept_and_the_living_left(tmp_path: Path) -> None:
    """A lock tells them apart, and goes with its process, however that ends; numbers of processes are used again."""
    living, used = holder(tmp_path)
    left = dead(tmp_path)
    try:
        sweep(tmp_path)
        assert not left.exists()
        assert (used / "half" / "film").read_text() == "x"
        os.kill(living.pid, signal.SIGSTOP)
        sweep(tmp_path)
        assert used.is_dir(), "one that is stopped is not dead"
    finally:
        living.kill()
        living.communicate()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_by_this_very_process_is_left(tmp_path: Path) -> None:
    with scratch.scratch(tmp_path, "goal") as folder:
        sweep(tmp_path)
        assert folder.is_dir()


def test_the_next_run_that_writes_there_sweeps(tmp_path: Path) -> None:
    dead(tmp_path, "another goal")
    script = "import sys; from pathlib import Path; from cxredge.files import write_text; "
    subprocess.run([sys.executable, "-c", script + "write_text(Path(sys.argv[1]), 'x')", tmp_path / "file"], check=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_what_only_looks_like_it_is_left(tmp_path: Path) -> None:
    """By its name, its kind, its owner, or for want of the lock file that every scratch folder has."""
    mark = "cxredge-0123456789abcdef"
    for name in (f".holiday.{mark}", f"holiday.{mark}", ".holiday.cxredge-abc", "work-holidays", ".goal.old.abcdefgh"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "film.png").write_text("mine")
    for name in (f"holiday.{mark}", ".holiday.cxredge-abc", "work-holidays"):
        (tmp_path / name / LOCK).touch()
    (tmp_path / f".file.{mark}").write_text("mine")
    (tmp_path / f".link.{mark}").symlink_to(tmp_path / "work-holidays")
    linked = tmp_path / f".locklink.{mark}"
    linked.mkdir()
    (linked / LOCK).symlink_to(tmp_path / "work-holidays" / LOCK)
    pipe = tmp_path / f".pipe.{mark}"
    pipe.mkdir()
    (pipe / "mine").touch()
    (pipe / LOCK).mkdir()
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    sweep(tmp_path)
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before


def test_links_in_what_is_swept_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "film").touch()
    left = dead(tmp_path)
    (left / "link").symlink_to(tmp_path / "mine")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]
    assert list((tmp_path / "mine").iterdir()) == [tmp_path / "mine" / "film"]


def test_what_was_left_is_swept_however_deep(tmp_path: Path) -> None:
    left = dead(tmp_path)
    deepen(left / "half")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_that_died_before_it_had_a_lock_is_swept(tmp_path: Path) -> None:
    left = dead(tmp_path)
    shutil.rmtree(left / "half")
    (left / LOCK).unlink()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_was_taken_away_between_two_renames_is_put_back(tmp_path: Path) -> None:
    left = dead(tmp_path, "bundle")
    (left / OLD).mkdir()
    (left / OLD / "model").write_text("good")
    sweep(tmp_path)
    assert (tmp_path / "bundle" / "model").read_text() == "good"
    assert list(tmp_path.iterdir()) == [tmp_path / "bundle"]
    left = dead(tmp_path, "bundle")
    (left / OLD).mkdir()
    sweep(tmp_path)
    assert (tmp_path / "bundle" / "model").read_text() == "good", "there is a newer one"


@pytest.mark.parametrize("place", ["../bundle", "/bundle", "", "a\0b"])
def test_nothing_is_put_anywhere_else(tmp_path: Path, place: str) -> None:
    """A lock file that somebody changed."""
    (tmp_path / "at").mkdir()
    left = dead(tmp_path / "at", "bundle")
    (left / OLD).mkdir()
    (left / LOCK).write_bytes(place.encode())
    sweep(tmp_path / "at")
    assert list(tmp_path.rglob("*")) == [tmp_path / "at"]


def test_two_sweeps_at_once_and_makers_beside_them(tmp_path: Path) -> None:
    """Makers whose folders are taken for a dead one's in the instant before they have a lock begin again."""
    maker = (
        "import sys; from pathlib import Path; from cxredge.scratch import scratch\n"
        "for _ in range(400):\n"
        "    with scratch(Path(sys.argv[1]), 'goal') as folder:\n"
        "        (folder / 'x').write_text('x'); (folder / 'x').read_text()\n"
    )
    sweeper = (
        "import sys; from pathlib import Path; from cxredge.scratch import sweep\nwhile 1: sweep(Path(sys.argv[1]))"
    )
    sweepers = [subprocess.Popen([sys.executable, "-c", sweeper, tmp_path]) for _ in range(2)]
    makers = [subprocess.Popen([sys.executable, "-c", maker, tmp_path]) for _ in range(2)]
    try:
        assert [process.wait(timeout=300) for process in makers] == [0, 0]
        assert [process.poll() for process in sweepers] == [None, None]
    finally:
        for process in (*sweepers, *makers):
            process.kill()
            process.wait()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_of_a_killed_run_go_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead(tmp_path, "verify")
    scratch.swept.cache_clear()
    with scratch.temporary("explain") as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_a_thousand_files_in_a_folder_are_one_look_for_what_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []
    monkeypatch.setattr(scratch, "sweep", lambda parent: looks.append(parent))
    for i in range(1_000):
        write_bytes(tmp_path / str(i), b"x")
    assert looks == [tmp_path]
