"""Files that are whole or absent: hashing, canonical JSON, and writing beside the goal followed by a rename."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from cxredge.errors import InputError, printable
from cxredge.exchange import exchange
from cxredge.path_errors import making_error, reading, shown, writing
from cxredge.scratch import OLD, scratch

NEW = "new"
"""In a scratch folder: what is about to take its place."""
Foreign = Callable[[Path], str | None]
"""Names something at a place that no command of the caller's kind put there; None: nothing."""


def sha256_bytes(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Lower-case hexadecimal SHA-256 of a file, read in blocks.

    Raises InputError PATH-READ, EnvironmentProblem DISK-*.
    """
    with reading(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A stranger's file, opened for reading without waiting: a pipe would wait for its writer, and has no end.

    Raises OSError, which says why in its ``strerror``, for what is no regular file or may not be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        with os.fdopen(handle, "rb", closefd=False) as stream:
            yield stream
    finally:
        os.close(handle)


def read_bytes(path: Path, most: int) -> bytes:
    """A stranger's file, up to ``most`` bytes and one more, by which its reader knows that it has too many.

    Raises InputError PATH-READ, EnvironmentProblem DISK-*.
    """
    with reading(path), open_regular(path) as stream:
        found = bytearray()
        # a part at a time: memory for all that may be read is not taken for a file that has little
        while len(found) <= most and (part := stream.read(min(1 << 20, most + 1 - len(found)))):
            found += part
        return bytes(found)


def canonical_json(value: object) -> str:
    """JSON with sorted keys, two-space indent, a final newline and no NaN: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def terminal_json(value: object) -> str:
    """JSON for a terminal or a program behind a pipe: ``canonical_json`` in ASCII, without DEL.

    Names of files and words of strangers may hold what a terminal would obey, and what no encoding has.
    """
    text = json.dumps(value, sort_keys=True, indent=2, allow_nan=False) + "\n"
    return text.replace("\x7f", "\\u007f")


def write_bytes(goal: Path, data: bytes, mode: int = 0o644) -> None:
    """Write ``data`` beside ``goal`` and rename it there: a reader sees the old file or the new one, never a part.

    mode: permissions of the file; while it is written, only its owner can read it. ``goal`` may be a link, which is
    replaced, and no folder, pipe or device. Raises InputError PATH-WRITE, EnvironmentProblem DISK-*; ``goal`` then
    keeps its old content.
    """
    with writing(goal):
        _check_file(goal)
        with _beside(goal, data, mode) as fresh:
            os.replace(fresh, goal)


def write_new(goal: Path, data: bytes, mode: int = 0o644) -> bool:
    """``write_bytes`` where nothing is; False where something is, a link to nothing too, which then stays.

    Of several processes that write there at once, one alone succeeds. Raises as ``write_bytes`` does.
    """
    with writing(goal), _beside(goal, data, mode) as fresh:
        try:
            os.link(fresh, goal)
        except FileExistsError:
            return False
        except OSError:  # a file system without second names: an empty file of ours is a claim to the place
            try:
                os.close(_owners(os.fspath(goal), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                return False
            os.replace(fresh, goal)
    return True


def write_text(goal: Path, text: str) -> None:
    """``write_bytes`` for UTF-8 text."""
    write_bytes(goal, text.encode("utf-8"))


def anything(folder: Path) -> str | None:
    """``Foreign`` for a place that is ours, whatever is there."""
    return None


def not_empty(folder: Path) -> str | None:
    """``Foreign`` for a place where nothing may be."""
    if not os.path.isdir(folder):
        return folder.name
    return min(os.listdir(folder), default=None)


def check_replaceable(goal: Path, foreign: Foreign) -> None:
    """Refuse to replace what no command of ours made. An empty folder may be replaced.

    Raises InputError OUTPUT-FOREIGN, PATH-WRITE, EnvironmentProblem DISK-*.
    """
    with writing(goal):
        found = not_empty(goal) and foreign(goal) if _is_there(goal) else None
    if found:
        raise InputError(
            "OUTPUT-FOREIGN",
            f"{shown(goal)} would be replaced, and holds {printable(found)}, which no such command put there",
            "name another place, or move that away",
        )


@contextmanager
def fresh_directory(
    goal: Path, foreign: Foreign = not_empty, settled: Callable[[], bool] = lambda: False
) -> Iterator[Path]:
    """A new empty directory beside ``goal`` that takes its place when the block ends well, else vanishes.

    At no moment ``goal`` is a part, or gone: an existing one is exchanged in one step where the system can, else moved
    aside for an instant, and put back by the next run if this one is killed then. foreign: what of an existing one is
    not to be destroyed. settled: whether what somebody else has put there meanwhile may stay in place of ours.

    Raises InputError OUTPUT-FOREIGN, PATH-WRITE, EnvironmentProblem DISK-* for ``goal`` and what the block writes; an
    OSError of the block that names another file is not the goal's, and stays what it is.
    """
    check_replaceable(goal, foreign)
    with ExitStack() as stack:
        with writing(goal):
            folder = stack.enter_context(scratch(goal.parent, goal.name))
            fresh = folder / NEW
            fresh.mkdir()
        try:
            yield fresh
        except OSError as error:
            ours = making_error(goal, fresh, error)
            if ours is None:
                raise
            raise ours from error
        check_replaceable(goal, foreign)
        with writing(goal):
            _put(fresh, goal, folder / OLD, settled)


def remove_directory(goal: Path, foreign: Foreign) -> bool:
    """Take a directory away in one step, where there is one and nothing in it is ``foreign``; whether it was done.

    Raises InputError PATH-WRITE, EnvironmentProblem DISK-*; ``goal`` is then what it was.
    """
    with writing(goal):
        if not goal.is_dir() or goal.is_symlink() or foreign(goal) is not None:
            return False
        with scratch(goal.parent, goal.name) as folder:
            os.rename(goal, folder / NEW)
    return True


@contextmanager
def _beside(goal: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A new file with ``data`` on the disk of ``goal``, in scratch space that goes with the block. Raises OSError."""
    with scratch(goal.parent, goal.name) as folder:
        fresh = folder / NEW
        with open(fresh, "xb", opener=_owners) as stream:
            stream.write(data)
        os.chmod(fresh, mode)
        yield fresh


def _put(fresh: Path, goal: Path, old: Path, settled: Callable[[], bool]) -> None:
    while True:
        try:
            os.rename(fresh, goal)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR) or not os.path.lexists(goal):
                raise
        if settled():
            return
        # what was there may be gone by now: then there is a place
        with suppress(FileNotFoundError):
            if exchange(fresh, goal):
                return
            os.rename(goal, old)
            os.rename(fresh, goal)  # or else it is put back from ``old`` with the end of the scratch folder
            return


def _is_there(goal: Path) -> bool:
    """Raises OSError where nothing can be there, as below a file, or under a name that is too long."""
    try:
        os.lstat(goal)
    except FileNotFoundError:
        return False
    return True


def _check_file(goal: Path) -> None:
    """Raises OSError where a file cannot take the place: a folder, or what a rename would do away with, a device."""
    with suppress(FileNotFoundError):
        mode = os.stat(goal).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(goal))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(goal))


def _owners(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
