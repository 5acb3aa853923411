"""What lowering leaves: an artifact's file, and beside it the record that describes it."""

from __future__ import annotations

from pathlib import Path

from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.results import Artifact

RECORD = "artifact.json"
"""JSON: the ``Artifact`` that describes the file beside it."""


def read_lowered(folder: Path) -> tuple[Artifact, Path]:
    """The record and the file of an artifact's folder. Raises InputError ARTIFACT-HASH when they do not fit."""
    record = read_record(folder)
    file = folder / record.file
    if sha256_file(file) != record.sha256:
        raise InputError("ARTIFACT-HASH", f"{file} is not the artifact that was lowered", "build it again")
    return record, file


def read_record(folder: Path) -> Artifact:
    """The record alone."""
    return Artifact.model_validate_json((folder / RECORD).read_bytes())
