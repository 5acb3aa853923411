"""Files that are whole or absent: hashing, canonical JSON, and writing beside the goal followed by a rename."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cxredge.errors import EnvironmentProblem
from cxredge.path_errors import reading


def sha256_bytes(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Lower-case hexadecimal SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
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
        return stream.read(most + 1)


def canonical_json(value: object) -> str:
    """JSON with sorted keys, two-space indent, a final newline and no NaN: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def terminal_json(value: object) -> str:
    """JSON for a terminal or a program behind a pipe: ``canonical_json`` in ASCII, without DEL.

    Names of files and words of strangers may hold what a terminal would obey, and what no encoding has.
    """
    text = json.dumps(value, sort_keys=True, indent=2, allow_nan=False) + "\n"
    return text.replace("\x7f", "\\u007f")


class TooManyFiles(Exception):
    """A folder holds more than its reader takes."""


def walk(top: Path, most: int) -> list[tuple[Path, OSError | None]]:
    """Files below a folder, sorted; in their order also folders that could not be searched, each with its error.

    Hidden files and folders are left out, unless ``top`` itself is one. Links to files are taken, links to folders are
    not followed, as they may lead back. Raises TooManyFiles where there are more than ``most`` files and folders.
    """
    found: list[tuple[Path, OSError | None]] = []
    folders, seen = [top], 0
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    seen += 1
                    if seen > most:
                        raise TooManyFiles
                    path = folder / entry.name
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(path)
                    elif os.path.isfile(path):
                        found.append((path, None))
        except OSError as error:
            found.append((folder, error))
    return sorted(found, key=lambda one: one[0])


@contextmanager
def _disk_errors(goal: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EnvironmentProblem(
                "DISK-FULL",
                f"no space left while writing {goal}",
                f"free some space or choose another disk; {goal} was left as it was",
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise EnvironmentProblem(
                "DISK-DENIED", f"{goal} cannot be written: {error.strerror}", "choose a folder that you may write to"
            ) from error
        raise


def write_bytes(goal: Path, data: bytes, mode: int = 0o644) -> None:
    """Write ``data`` beside ``goal`` and rename it there: a reader sees the old file or the new one, never a part.

    mode: permissions of the file; while it is written, only its owner can read it.
    Raises EnvironmentProblem DISK-FULL or DISK-DENIED; ``goal`` then keeps its old content.
    """
    with _disk_errors(goal):
        goal.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=goal.parent, prefix=f".{goal.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            os.chmod(name, mode)
            os.replace(name, goal)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_text(goal: Path, text: str) -> None:
    """``write_bytes`` for UTF-8 text."""
    write_bytes(goal, text.encode("utf-8"))


@contextmanager
def fresh_directory(goal: Path) -> Iterator[Path]:
    """A new empty directory beside ``goal`` that takes its place when the block ends well, else vanishes.

    An existing ``goal`` is moved aside for the instant of the swap and moved back if the swap fails.
    """
    with _disk_errors(goal):
        goal.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=goal.parent, prefix=f".{goal.name}."))
        os.chmod(fresh, 0o755)
        try:
            yield fresh
            _swap(fresh, goal)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise


def _swap(fresh: Path, goal: Path) -> None:
    if not goal.exists():
        os.rename(fresh, goal)
        return
    aside = Path(tempfile.mkdtemp(dir=goal.parent, prefix=f".{goal.name}.old."))
    os.rename(goal, aside / "old")
    try:
        os.rename(fresh, goal)
    except BaseException:
        os.rename(aside / "old", goal)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
