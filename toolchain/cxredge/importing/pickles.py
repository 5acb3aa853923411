"""What ``torch.save`` writes, read without running any of it: named globals are held against a list before a load.

torch's restricted reader (``weights_only=True``) is the wall. The list before it is narrower: it leaves out what
builds tensors from sizes alone, and names what a pickle wants in words that a person can use.
"""

from __future__ import annotations

import errno
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import BinaryIO

from cxredge.errors import InputError, first_line, printable, some_of
from cxredge.importing.forms import SAVE, check_sizes, damaged, members, too_much, unzipping
from cxredge.importing.instructions import TooManyError, look_through
from cxredge.path_errors import shown

MAX_PICKLE = 16 << 20
"""Bytes of what describes the tensors: some hundred for each."""
MAX_STEPS = 4_000_000
"""Instructions of a pickle."""
PROTOCOL = 2
"""Of pickles that torch's restricted reader takes."""
PLAIN = re.compile(
    r"collections\.(OrderedDict|Counter)|argparse\.Namespace|_codecs\.encode"
    r"|(builtins|__builtin__)\.(set|complex)"
    r"|torch\.(Size|device|nn\.parameter\.Parameter|serialization\._get_layout)"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|parameter|parameter_with_state|sparse_tensor|qtensor"
    r"|meta_tensor_no_storage)"
    r"|torch\.([A-Z][A-Za-z0-9]*Storage|storage\.TypedStorage|bool|(b?float|u?int|qu?int|complex)[0-9x]+|per_(tensor|channel)_[a-z_]+)"
)
"""Globals that describe plain values and tensors; torch's own list decides again."""
NETWORK = re.compile(
    r"torch\.nn\.modules\.|torch\.nn\.Module|torch\.fx\.|torchvision\.models\.|timm\.(models|layers)\."
)
KIND = "torch._utils._rebuild_tensor_v3"
"""What builds tensors of the newer kinds of numbers."""
SAID = re.compile(r"(?:GLOBAL |<(?:class|built-in function) '?)([\w.]+)")
"""What torch's reader says of a global that it refuses."""


def load(stream: BinaryIO, size: int, place: Path, zipped: bool) -> object:
    """The plain values and tensors of the file, in the processor's memory.

    zipped: torch's form since version 1.6. Raises InputError IMPORT-PICKLE naming what the pickle wants,
    IMPORT-FORM for a whole network, IMPORT-DAMAGED, IMPORT-LIMIT.
    """
    _check(stream, size, place, zipped)
    import argparse

    import torch

    stream.seek(0)
    try:
        # timm's training script keeps its arguments so: attributes alone, and no code
        with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            warnings.simplefilter("ignore")
            found: object = torch.load(stream, weights_only=True, map_location="cpu", mmap=False)
    except pickle.UnpicklingError as error:
        if (named := SAID.search(str(error))) is not None:
            raise _code(place, [named[1]]) from error
        raise damaged(place, "what describes its tensors cannot be read") from error
    except Exception as error:  # a stranger's bytes can lead to any of Python's and torch's errors
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise damaged(place, f"torch cannot read it ({first_line(error)})") from error
    return found


def _check(stream: BinaryIO, size: int, place: Path, zipped: bool) -> None:
    """Refuse what the pickles name, before any of them is read."""
    if zipped:
        data, cut = _description(stream, size, place), False
    else:
        stream.seek(0)
        data, cut = stream.read(MAX_PICKLE), size > MAX_PICKLE
    try:
        found = look_through(data, MAX_STEPS, legacy=not zipped)
    except TooManyError as error:
        raise too_much(place, "more instructions that describe its tensors", MAX_STEPS) from error
    except (ValueError, OverflowError, IndexError) as error:
        if cut:
            raise too_much(place, "more bytes that describe its tensors", MAX_PICKLE) from error
        raise damaged(place, f"what describes its tensors is no whole pickle ({first_line(error)})") from error
    _check_globals(found.names, place)
    if not zipped and not found.magic:
        raise InputError(
            "IMPORT-FORM",
            f"{shown(place)} is a pickle that torch.save did not write",
            f"load it where you trust it: {SAVE}",
        )
    if found.protocols - {PROTOCOL}:
        raise InputError(
            "IMPORT-FORM",
            f"{shown(place)} has pickle protocol {max(map(str, found.protocols))}, and torch reads {PROTOCOL} alone",
            f"leave pickle_protocol out: {SAVE}",
        )


def _description(stream: BinaryIO, size: int, place: Path) -> bytes:
    listed = members(stream, size, place)
    check_sizes(listed, size, place)
    found = [m for m in listed if m.filename.partition("/")[2] == "data.pkl"]
    if len(found) != 1:
        raise damaged(place, f"it has {len(found)} descriptions of its tensors")
    if found[0].file_size > MAX_PICKLE:
        raise too_much(place, f"{found[0].file_size:,} bytes that describe its tensors", MAX_PICKLE)
    with unzipping(place), zipfile.ZipFile(stream) as archive:
        # torch does not look at them, and a turned bit of a weight is a weight
        if (broken := archive.testzip()) is not None:
            raise damaged(place, f"the checksum of {broken!a} in it differs, or it was written without checksums")
        return archive.read(found[0])


def _check_globals(names: tuple[str, ...], place: Path) -> None:
    wrong = [name for name in names if not PLAIN.fullmatch(name)]
    networks = [name for name in wrong if NETWORK.match(name)]
    if networks and any(name.startswith("torch.nn.modules.") for name in networks):
        raise InputError(
            "IMPORT-FORM",
            f"{shown(place)} holds a whole pickled network ({_list(wrong)}), which is code: none of it was run",
            f"where you trust it, load it and save its state_dict alone: {SAVE}",
        )
    if KIND in wrong:
        raise InputError(
            "IMPORT-TENSOR",
            f"{shown(place)} holds numbers of a kind that no student has (float8, or unsigned of 16 bits and more)",
            "save the network as float32: network.float().state_dict()",
        )
    if wrong:
        raise _code(place, wrong)


def _code(place: Path, wanted: list[str]) -> InputError:
    return InputError(
        "IMPORT-PICKLE",
        f"{shown(place)} is a pickle that wants {_list(wanted)}: that can be code, and none of it was run",
        f"where you trust it, load it and keep the tensors alone: {SAVE}",
    )


def _list(names: list[str]) -> str:
    return some_of([printable(name)[:80] for name in names])
