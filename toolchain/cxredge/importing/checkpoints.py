"""A stranger's checkpoint: recognised by its bytes, bounded, and read without running any code of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cxredge.errors import InputError, nearest, printable
from cxredge.files import open_regular
from cxredge.importing import pickles
from cxredge.importing.entries import MAX_TENSORS, entries_of
from cxredge.importing.facts import Facts, facts_of
from cxredge.importing.folders import read_folder
from cxredge.importing.forms import SAVE, damaged, form_of, too_much
from cxredge.importing.tensors import halves, usable
from cxredge.path_errors import reading, shown
from cxredge.students import MAX_BYTES as STUDENT_BYTES

if TYPE_CHECKING:
    from torch import Tensor

MAX_BYTES = 4 * STUDENT_BYTES
"""Of a file: the weights of the largest student, their moving average and an optimiser's two moments of them."""
MAX_HEADER = 16 << 20
"""Bytes of a safetensors file's description of its tensors."""
LIGHTNING = "pytorch-lightning_version"
SHOWN_KEYS = 8
BLOCK = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """What was handed in.

    form: in words ("state dict", "checkpoint (torch.save)", "Lightning checkpoint", "safetensors", "timm folder",
    "MONAI bundle", "program (.pt2)"). file: the one with the tensors. sha256: of that file's bytes, as read.
    entries: state dicts by name, "" for one that is the whole file; their tensors are as they were read: ``entry``
    makes them usable. A program has none, and its bytes are in ``program``. facts: what it says beside tensors. notes:
    what was done to be read, for a person.
    """

    form: str
    file: Path
    sha256: str
    entries: Mapping[str, Mapping[str, Tensor]]
    facts: Facts
    notes: tuple[str, ...] = ()
    program: bytes = b""


def read_checkpoint(place: Path) -> Checkpoint:
    """The checkpoint at a file or a folder. Code in it is refused and never runs.

    Raises InputError IMPORT-FORM, IMPORT-FOLDER, IMPORT-CONFIG, IMPORT-PICKLE, IMPORT-DAMAGED, IMPORT-LIMIT,
    IMPORT-EMPTY, PATH-READ; EnvironmentProblem DISK-*.
    """
    if not os.path.isdir(place):
        return _read_file(place)
    folder = read_folder(place)
    found = _read_file(folder.weights)
    return replace(found, form=folder.form, facts=folder.facts)


def entry(checkpoint: Checkpoint, name: str | None) -> tuple[str, Mapping[str, Tensor]]:
    """The name and the usable tensors (see ``tensors.usable``) of the asked state dict; None: of the only one.

    Raises InputError IMPORT-ENTRY with the choices, and what ``tensors.usable`` raises.
    """
    names = list(checkpoint.entries)
    if name is None and len(names) == 1:
        name = names[0]
    if name is None or name not in checkpoint.entries:
        if not names:
            raise InputError("IMPORT-ENTRY", f"{shown(checkpoint.file)} is a program: it has no state dict", SAVE)
        held = f"{shown(checkpoint.file)} holds "
        raise InputError(
            "IMPORT-ENTRY",
            held
            + (
                f"{len(names)} state dicts, and none is named"
                if name is None
                else f"no state dict that is called {printable(name)}"
            ),
            "name the one that was evaluated",
            [n or '""' for n in nearest(name or "", names)],
        )
    return name, usable(checkpoint.entries[name], _words(checkpoint.file, name))


def _read_file(place: Path) -> Checkpoint:
    with reading(place), open_regular(place) as stream:
        before = os.fstat(stream.fileno())
        if before.st_size > MAX_BYTES:
            raise too_much(place, f"{before.st_size:,} bytes", MAX_BYTES)
        found = _read_stream(stream, before.st_size, place, _sha256(stream))
        after = os.fstat(stream.fileno())
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise damaged(place, "it changed while it was read")
    return found


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := stream.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _read_stream(stream: BinaryIO, size: int, place: Path, sha256: str) -> Checkpoint:
    form = form_of(stream, size, place)
    if form == "program":
        stream.seek(0)
        return Checkpoint("program (.pt2)", place, sha256, {}, Facts(), program=stream.read())
    if form == "safetensors":
        loaded: object = _safetensors(stream, size, place)
    else:
        loaded = pickles.load(stream, size, place, zipped=form == "zip of torch.save")
    entries = entries_of(loaded, place)
    if not entries:
        raise _empty(loaded, place)
    words: str = form
    if form != "safetensors":
        lightning = isinstance(loaded, Mapping) and LIGHTNING in loaded
        whole = "state dict" if list(entries) == [""] else "checkpoint (torch.save)"
        words = "Lightning checkpoint" if lightning else whole
    notes = [note for name, found in entries.items() if (note := halves(found, _words(place, name))) is not None]
    return Checkpoint(words, place, sha256, entries, facts_of({} if "" in entries else loaded), tuple(notes))


def _safetensors(stream: BinaryIO, size: int, place: Path) -> dict[str, Tensor]:
    """Its own reader holds the bounds of every tensor against the file; the size of its description is held here."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    stream.seek(0)
    header = int.from_bytes(stream.read(8), "little")
    if header > size - 8:
        raise damaged(place, f"it announces {header:,} bytes that describe its tensors, and has {size:,}")
    if header > MAX_HEADER:
        raise too_much(place, f"{header:,} bytes that describe its tensors", MAX_HEADER)
    stream.seek(0)
    try:
        found = load(stream.read())
    except (SafetensorError, KeyError, ValueError, RuntimeError, TypeError, OverflowError) as error:
        raise damaged(place, f"it is no whole safetensors file ({printable(str(error))[:200]})") from error
    if len(found) > MAX_TENSORS:
        raise too_much(place, f"{len(found):,} tensors", MAX_TENSORS)
    return found


def _empty(loaded: object, place: Path) -> InputError:
    if isinstance(loaded, Mapping):
        keys = [printable(str(key))[:40] for key in list(loaded)[:SHOWN_KEYS]]
        what = f"a mapping with {', '.join(keys)}" if keys else "an empty mapping"
    else:
        what = f"a {type(loaded).__name__}"
    return InputError("IMPORT-EMPTY", f"{shown(place)} holds no state dict of a network: it is {what}", SAVE)


def _words(place: Path, name: str) -> str:
    return f"{printable(name)} of {shown(place)}" if name else shown(place)
