"""What an outputs file begins with: safetensors' header, which says whose outputs these are, and where each array is.

Of the arrays nothing is read here. A header is held against the file's size, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import ConfigDict, ValidationError

from cxredge import strict_json
from cxredge.errors import InputError, counted
from cxredge.vocabulary import MAX_LABELS, OUTPUT_NAMES, ArtifactName, Frozen, Sha256, ShortText

RANKS = {"logits": 2, "cam": 4, "novelty": 1, "quality": 2}
MAX_COLUMNS = {"logits": MAX_LABELS, "quality": 4}
"""As many labels and kinds of quality as a manifest may list."""
FORMAT = "cxredge-outputs-2"
METADATA_KEY = "cxredge"
"""Of the safetensors metadata: a JSON record of format, artifact and film list."""
MAX_HEADER = 16_384
"""Bytes of the safetensors header, which has four tensors and one metadata entry at most."""
MAX_BYTES = 2**40
"""Bytes of an outputs file, which is never read whole: a fourth is fourteen maps of 64 x 64 of a million films."""
MAX_FILM = 2**26
"""Bytes of one array of one film, which is the least that is held: 64 maps of 512 x 512."""

Shapes = Mapping[str, tuple[int, ...]]


class OutputsRecord(Frozen):
    """The metadata entry."""

    model_config = ConfigDict(strict=True)

    format: Literal["cxredge-outputs-2"]
    artifact: Literal["reference"] | ArtifactName
    artifact_sha256: Sha256
    films_sha256: Sha256
    runtime: ShortText


@dataclass(frozen=True)
class Layout:
    """A header: whose outputs, the arrays' shapes, and where in the file each begins."""

    record: OutputsRecord
    shapes: Shapes
    begins: Mapping[str, int]

    @property
    def films(self) -> int:
        """How many films the outputs are of."""
        return self.shapes["logits"][0]


def record_of(path: Path, artifact: str, artifact_sha256: str, films_sha256: str, runtime: str) -> OutputsRecord:
    """The metadata entry of the file ``path``. runtime: what ran the artifact, in words.

    Raises InputError OUTPUTS-FORMAT: a name or hash is none.
    """
    return _record(
        path,
        {
            "format": FORMAT,
            "artifact": artifact,
            "artifact_sha256": artifact_sha256,
            "films_sha256": films_sha256,
            "runtime": runtime,
        },
    )


def write_header(path: Path, record: OutputsRecord, shapes: Shapes) -> tuple[bytes, Layout]:
    """What the file ``path`` begins with; the arrays follow in the order of their names, as the library writes them.

    Raises InputError OUTPUTS-FORMAT: they are too large.
    """
    # one metadata entry: the library writes several in an order that changes from process to process
    header: dict[str, object] = {"__metadata__": {METADATA_KEY: json.dumps(record.model_dump(), sort_keys=True)}}
    offsets, at = {}, 0
    for name in sorted(shapes):
        offsets[name], end = at, at + 4 * prod(shapes[name])
        header[name] = {"dtype": "F32", "shape": list(shapes[name]), "data_offsets": [at, end]}
        at = end
    if at > MAX_BYTES - MAX_HEADER:
        raise refuse(path, f"its arrays have more than {MAX_BYTES - MAX_HEADER} bytes")
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    head = len(text).to_bytes(8, "little") + text
    return head, Layout(record, dict(shapes), {name: len(head) + offset for name, offset in offsets.items()})


