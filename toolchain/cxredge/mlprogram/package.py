"""A ``.mlpackage``: a folder, or the same folder in a zip file, whose ``Manifest.json`` names the model inside."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, BinaryIO, cast

from cxredge.errors import InputError

MANIFEST = "Manifest.json"
DATA = "Data"
MODEL_PATH = "@model_path/"
MAX_MANIFEST = 1 << 18
MAX_MODEL = 1 << 24
MAX_WEIGHTS = 1 << 30
"""Bytes that a part may have: far above any phone's model, and a bound on what a hostile package makes us read. A
parsed model of nothing but empty operators takes some thirty times its bytes."""
MAX_DIRECTORY = 1 << 20
"""Bytes that a zip file's table of entries may have."""
CHUNK = 1 << 20
FIX = "export the package again, or unpack it again from where it came"


class Package(ABC):
    """Files of one package, read whole and by relative path only. Close it, or use it in a ``with`` statement."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Package:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of open files."""
        return

    def model(self) -> tuple[bytearray, PurePosixPath]:
        """The model specification's bytes, and its folder inside the package (``@model_path``).

        Raises InputError MLPROGRAM-PACKAGE.
        """
        try:
            manifest = json.loads(self.read(PurePosixPath(MANIFEST), MAX_MANIFEST))
            path = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self.error(f"its {MANIFEST} names no root model ({type(error).__name__})") from error
        model = PurePosixPath(DATA) / self.inside(path)
        return self.read(model, MAX_MODEL), model.parent

    def inside(self, path: Any) -> PurePosixPath:
        """``path`` as a relative path that does not climb. Raises InputError MLPROGRAM-PACKAGE."""
        # NUL, line ends, lone surrogates and the like are not printable
        if isinstance(path, str) and path.isprintable() and "\\" not in path:
            pure = PurePosixPath(path)
            if pure.parts and not pure.is_absolute() and ".." not in pure.parts:
                return pure
        raise self.error(f"it refers to {path!r:.200}, which is not inside it")

    def read(self, path: PurePosixPath, limit: int) -> bytearray:
        """Bytes of the file at ``path``. Raises InputError MLPROGRAM-PACKAGE: not there, no plain file, too large."""
        size = self._size(path)
        if size is None:
            raise self.error(f"it holds no plain file {path}")
        if size > limit:
            raise self.error(f"its {path} has {size} bytes, more than {limit}")
        filled = 0
        try:
            data = bytearray(size)
            with memoryview(data) as view, self._open(path) as stream:
                while count := stream.readinto(view[filled : filled + CHUNK]):  # type: ignore[attr-defined]
                    filled += count
                # one byte more: at its end, a zip entry is held against its checksum
                more = stream.read(1)
        except Exception as error:  # zipfile and zlib raise what they like on damaged entries
            raise self.error(f"its {path} cannot be read: {error}") from error
        if filled < size or more:
            raise self.error(f"its {path} does not have the {size} bytes that it declares")
        return data

    def error(self, what: str) -> InputError:
        """MLPROGRAM-PACKAGE about this package."""
        return InputError("MLPROGRAM-PACKAGE", f"{self.path}: {what}", FIX)

    @abstractmethod
    def _size(self, path: PurePosixPath) -> int | None: ...

    @abstractmethod
    def _open(self, path: PurePosixPath) -> BinaryIO: ...


class _Folder(Package):
    def _size(self, path: PurePosixPath) -> int | None:
        place = self.path
        for part in path.parts:
            place = place / part
            try:
                mode = place.lstat()
            except (OSError, ValueError):
                return None
            # a link could lead out of the package
            if stat.S_ISLNK(mode.st_mode):
                return None
        return mode.st_size if stat.S_ISREG(mode.st_mode) else None

    def _open(self, path: PurePosixPath) -> BinaryIO:
        return (self.path / path).open("rb")


class _Zip(Package):
    """The entries may lie in one folder at the top (``name.mlpackage/``), as Finder and `zip -r` put them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            with path.open("rb") as stream:
                _check_directory(stream)
            self._archive = zipfile.ZipFile(path)
        # struct.error and MemoryError among them: what a damaged table of entries can raise is nowhere written down
        except Exception as error:
            raise self.error(f"it is not a readable zip file: {error}") from error
        names = self._archive.namelist()
        manifests = [n for n in names if PurePosixPath(n).name == MANIFEST]
        if len(manifests) != 1 or len(set(names)) < len(names):
            self.close()
            raise self.error(f"it holds {MANIFEST} {len(manifests)} times, or an entry twice")
        self._root = manifests[0].removesuffix(MANIFEST)
        self._entries = {info.filename: info for info in self._archive.infolist()}

    def close(self) -> None:
        self._archive.close()

    def _size(self, path: PurePosixPath) -> int | None:
        info = self._entries.get(self._root + path.as_posix())
        return None if info is None or info.is_dir() else info.file_size

    def _open(self, path: PurePosixPath) -> BinaryIO:
        info = self._entries[self._root + path.as_posix()]
        # the other methods inflate a block of input at once, whatever comes of it
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"compression method {info.compress_type}")
        return cast(BinaryIO, self._archive.open(info))


def _check_directory(stream: BinaryIO) -> None:
    """Raises ValueError when the table of entries, which zipfile reads whole, is missing or too large."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - (1 << 16) - 42))
    tail = stream.read()
    end = tail.rfind(b"PK\5\6")
    # a locator of 20 bytes before the end record: another record counts (zip64), with 64 bits
    if end < 0 or tail[max(0, end - 20) : end].startswith(b"PK\6\7"):
        raise ValueError("no table of entries, or one of more than 4 GiB")
    declared = int.from_bytes(tail[end + 12 : end + 16], "little")
    if declared > MAX_DIRECTORY:
        raise ValueError(f"a table of entries of {declared} bytes")


def open_package(path: Path) -> Package:
    """The package at ``path``, a folder or a zip file. Raises InputError MLPROGRAM-PACKAGE."""
    # these two of os.path do not raise, whatever the path is
    if os.path.isdir(path):
        return _Folder(path)
    if os.path.isfile(path):
        return _Zip(path)
    raise InputError("MLPROGRAM-PACKAGE", f"there is no file or folder {path}", "name a .mlpackage or its zip file")
