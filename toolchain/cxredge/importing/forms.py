"""What a file is, by its own bytes and never by its name; what holds no state dict is refused with the way out."""

from __future__ import annotations

import errno
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from cxredge.errors import InputError, first_line
from cxredge.path_errors import shown

Form = Literal["zip of torch.save", "pickle", "safetensors", "program"]
HEAD = 512
MAX_DIRECTORY = 32 << 20
"""Bytes of a zip's list of members: some 400,000 of them."""
MAX_MEMBERS = 100_000
"""Of a zip: one a tensor, with all of an optimiser's."""
END, LOCATOR, WIDE = 22, 20, 56
"""Bytes of a zip's end, and of the two records before it that a large one has (APPNOTE 6.3.10, 4.3.14 to 4.3.16)."""
SCRIPT = "torch.save(torch.jit.load('model.pt').state_dict(), 'weights.pth')"
SAVE = "in Python, write torch.save(network.state_dict(), 'weights.pth') and name that file"
FOREIGN = {
    "TorchScript": f"in Python, write {SCRIPT} and name that file",
    "ONNX": f"name what it was exported from: {SAVE}",
    "Keras (HDF5)": "write the network in PyTorch (--code), carry the weights over, and name their state dict",
    "TFLite": f"name what it was converted from: {SAVE}",
    "ExecuTorch": f"name what it was exported from: {SAVE}",
    "GGUF": f"name what it was converted from: {SAVE}",
    "NumPy": "carry the arrays over into a state dict, and name the file that torch.save writes",
    "torch tar (before version 0.1.10)": "load it where you trust it, and write it with torch.save again",
    "a web page": "download the file itself, and not the page about it",
    "a pointer of Git LFS": "fetch the file itself: git lfs pull",
    "zip": "unpack it, and name the folder or the file of weights in it",
}
"""What is recognised and not taken, and what to do instead."""


def form_of(stream: BinaryIO, size: int, place: Path) -> Form:
    """What the file is, judged by its first bytes and, of a zip, by its members; leaves the stream anywhere.

    size: bytes of the file. Raises InputError IMPORT-FORM for what is something else, IMPORT-DAMAGED, IMPORT-LIMIT.
    """
    stream.seek(0)
    head = stream.read(HEAD)
    # first of all: the size that it begins with can be the first letters of any other form
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8:
        return "safetensors"
    if head[:2] == b"PK":
        return _zip_form(stream, size, place)
    if (name := _foreign(head, place)) is not None:
        raise foreign(place, name)
    if head[:1] == b"\x80":
        return "pickle"
    if head[8:9] == b"{":
        raise damaged(place, f"it begins as safetensors do, and a part of it is missing ({size:,} bytes are left)")
    if not any(head):
        raise damaged(place, "it is empty, or begins with zeros")
    raise InputError(
        "IMPORT-FORM",
        f"{shown(place)} is no file of weights that is known: it begins with {head[:8]!r}",
        f"name a state dict, a safetensors file or a program of torch.export: {SAVE}",
    )


def foreign(place: Path, name: str) -> InputError:
    """The refusal of what is recognised and holds no state dict."""
    return InputError("IMPORT-FORM", f"{shown(place)} is {name}, which holds no state dict", FOREIGN[name])


def damaged(place: Path, why: str) -> InputError:
    """The refusal of a file that is not whole, or lies about its sizes."""
    return InputError("IMPORT-DAMAGED", f"{shown(place)} is damaged: {why}", "copy or download it again")


def too_much(place: Path, what: str, most: int) -> InputError:
    """The refusal of a file with more of something than is read."""
    return InputError("IMPORT-LIMIT", f"{shown(place)} has {what}; {most:,} are read", SAVE)


