"""Trees of folders, however deep: walked, made and removed without calls that call themselves."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

DEEPEST = 100
"""Folders below each other in what this product writes, and in what claims to be that: a bundle's paths have 200
characters at most, which is a hundred names."""


class TooManyFiles(Exception):
    """A folder holds more, or deeper folders, than its reader takes."""


def scan(
    top: Path, most: int, deepest: int | None = None, hidden: bool = True
) -> Iterator[tuple[Path, os.DirEntry[str] | OSError]]:
    """Everything below a folder, in no order; in place of what is in a folder that cannot be searched, its error.

    Links are not followed, as they may lead back. hidden: whether names that begin with a dot are taken. Raises
    TooManyFiles above ``most`` files and folders, or below ``deepest`` folders; None: as deep as the system's paths go,
    which end at 4,096 bytes on Linux.
    """
    folders, seen = [(top, 0)], 0
    while folders:
        folder, depth = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    seen += 1
                    if seen > most:
                        raise TooManyFiles(f"more than {most} files and folders")
                    if entry.name.startswith(".") and not hidden:
                        continue
                    path = folder / entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if depth == deepest:
                            raise TooManyFiles(f"more than {deepest} folders below each other")
                        folders.append((path, depth + 1))
                    yield path, entry
        except OSError as error:
            yield folder, error


def walk(top: Path, most: int) -> list[tuple[Path, OSError | None]]:
    """Files below a folder, sorted; in their order also folders that could not be searched, each with its error.

    Hidden files and folders are left out, unless ``top`` itself is one. Links to files are taken, links to folders are
    not followed. Raises TooManyFiles where there are more than ``most`` files and folders.
    """
    found: list[tuple[Path, OSError | None]] = []
    for path, entry in scan(top, most, hidden=False):
        if isinstance(entry, OSError):
            found.append((path, entry))
        elif not entry.is_dir(follow_symlinks=False) and os.path.isfile(path):
            found.append((path, None))
    return sorted(found, key=lambda one: one[0])


def regular_files(top: Path, most: int) -> dict[str, Path]:
    """Every file below a folder by its path in it, of folders that this product writes: not a link among them.

    Raises ValueError, in words, for anything but folders and regular files, TooManyFiles above ``most`` of them or
    below ``DEEPEST`` folders, OSError for a folder that cannot be searched.
    """
    found: dict[str, Path] = {}
    for path, entry in scan(top, most, DEEPEST):
        if isinstance(entry, OSError):
            raise entry
        if entry.is_dir(follow_symlinks=False):
            continue
        name = path.relative_to(top).as_posix()
        if not entry.is_file(follow_symlinks=False):
            raise ValueError(f"{name} is a link or a special file")
        found[name] = path
    return dict(sorted(found.items()))


def make_folders(folder: Path) -> None:
    """Make a folder and all that lead to it, as far as they are lacking. Raises OSError.

    ``Path.mkdir`` and ``os.makedirs`` call themselves for each of them, and a path may have two thousand. Where nothing
    can be made though the parent is there (in /proc, in a working folder that was deleted), the system says the same as
    of a lacking parent: so each folder is tried twice at most.
    """
    lacking, tried = [folder], set[Path]()
    while lacking:
        try:
            os.mkdir(lacking[-1])
        except FileNotFoundError:
            if lacking[-1].parent == lacking[-1] or lacking[-1] in tried:
                raise
            tried.add(lacking[-1])
            lacking.append(lacking[-1].parent)
            continue
        except FileExistsError:
            if not os.path.isdir(lacking[-1]):
                raise
        lacking.pop()


def remove_tree(top: Path) -> bool:
    """Remove a folder and all that is in it, or a file; whether nothing is left of it. Links are not followed.

    Folders inside are moved up to ``top`` and emptied there: so neither calls, open folders nor paths grow with the
    depth, and what somebody else's calls could not reach is removed too.
    """
    try:
        handle = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:  # a file, a link, or not ours to look into
        with contextlib.suppress(OSError):
            os.unlink(top)
        return not os.path.lexists(top)
    try:
        _remove_inside(handle)
    finally:
        os.close(handle)
    with contextlib.suppress(OSError):
        os.rmdir(top)
    return not os.path.lexists(top)


def _remove_inside(top: int) -> None:
    waiting = _lift(top, top)
    while waiting:
        name = waiting.pop()
        with contextlib.suppress(OSError):
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
            try:
                waiting += _lift(folder, top)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)


def _lift(folder: int, top: int) -> list[str]:
    """Remove the files of ``folder`` and move its folders into ``top``, both open; returns the names that they got."""
    lifted = []
    with os.scandir(folder) as entries:
        inside = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in inside:
        with contextlib.suppress(OSError):
            if not is_folder:
                os.unlink(name, dir_fd=folder)
                continue
            fresh = secrets.token_hex(16)
            os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=top)
            lifted.append(fresh)
    return lifted
