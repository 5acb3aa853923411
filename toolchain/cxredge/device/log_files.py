"""Reading field logs: a file, exactly or not at all, and folders of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from cxredge import strict_json
from cxredge.device.contradictions import contradictions
from cxredge.device.field_log import FieldLog
from cxredge.errors import InputError
from cxredge.files import open_regular
from cxredge.trees import TooManyFiles, walk

MAX_BYTES = 1_000_000
MAX_FILES = 10_000
"""Files and folders below a folder of logs."""
(VERSION,) = get_args(FieldLog.model_fields["field_log"].annotation)


@dataclass(frozen=True)
class Found:
    """One file, or folder that could not be searched: its log, or why there is none."""

    path: Path
    log: FieldLog | None
    error: InputError | None


def read_field_log(path: Path) -> FieldLog:
    """Read one log. Raises InputError FIELD-MISSING, -SYNTAX, -VERSION, -SCHEMA or -CONTRADICTION."""
    try:
        with open_regular(path) as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            "FIELD-MISSING", f"{path} cannot be read: {error.strerror}", "name a log that an app exported"
        ) from error
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        tree = strict_json.parse(data, MAX_BYTES)
    except ValueError as error:
        raise InputError("FIELD-SYNTAX", f"{path} is not a field log: {error}", "export it again") from error
    _check_version(path, tree)
    try:
        log = FieldLog.model_validate_json(data)
    except ValidationError as error:
        place, what = strict_json.first_fault(error)
        raise InputError("FIELD-SCHEMA", f"{path}: {place}: {what}", "export it again") from error
    for sentence in contradictions(log):
        raise InputError("FIELD-CONTRADICTION", f"{path}: {sentence}", "export it again")
    return log


def read_all(places: Iterable[Path]) -> Iterator[Found]:
    """Every log in its turn: files as named, folders searched for files. What cannot be read is told with its error."""
    for place in places:
        for path, refused in _files(place) if os.path.isdir(place) else [(place, None)]:
            if refused is not None:
                yield Found(path, None, refused)
                continue
            try:
                yield Found(path, read_field_log(path), None)
            except InputError as error:
                yield Found(path, None, error)


def _check_version(path: Path, tree: object) -> None:
    other = strict_json.other_version(tree, "field_log", VERSION)
    if other is None:
        return
    version, newer = other
    if newer:
        raise InputError("FIELD-VERSION", f"{path} has version {version}", "use a newer cxredge")
    raise InputError("FIELD-VERSION", f"{path} has version {version}", "export it again with the current app")


def _files(top: Path) -> list[tuple[Path, InputError | None]]:
    """Files below a folder, and what of it could not be searched."""
    try:
        found = walk(top, MAX_FILES)
    except TooManyFiles:
        cause = f"the folder {top} holds more than {MAX_FILES} files and folders"
        return [(top, InputError("FIELD-MANY", cause, "name a folder that holds field logs only"))]
    if not found:
        cause = f"the folder {top} holds no file"
        return [(top, InputError("FIELD-EMPTY", cause, "name a folder with logs that apps exported"))]
    return [(path, None if error is None else _closed(path, error)) for path, error in found]


def _closed(folder: Path, error: OSError) -> InputError:
    cause = f"{folder} cannot be searched: {error.strerror}"
    return InputError("FIELD-MISSING", cause, "name a folder that you may read")
