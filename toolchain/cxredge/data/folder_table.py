"""A data set's table: CSV in UTF-8, every row as wide as its header, every file inside the set's folder."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from cxredge.errors import InputError, nearest
from cxredge.files import open_regular, sha256_bytes

TABLE = "labels.csv"
SUMS = "SHA256SUMS"
MAX_TABLE_BYTES = 128 * 1024 * 1024
"""Of a table, and of a list of hashes: the largest public set of chest films, 377,000 rows, needs a third."""
MAX_CELL = 10_000
"""Characters of a cell."""
MAX_NAME = 255
"""Bytes of one part of a path, as file systems have it (NAME_MAX)."""
MAX_PATH = 1024
"""Bytes of a film's path below the folder: a quarter of PATH_MAX leaves room for the folder's own."""

# what sha256sum writes: two blanks, or a blank and a star for "binary"; a backslash first, where the name has escapes
_SUM = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_UNESCAPED = {r"\\": "\\", r"\n": "\n", r"\r": "\r"}


def sets_in(root: Path) -> list[str]:
    """Names of the sets in a folder of data sets: of the folders with a table. Empty where there is no such folder."""
    return sorted(place.parent.name for place in root.glob(f"*/{TABLE}") if place.is_file())


class Table:
    """The rows of a folder's ``labels.csv``, and the hashes that its ``SHA256SUMS`` gives, where there is one.

    Raises InputError DATA-FILE, DATA-VALUE, DATA-PATH or DATA-HASH; file names and hashes are checked row by row.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / TABLE
        self._folder = folder
        self._home = folder.resolve()
        data = _read(self.path)
        self.header, self._rows = _parse(self.path, data)
        self._sums = _sums(folder / SUMS) if os.path.lexists(folder / SUMS) else None
        said = (self._sums or {}).get(TABLE)
        if said is not None and said != sha256_bytes(data):
            raise InputError(
                "DATA-HASH",
                f"{self.path} has other bytes than {SUMS} says",
                f"restore it, or write {SUMS} anew if the change was meant",
            )

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Every row with its line in the file."""
        return iter(self._rows)

    def cells(self) -> dict[str, set[str]]:
        """The different cells of every column; of two columns with one name, those of the last."""
        return {name: {row[name] for _, row in self._rows} for name in self.header}

    def check_columns(self, names: tuple[str, ...]) -> None:
        """Raises InputError DATA-COLUMN where a column is absent, or stands twice."""
        wrong = [name for name in names if self.header.count(name) != 1]
        absent = [name for name in wrong if name not in self.header]
        if wrong:
            what, them = ("has no column", absent) if absent else ("has twice the column", wrong)
            raise InputError(
                "DATA-COLUMN",
                f"{self.path} {what} {', '.join(map(repr, them))}",
                "name the columns file, group, split and the labels as the recipe does",
                nearest(them[0], sorted(set(self.header))),
            )

    def file(self, line: int, name: str) -> tuple[str, Path]:
        """A row's file: its normal form, and where it really lies. Raises InputError DATA-PATH.

        A file outside the folder, links followed, is refused.
        """
        where = f"{self.path} line {line}, column file: {_short(name)}"
        place = PurePosixPath(name)
        if not place.parts or not name.isprintable():
            raise InputError("DATA-PATH", f"{where} is no file name", "name a file inside the set's folder")
        if "\\" in name:
            raise InputError("DATA-PATH", f"{where} has a backslash", "write / between folder and file")
        if place.is_absolute() or ".." in place.parts:
            raise InputError("DATA-PATH", f"{where} leaves the set's folder", "use a path below the folder, without ..")
        if len(name.encode()) > MAX_PATH or any(len(part.encode()) > MAX_NAME for part in place.parts):
            raise InputError("DATA-PATH", f"{where} is longer than a path can be", "name a file inside the folder")
        try:
            real = (self._folder / place).resolve()
        except (OSError, RuntimeError) as error:
            raise InputError("DATA-PATH", f"{where} cannot be followed: {error}", "replace the link by the file") from (
                error
            )
        if not real.is_relative_to(self._home):
            raise InputError("DATA-PATH", f"{where} is a link out of the set's folder", "copy the file into the folder")
        return str(place), real

    def sha256(self, line: int, file: str) -> str | None:
        """What ``SHA256SUMS`` says of a file; None without such a list. Raises InputError DATA-HASH: not listed."""
        if self._sums is None:
            return None
        if file not in self._sums:
            raise InputError(
                "DATA-HASH",
                f"{self._folder / SUMS} does not list {_short(file)} ({TABLE} line {line}), so nothing holds that film",
                f"write it anew with sha256sum in the set's folder, or take {SUMS} away",
            )
        return self._sums[file]


def bad_cell(table: Table, line: int, column: str, cell: str, fix: str, choices: tuple[str, ...] = ()) -> InputError:
    """DATA-VALUE, with the cell's place."""
    return InputError(
        "DATA-VALUE",
        f"{table.path} line {line}, column {column}: {_short(cell) if cell else 'an empty cell'} cannot be used",
        fix,
        choices,
    )


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 80 else f"{cell[:80]}…")


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_TABLE_BYTES:
                raise InputError(
                    "DATA-VALUE", f"{path} has {size} bytes; at most {MAX_TABLE_BYTES} are read", "check the file"
                )
            return stream.read()
    except OSError as error:
        raise InputError("DATA-FILE", f"{path} cannot be read: {error.strerror}", "restore the file") from error


