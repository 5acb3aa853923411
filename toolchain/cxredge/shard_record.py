"""A folder of outputs: what the reference and every artifact of a bundle said of one shard of a list of films.

``shard.json`` says of which bundle, which list, and which of its pictures; beside it lies an outputs file for each
stack of pictures and each artifact. What one run over all films writes is the shard 1/1. A folder may come from
anywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from cxredge import strict_json
from cxredge.errors import CxrError, InputError, printable
from cxredge.files import canonical_json, read_bytes, sha256_file, write_text
from cxredge.outputs import films_digest
from cxredge.outputs_stream import open_outputs
from cxredge.path_errors import shown
from cxredge.shard import MOST, Shard
from cxredge.trees import TooManyFiles, regular_files
from cxredge.vocabulary import ArtifactName, Frozen, Sha256, ShortText

FILE = "shard.json"
FORMAT: Literal["cxredge-shard-1"] = "cxredge-shard-1"
MAX_BYTES = 256 << 20
"""Bytes of the record: some hundred and fifty a film."""
MAX_PICTURES = 1_000_000
"""Of one stack."""
MAX_FILES = 1_000
"""Files and folders beside the record: stacks times artifacts."""
StackName = Literal["evaluation", "validation", "out-of-distribution", "accidents", "other"]
"""What pictures are: the films that the bundle was judged on, and their like; or ``other``, films of another place."""
REFERENCE = "reference"
Side = Annotated[int, Field(ge=1, le=2**20)]
Place = Annotated[int, Field(ge=0, lt=MAX_PICTURES)]


class Run(Frozen):
    """Who was run: an artifact or the reference, by hash, and what ran it."""

    artifact: Literal["reference"] | ArtifactName
    sha256: Sha256
    runtime: ShortText

    @property
    def file(self) -> str:
        """Name of its outputs files."""
        return f"{self.artifact.replace('/', '-')}.safetensors"


class UnreadAt(Frozen):
    """A film that could not be read, by its place in the list, and why."""

    place: Place
    code: ShortText
    cause: Annotated[str, Field(max_length=300)]


class Part(Frozen):
    """Which pictures of one stack these are."""

    stack: StackName
    pictures: Annotated[int, Field(ge=1, le=MAX_PICTURES)]
    """Of the whole stack."""
    places: tuple[Place, ...]
    """Of those that were run, in the order of the outputs, which is that of the stack."""
    sha256: tuple[Sha256, ...]
    """Of each: a film's file, or the pixels of a picture that is made here."""
    sizes: tuple[tuple[Side, Side], ...] = ()
    """Rows and columns of each as read, upright; of ``other`` films alone."""
    unread: tuple[UnreadAt, ...] = ()
    """In the order of the stack."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        places, unread = self.places, [one.place for one in self.unread]
        if len(self.sha256) != len(places) or len(self.sizes) != (len(places) if self.stack == "other" else 0):
            raise ValueError("places, hashes and sizes are not as many")
        if any(a >= b for given in (places, unread) for a, b in pairwise(given)) or not set(places).isdisjoint(unread):
            raise ValueError("places do not rise, or one is named twice")
        if max((*places, *unread), default=0) >= self.pictures:
            raise ValueError(f"a place is none of {self.pictures} pictures")
        return self

    @property
    def digest(self) -> str:
        """Names these pictures and their order."""
        return films_digest(self.sha256)


class ShardRecord(Frozen):
    """``shard.json``."""

    model_config = ConfigDict(strict=True)

    format: Literal["cxredge-shard-1"]
    bundle: Annotated[str, Field(max_length=200)]
    manifest_sha256: Sha256
    list_sha256: Sha256
    """Names the whole list: every picture of every stack, and the patient whose it is."""
    shard: Annotated[int, Field(ge=1, le=MOST)]
    of: Annotated[int, Field(ge=1, le=MOST)]
    versions: dict[ShortText, ShortText]
    """Of the packages that read films and ran artifacts, and the kind of processor: what else decides the bytes."""
    runs: tuple[Run, ...]
    parts: tuple[Part, ...]
    files: dict[str, Sha256]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.shard > self.of:
            raise ValueError(f"there is no shard {self.shard} of {self.of}")
        runs, stacks = [run.artifact for run in self.runs], [part.stack for part in self.parts]
        if len(set(runs)) != len(runs) or REFERENCE not in runs:
            raise ValueError("an artifact was run twice, or the reference was not")
        if len(set(stacks)) != len(stacks) or not stacks or ("other" in stacks and len(stacks) > 1):
            raise ValueError("a stack is named twice, none is, or other films stand beside the bundle's own")
        wanted = {f"{part.stack}/{run.file}" for part in self.parts if part.places for run in self.runs}
        if set(self.files) != wanted:
            raise ValueError("the files are not one for each stack and each that was run")
        return self

    @property
    def which(self) -> Shard:
        """Its number, and of how many."""
        return Shard(self.shard, self.of)

    def part(self, stack: StackName) -> Part | None:
        """Of a stack by name."""
        return next((part for part in self.parts if part.stack == stack), None)


@dataclass(frozen=True)
class OutputsFolder:
    """A folder that was checked."""

    folder: Path
    record: ShardRecord

    def file(self, stack: StackName, run: Run) -> Path:
        """Where the outputs lie."""
        return self.folder / stack / run.file


def write_record(folder: Path, record: ShardRecord) -> None:
    """Equal records give equal bytes. Raises InputError PATH-WRITE, EnvironmentProblem DISK-*."""
    write_text(folder / FILE, canonical_json(record.model_dump(mode="json")))


def list_digest(lists: Iterable[tuple[StackName, Sequence[str], Sequence[str]]]) -> str:
    """SHA-256 that names a whole list: of each stack the pictures' names and the patients whose they are."""
    digest = hashlib.sha256()
    for stack, names, owners in lists:
        for name, owner in zip(names, owners, strict=True):
            digest.update(json.dumps([stack, name, owner]).encode() + b"\n")
    return digest.hexdigest()


