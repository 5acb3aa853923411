"""Where results may go: never over an input or among its files, not over each other, and where they can be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from cxredge.errors import InputError
from cxredge.path_errors import shown, writing

Identity = tuple[int, int]
"""Device and inode: what a file is, under whatever name, through whatever link."""


def check_outputs(outputs: Sequence[Path], inputs: Iterable[Path]) -> None:
    """Refuse outputs that could harm an input or cannot be written, before anything that takes long.

    Raises what ``check_apart`` raises, InputError PATH-WRITE (nothing can be there), EnvironmentProblem DISK-DENIED.
    """
    for output in outputs:
        with writing(output):
            _check_reachable(output)
    check_apart(outputs, inputs)


def check_apart(outputs: Sequence[Path], inputs: Iterable[Path]) -> None:
    """Refuse outputs that could harm an input, or each other.

    inputs: files, and folders that are read whole (a bundle, a data set), of which an output may not be a part. An
    output may not contain an input either: a folder is replaced whole. Links, other spellings and further names of one
    file (hard links) do not matter.

    Raises InputError OUTPUT-IS-INPUT, OUTPUT-TWICE (two outputs at one place, or one in the other).
    """
    identity = cache(_identity)
    goals = [(output, _spots(output)) for output in outputs]
    for given in inputs:
        own = {identity(spot) for spot in _spots(given)} - {None}
        around = {identity(above) for spot in _spots(given) for above in (spot, *spot.parents)} - {None}
        for output, spots in goals:
            within = {identity(above) for spot in spots for above in (spot, *spot.parents)}
            if own & within or around & {identity(spot) for spot in spots}:
                raise InputError(
                    "OUTPUT-IS-INPUT",
                    f"{shown(output)} would be written over {shown(given)}, which is read, or into it or around it",
                    "name another place for what is written",
                )
    for number, (output, spots) in enumerate(goals):
        for other, others in goals[:number]:
            if any(a == b or a in b.parents or b in a.parents for a in spots for b in others):
                raise InputError(
                    "OUTPUT-TWICE",
                    f"{shown(output)} and {shown(other)} would be written over each other",
                    "name places apart from each other",
                )


def _spots(path: Path) -> set[Path]:
    """Where a path is and, if it is a link, where that leads; both without links on the way. No path: nowhere."""
    try:
        real = Path(os.path.realpath(path))
    except ValueError:  # NUL, or what the system's encoding lacks
        return set()
    if path.name in ("", ".."):
        return {real}
    return {real, Path(os.path.realpath(path.parent)) / path.name}


def _identity(path: Path) -> Identity | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _check_reachable(output: Path) -> None:
    """Raises OSError where no file or folder can be made, so far as can be told without making it."""
    with suppress(FileNotFoundError):
        os.stat(output)
    above = Path(os.path.realpath(output.parent))
    while not os.path.lexists(above):
        above = above.parent
    if not os.path.isdir(above):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(above))
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(above))