def _text(path: Path, data: bytes, kind: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "DATA-VALUE", f"{path} is not a UTF-8 {kind}: {error}", f"save it as {kind} in UTF-8"
        ) from error


def _parse(path: Path, data: bytes) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    reader = csv.reader(io.StringIO(_text(path, data, "CSV file"), newline=""), strict=True)
    rows = []
    try:
        header = next(reader, [])
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise InputError(
                    "DATA-VALUE",
                    f"{path} line {reader.line_num}: {len(cells)} cells under {len(header)} columns",
                    "quote cells that hold a comma, and give every row a cell for every column",
                )
            if max(map(len, cells)) > MAX_CELL:
                raise _long_cell(path, reader.line_num)
            rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        # the library's own limit of a cell lies above ours, and it would say it in its own words
        if "field limit" in str(error):
            raise _long_cell(path, reader.line_num) from error
        raise InputError(
            "DATA-VALUE", f"{path} line {reader.line_num} is no CSV: {error}", "save it as CSV in UTF-8"
        ) from error
    return header, rows


def _long_cell(path: Path, line: int) -> InputError:
    return InputError(
        "DATA-VALUE",
        f"{path} line {line} has a cell of more than {MAX_CELL} characters",
        "shorten it; a quote that is never closed makes one cell of all that follows",
    )


def _sums(path: Path) -> dict[str, str]:
    """Hash by file, both in normal form. Raises InputError DATA-VALUE for a line of another form, DATA-PATH."""
    sums: dict[str, str] = {}
    for number, line in enumerate(_text(path, _read(path), "text").split("\n"), 1):
        if not line.strip():
            continue
        match = _SUM.fullmatch(line.rstrip("\r"))
        if match is None:
            raise InputError(
                "DATA-VALUE",
                f"{path} line {number} is not 'hash  file'",
                "write the file anew with sha256sum (without --tag) in the set's folder",
            )
        escaped, digest, name = match.groups()
        if escaped:
            name = re.sub(r"\\[\\nr]", lambda found: _UNESCAPED[found[0]], name)
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts:
            raise InputError(
                "DATA-PATH",
                f"{path} line {number} names a file outside the folder",
                "run sha256sum in the set's folder",
            )
        if sums.setdefault(str(place), digest.lower()) != digest.lower():
            raise InputError(
                "DATA-VALUE", f"{path} line {number} gives {_short(name)} a second hash", "keep the one that is right"
            )
    return sums