def open_folder(folder: Path) -> OutputsFolder:
    """A folder, all of it held against its record: the files, their bytes and their headers.

    Raises InputError SHARD-RECORD (no such folder, or its record is none), SHARD-FILE (a file lacks, is one too many,
    has other bytes, or is of something else) and OUTPUTS-FORMAT, EnvironmentProblem DISK-*.
    """
    record = _read(folder)
    try:
        found = regular_files(folder, MAX_FILES)
    except (OSError, ValueError, TooManyFiles) as error:
        raise _file(folder, f"cannot be taken: {printable(str(error))[:200]}") from error
    found.pop(FILE, None)
    if lacking := sorted(record.files.keys() - found.keys()):
        raise _file(folder, f"lacks {lacking[0]}, which its record lists")
    if more := sorted(found.keys() - record.files.keys()):
        raise _file(folder, f"holds {printable(more[0])[:200]}, which its record does not list")
    opened = OutputsFolder(folder, record)
    for part in record.parts:
        for run in record.runs if part.places else ():
            path = opened.file(part.stack, run)
            if sha256_file(path) != record.files[f"{part.stack}/{run.file}"]:
                raise _file(folder, f"{part.stack}/{run.file} has other bytes than its record says")
            with open_outputs(path) as reader:
                said, films = reader.layout.record, reader.layout.films
            mine = run.artifact, run.sha256, run.runtime, part.digest, len(part.places)
            if mine != (said.artifact, said.artifact_sha256, said.runtime, said.films_sha256, films):
                raise _file(
                    folder, f"{part.stack}/{run.file} is not of the artifact and the films that its record names"
                )
    return opened


def foreign(folder: Path) -> str | None:
    """What is there that neither ``verify --shard`` nor ``merge`` put there. None: nothing."""
    if not folder.is_dir():
        return folder.name
    try:
        found = regular_files(folder, MAX_FILES).keys()
    except (OSError, ValueError, TooManyFiles):
        return folder.name
    try:
        listed = {FILE, *_read(folder).files}
    except CxrError:
        listed = set()
    return min((name for name in found if name not in listed), default=None)


def _read(folder: Path) -> ShardRecord:
    try:
        data = read_bytes(folder / FILE, MAX_BYTES)
    except InputError as error:
        raise InputError(
            "SHARD-RECORD",
            f"{shown(folder)} holds no outputs: {error.cause}",
            "name a folder that `cxredge verify --shard` or `cxredge merge` wrote",
        ) from error
    try:
        tree = strict_json.parse(data, MAX_BYTES)
        if isinstance(tree, dict) and tree.get("format") != FORMAT:
            raise ValueError(f"its format is {ascii(tree.get('format'))[: strict_json.MAX_PLACE]}, not {FORMAT}")
        return ShardRecord.model_validate_json(data)
    except ValidationError as error:
        raise _record(folder, ": ".join(strict_json.first_fault(error))) from error
    except ValueError as error:
        raise _record(folder, str(error)) from error


def _record(folder: Path, what: str) -> InputError:
    return InputError(
        "SHARD-RECORD", f"{shown(folder / FILE)}: {what}", "run that shard again, with `cxredge` of this version"
    )


def _file(folder: Path, what: str) -> InputError:
    return InputError("SHARD-FILE", f"{shown(folder)} {what}", "copy the folder again, or run that shard again")
