"""Scratch folders that are known to be ours, and to be in use or not: what a killed run left, the next one sweeps.

A scratch folder is called ``.<name>.cxredge-<16 hexadecimal digits>`` and holds a lock file. Its maker keeps that file
locked (flock(2)) as long as it uses the folder, and the lock goes with the process, however that ends. So a folder of
such a name with a lock file that nobody has locked is a dead one's; any other is left alone. Where a file system has no
locks, nothing is swept.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path

from cxredge.errors import EnvironmentProblem
from cxredge.interruption import undisturbed
from cxredge.path_errors import writing
from cxredge.trees import make_folders, remove_tree

LOCK = "cxredge.lock"
OLD = "old"
"""In a scratch folder: what was at the place that the lock file names, while something new is put there."""
NAME = re.compile(r"\..*\.cxredge-[0-9a-f]{16}", re.DOTALL)
MAX_NAME = 200
"""Bytes of a name that are kept in a scratch folder's: with the rest, below the 255 that a name may have."""
MAX_PLACE = 4096
"""Bytes of a name in a lock file."""


@contextmanager
def scratch(parent: Path, name: str) -> Iterator[Path]:
    """A new folder in ``parent``, on the same disk as what is there; removed however the block ends.

    name: of what it serves in ``parent``; that is put back from ``OLD`` where it is lacking in the end, or by the next
    sweep. Raises OSError.
    """
    make_folders(parent)
    swept(str(parent.absolute()))
    made: tuple[Path, int] | None = None
    try:
        with undisturbed():
            made = _make(parent, name)
        yield made[0]
    finally:
        if made is not None:
            with undisturbed():
                folder, lock = made
                _put_back(folder, parent / name)
                _remove(folder)
                os.close(lock)


@contextmanager
def temporary(name: str) -> Iterator[Path]:
    """``scratch`` in the system's folder for temporary files.

    Raises EnvironmentProblem DISK-*, InputError PATH-WRITE.
    """
    try:
        parent = Path(tempfile.gettempdir()).absolute()
    except OSError as error:
        raise EnvironmentProblem(
            "DISK-DENIED", "no folder for temporary files can be written to", "set TMPDIR to one that you may write to"
        ) from error
    with ExitStack() as stack:
        with writing(parent):
            folder = stack.enter_context(scratch(parent, name))
        yield folder


@lru_cache(maxsize=1024)
def swept(parent: str) -> None:
    """``sweep``, once a process: who writes a thousand files into a folder need not look a thousand times."""
    sweep(Path(parent))


def sweep(parent: Path) -> None:
    """Remove what dead processes of this user left in a folder, and put back what they had taken away to replace it."""
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        left = [entry.name for entry in entries if NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
        for name in left:
            with contextlib.suppress(OSError):
                _sweep_one(parent / name)


def _sweep_one(folder: Path) -> None:
    if os.lstat(folder).st_uid != os.geteuid():
        return
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        os.rmdir(folder)  # its maker died before it had a lock, or it is no scratch folder and not empty
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        place = os.fsdecode(os.read(lock, MAX_PLACE))
        if place and "/" not in place and "\0" not in place:
            _put_back(folder, folder.parent / place)
        _remove(folder)
    finally:
        os.close(lock)


def _make(parent: Path, name: str) -> tuple[Path, int]:
    short = os.fsdecode(os.fsencode(name)[:MAX_NAME])
    while True:
        folder = parent / f".{short}.cxredge-{secrets.token_hex(8)}"
        os.mkdir(folder, 0o700)
        try:
            lock = os.open(folder / LOCK, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # swept, as it had no lock yet
            continue
        except BaseException:
            os.rmdir(folder)
            raise
        try:
            if _lock(lock):
                os.write(lock, os.fsencode(name))
                return folder, lock
        except BaseException:
            _remove(folder)
            os.close(lock)
            raise
        os.close(lock)


def _lock(lock: int) -> bool:
    """Lock a new lock file; False where a sweep took it for a dead one's before that."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks on this file system: nothing is swept here either
        return True
    return os.fstat(lock).st_nlink > 0


def _put_back(folder: Path, goal: Path) -> None:
    """Between two renames nothing is at ``goal``: whoever was stopped there has what was."""
    if os.path.lexists(folder / OLD) and not os.path.lexists(goal):
        os.rename(folder / OLD, goal)


def _remove(folder: Path) -> None:
    """The lock file goes last: a removal that was interrupted leaves what can still be told to be ours."""
    with contextlib.suppress(OSError):
        with os.scandir(folder) as entries:
            inside = [entry.name for entry in entries if entry.name != LOCK]
        left = [name for name in inside if not remove_tree(folder / name)]
        if not left:
            os.unlink(folder / LOCK)
            os.rmdir(folder)