def _foreign(head: bytes, place: Path) -> str | None:
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "Keras (HDF5)"
    if head[4:8] == b"TFL3":
        return "TFLite"
    if head[4:8] in (b"ET12", b"ET13"):
        return "ExecuTorch"
    if head.startswith(b"GGUF"):
        return "GGUF"
    if head.startswith(b"\x93NUMPY"):
        return "NumPy"
    if head.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        return "a web page"
    if head.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS"
    if head[257:262] == b"ustar":
        return "torch tar (before version 0.1.10)"
    # ModelProto: its version (field 1, a small number), then a string or the graph
    if head[:1] == b"\x08" and len(head) > 2 and head[1] < 32 and (head[2] in (0x12, 0x1A, 0x22, 0x2A, 0x3A, 0x42)):
        return "ONNX"
    return "ONNX" if place.suffix == ".onnx" else None


def _zip_form(stream: BinaryIO, size: int, place: Path) -> Form:
    names = [member.filename for member in members(stream, size, place)]
    inner = {name.partition("/")[2] for name in names}
    if "archive_format" in inner or any(name.startswith("models/") and name.endswith(".json") for name in inner):
        return "program"
    if "serialized_exported_program.json" in names:
        return "program"
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        raise foreign(place, "TorchScript")
    if "data.pkl" in inner:
        return "zip of torch.save"
    if names and all(name.endswith(".npy") for name in names):
        raise foreign(place, "NumPy")
    if any(name.endswith(".weights.h5") for name in names):
        raise foreign(place, "Keras (HDF5)")
    raise foreign(place, "zip")


def members(stream: BinaryIO, size: int, place: Path) -> list[zipfile.ZipInfo]:
    """The list of members of a zip, no longer than is read. Raises InputError IMPORT-DAMAGED, IMPORT-LIMIT."""
    _check_directory(stream, size, place)
    with unzipping(place), zipfile.ZipFile(stream) as archive:
        return archive.infolist()


@contextmanager
def unzipping(place: Path) -> Iterator[None]:
    """What the zip reader says of a torn zip, as IMPORT-DAMAGED; what the disk says stays what it is."""
    try:
        yield
    except (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, struct.error, OverflowError) as error:
        raise damaged(place, f"the zip cannot be read ({first_line(error)})") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's beginning
            raise
        raise damaged(place, "the zip points out of itself") from error


def check_sizes(found: list[zipfile.ZipInfo], size: int, place: Path) -> None:
    """Hold what the members of torch's zip announce against the file: stored, not packed, and together no larger.

    A member that is packed, or bytes that several members share, is how a small file announces a large one.
    Raises InputError IMPORT-DAMAGED.
    """
    packed = [m.filename for m in found if m.compress_type != zipfile.ZIP_STORED or m.compress_size != m.file_size]
    announced = sum(m.file_size for m in found)
    if announced > size:
        raise damaged(place, f"its members announce {announced:,} bytes together, and it has {size:,}")
    if packed:
        raise damaged(place, f"{packed[0]!a} in it is packed, which torch.save never does")
    if len({m.filename for m in found}) != len(found):
        raise damaged(place, "two of its members have one name")


def _check_directory(stream: BinaryIO, size: int, place: Path) -> None:
    """Hold the size of the list of members, from the zip's end, against what is read: before it is read."""
    tail = min(size, END + 0xFFFF + WIDE + LOCATOR)
    stream.seek(size - tail)
    end = stream.read(tail)
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) - at < END:
        raise damaged(place, "it is a zip without an end: a part of it is missing")
    _, _, _, count, length = struct.unpack_from("<HHHHI", end, at + 4)
    if end[max(0, at - LOCATOR) : at].startswith(b"PK\x06\x07"):
        # readers differ in where they look for the wide record: right before its locator, or where that points
        (pointed,) = struct.unpack_from("<Q", end, at - LOCATOR + 8)
        for start in {size - tail + at - LOCATOR - WIDE, pointed}:
            stream.seek(min(max(start, 0), size))
            wide = stream.read(WIDE)
            if len(wide) == WIDE and wide.startswith(b"PK\x06\x06"):
                more = struct.unpack_from("<QQ", wide, 32)
                count, length = max(count, more[0]), max(length, more[1])
    if length > MAX_DIRECTORY or count > MAX_MEMBERS:
        raise too_much(place, f"a list of {count:,} members in {length:,} bytes", MAX_MEMBERS)
