"""What the system says of a path that cannot be read or written, as a refusal by code: one place for each of the two.

What is wrong with a path as it was typed (no such folder, a file where a folder should be, a name too long) is an
InputError; what the machine denies or cannot do is an EnvironmentProblem.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cxredge.errors import CxrError, EnvironmentProblem, InputError, printable

FULL = (errno.ENOSPC, errno.EDQUOT)
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
TYPED = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a part of the path is no folder",
    errno.EISDIR: "it is a folder",
    errno.EEXIST: "something else is there",
    errno.ENOTEMPTY: "a folder that is not empty is there",
    errno.ELOOP: "its links lead in a circle",
    errno.ENAMETOOLONG: "the path, or a name in it, is longer than the system takes",
    errno.EINVAL: "it is no regular file, or no name that the system takes",
    errno.EILSEQ: "it is no name that the system takes",
    errno.ENXIO: "it is no regular file",
}
"""What is wrong with a path itself, in plain words."""
SHOWN = 300
"""Characters of a path that a message shows: of a longer one, its end."""


def shown(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    """A path as a message has it: printable and not too long."""
    text = printable(path if isinstance(path, str) else os.fsdecode(path))
    return text if len(text) <= SHOWN else f"…{text[-SHOWN:]}"


def read_error(path: Path, error: OSError) -> CxrError:
    """Why ``path`` cannot be read."""
    if error.errno in TYPED:
        return InputError(
            "PATH-READ", f"{shown(path)} cannot be read: {TYPED[error.errno]}", "name what is there and can be read"
        )
    if error.errno in DENIED:
        return EnvironmentProblem(
            "DISK-DENIED",
            f"{shown(path)} cannot be read: {_strerror(error)}",
            "choose one that you may read, or change its permissions",
        )
    return failed(f"{shown(path)} cannot be read", error)


def write_error(goal: Path, error: OSError) -> CxrError:
    """Why ``goal`` cannot be written. What was there before is as it was."""
    if error.errno in FULL:
        return EnvironmentProblem(
            "DISK-FULL",
            f"no space left while writing {shown(goal)}",
            f"free some space or choose another disk; {shown(goal)} was left as it was",
        )
    if error.errno in DENIED:
        return EnvironmentProblem(
            "DISK-DENIED",
            f"{shown(goal)} cannot be written: {_strerror(error)}",
            "choose a folder that you may write to",
        )
    if error.errno in TYPED:
        return InputError(
            "PATH-WRITE",
            f"{shown(goal)} cannot be written: {TYPED[error.errno]}",
            "name another place, in a folder that is there or can be made",
        )
    return failed(f"{shown(goal)} cannot be written", error)


def making_error(goal: Path, fresh: Path, error: OSError) -> CxrError | None:
    """Why the block that fills ``fresh``, to become ``goal``, failed; None: for another file, which ``error`` names."""
    named = error.filename2 or error.filename
    if error.errno in FULL or error.errno == errno.EFBIG:
        return write_error(goal, error)  # only writing meets these, whatever file is named with them
    if isinstance(named, str | bytes | os.PathLike):
        return write_error(goal, error) if Path(os.fsdecode(named)).is_relative_to(fresh) else None
    return failed(f"a file could not be read or written while {shown(goal)} was made", error)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What fails in the block is that ``path`` cannot be read.

    Raises InputError PATH-READ, EnvironmentProblem DISK-*.
    """
    try:
        yield
    except OSError as error:
        raise read_error(path, error) from error
    except ValueError as error:
        if _is_name(path):
            raise
        raise read_error(path, _NO_NAME) from error


@contextmanager
def writing(goal: Path) -> Iterator[None]:
    """What fails in the block is that ``goal`` cannot be written; nothing else is read there, or it would be blamed.

    Raises InputError PATH-WRITE, EnvironmentProblem DISK-*.
    """
    try:
        yield
    except OSError as error:
        raise write_error(goal, error) from error
    except ValueError as error:
        if _is_name(goal):
            raise
        raise write_error(goal, _NO_NAME) from error


_NO_NAME = OSError(errno.EILSEQ, os.strerror(errno.EILSEQ))


def _is_name(path: Path) -> bool:
    """Whether the system takes such a path at all: NUL, and what its encoding lacks, are refused by a ValueError."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return "\0" not in str(path)


def failed(what: str, error: OSError) -> EnvironmentProblem:
    """What is nobody's path and nobody's permissions: the disk, or the machine."""
    return EnvironmentProblem(
        "DISK-ERROR", f"{what}: {_strerror(error)}", "look after the disk, its mounts and this machine's limits"
    )


def _strerror(error: OSError) -> str:
    return printable(error.strerror or type(error).__name__)