def read_header(path: Path, stream: BinaryIO, size: int) -> Layout:
    """The header of the file ``path``, open as ``stream``, of ``size`` bytes. Raises InputError OUTPUTS-FORMAT."""
    try:
        header, start = _header(stream, size)
        record = _record(path, _metadata(header))
        parts = _layout(header, size - start)
    except OSError as error:
        raise refuse(path, f"it cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise refuse(path, str(error)) from error
    begins = {name: start + begin for name, (_, begin) in parts.items()}
    return Layout(record, {name: shape for name, (shape, _) in parts.items()}, begins)


def wrong_shape(shapes: Mapping[str, tuple[int, ...]], films: int) -> str | None:
    """What is wrong with shapes of known names, ``logits`` among them; None: nothing."""
    for name, shape in shapes.items():
        if len(shape) != RANKS[name]:
            return f"{name} has {len(shape)} dimensions, not {RANKS[name]}"
        if films < 1:
            return "there is no film"
        if shape[0] != films:
            return f"{name} is of {counted(shape[0], 'film')}, not {films}"
        if 0 in shape:
            return f"{name} is empty: {list(shape)}"
        if 4 * prod(shape[1:]) > MAX_FILM:
            return f"{name} has more than {MAX_FILM} bytes a film"
        if name in MAX_COLUMNS and shape[1] > MAX_COLUMNS[name]:
            return f"{name} has {shape[1]} columns, above {MAX_COLUMNS[name]}"
    if "cam" in shapes and shapes["cam"][1] != shapes["logits"][1]:
        return f"cam has {shapes['cam'][1]} maps a film, and there are {shapes['logits'][1]} logits"
    return None


def films_of(logits: tuple[int, ...]) -> int:
    """Number of films by the shape of the logits."""
    return logits[0] if logits else 0


def names_shown(names: Iterable[str]) -> str:
    """Names that may be a stranger's, kept short."""
    return ascii(sorted(map(str, names))[:8])[: strict_json.MAX_PLACE]


def refuse(path: Path, cause: str) -> InputError:
    """What is wrong with a file, OUTPUTS-FORMAT."""
    return InputError("OUTPUTS-FORMAT", f"{path}: {cause}", "write it with `cxredge` or an app of this version")


def _record(path: Path, tree: object) -> OutputsRecord:
    """The metadata entry, typed."""
    found = tree.get("format") if isinstance(tree, dict) else None
    if found != FORMAT:
        raise refuse(path, f"its metadata says that it is {ascii(found)[: strict_json.MAX_PLACE]}, not {FORMAT}")
    try:
        return OutputsRecord.model_validate(tree)
    except ValidationError as error:
        place, what = strict_json.first_fault(error)
        raise refuse(path, f"{METADATA_KEY} of its metadata: {place}: {what}") from error


def _header(stream: BinaryIO, size: int) -> tuple[dict[str, object], int]:
    """The safetensors header, and where the arrays begin: eight bytes of length, JSON, then the arrays."""
    if size > MAX_BYTES:
        raise ValueError(f"it has {size} bytes, above {MAX_BYTES}")
    length = int.from_bytes(stream.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER, size - 8):
        raise ValueError(f"it is no safetensors file of outputs: its header would have {length} bytes")
    data = stream.read(length)
    header = strict_json.parse(data, MAX_HEADER)
    if not isinstance(header, dict) or data[:1] != b"{":
        raise ValueError("its header is no JSON object")
    return header, 8 + length


def _metadata(header: Mapping[str, object]) -> object:
    metadata = header.get("__metadata__")
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) and len(metadata) == 1 else None
    if not isinstance(text, str):
        raise ValueError(f"its metadata is not one entry {METADATA_KEY}")
    return strict_json.parse(text.encode("utf-8"), MAX_HEADER)


def _layout(header: Mapping[str, object], size: int) -> dict[str, tuple[tuple[int, ...], int]]:
    """Shape of each array and where it begins among ``size`` bytes, which they fill without a gap."""
    names = [name for name in header if name != "__metadata__"]
    if not {"logits"} <= set(names) <= set(OUTPUT_NAMES):
        raise ValueError(
            f"it holds {names_shown(names)}; logits are due, and may have {', '.join(OUTPUT_NAMES[1:])} beside"
        )
    parts = {name: _part(name, header[name]) for name in names}
    shapes = {name: shape for name, (shape, _, _) in parts.items()}
    if wrong := wrong_shape(shapes, films_of(shapes["logits"])):
        raise ValueError(wrong)
    at = 0
    for name, (shape, begin, end) in sorted(parts.items(), key=lambda item: item[1][1]):
        if begin != at or end != begin + 4 * prod(shape):
            raise ValueError(f"{name} does not lie where the array before it ends, or has not the bytes of its shape")
        at = end
    if at != size:
        raise ValueError(f"its arrays have {at} bytes, and {size} are there")
    return {name: (shape, begin) for name, (shape, begin, _) in parts.items()}


def _part(name: str, entry: object) -> tuple[tuple[int, ...], int, int]:
    """Shape, begin and end of one array, as the header says."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"} or entry["dtype"] != "F32":
        raise ValueError(f"{name} is not described by dtype F32, shape and data_offsets")
    shape, offsets = _sizes(name, entry["shape"]), _sizes(name, entry["data_offsets"])
    if len(offsets) != 2:
        raise ValueError(f"{name} has not two data_offsets")
    begin, end = offsets
    return shape, begin, end


def _sizes(name: str, values: object) -> tuple[int, ...]:
    """Whole numbers of at most the size of a file: no truth values, which Python counts as such."""
    if not isinstance(values, list) or not all(type(value) is int and 0 <= value <= MAX_BYTES for value in values):
        raise ValueError(f"shape or data_offsets of {name} are not whole numbers from 0 to {MAX_BYTES}")
    return tuple(values)
