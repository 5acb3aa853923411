"""The outputs file: what one artifact, or the reference, said of a list of films.

Producing outputs and judging them are apart: a phone, an emulator or this machine writes the same file, and the same
code judges it. It is safetensors with the outputs of the student contract and one metadata entry that names the
artifact and the films by hash, so that outputs of another bundle or another film list are refused. A file may be from
anywhere: its header is held against the file's size, byte for byte, before an array is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, ValidationError

from cxredge import strict_json
from cxredge.errors import InputError
from cxredge.files import open_regular, sha256_bytes, write_bytes
from cxredge.vocabulary import MAX_LABELS, OUTPUT_NAMES, ArtifactName, Frozen, Sha256, ShortText

Outputs = dict[str, NDArray[np.float32]]
"""``logits`` float32[N, C]; ``cam`` float32[N, C, h, w], ``novelty`` float32[N] and ``quality`` float32[N, K], each
there or not."""

RANKS = {"logits": 2, "cam": 4, "novelty": 1, "quality": 2}
MAX_COLUMNS = {"logits": MAX_LABELS, "quality": 4}
"""As many labels and kinds of quality as a manifest may list."""
FORMAT = "cxredge-outputs-2"
METADATA_KEY = "cxredge"
"""Of the safetensors metadata: a JSON record of format, artifact and film list."""
MAX_HEADER = 16_384
"""Bytes of the safetensors header, which has four tensors and one metadata entry at most."""
MAX_BYTES = 2**31
"""Bytes of an outputs file, which is read whole."""


@dataclass(frozen=True)
class OutputsFile:
    """A read outputs file: whose outputs, of which films, and the arrays."""

    artifact: str
    artifact_sha256: str
    films_sha256: str
    runtime: str
    outputs: Outputs


class _Record(Frozen):
    """The metadata entry."""

    model_config = ConfigDict(strict=True)

    format: Literal["cxredge-outputs-2"]
    artifact: Literal["reference"] | ArtifactName
    artifact_sha256: Sha256
    films_sha256: Sha256
    runtime: ShortText


def films_digest(films: Iterable[str]) -> str:
    """SHA-256 over the films' own SHA-256 values, one a line: names a list of films and its order."""
    return sha256_bytes("".join(f"{film}\n" for film in films).encode("ascii"))


def check_outputs(
    what: str, outputs: Mapping[str, NDArray[np.float32]], films: int | None, needed: Sequence[str] = OUTPUT_NAMES[:1]
) -> Outputs:
    """Hold outputs of ``films`` films against the contract, and return them in its order.

    films: None: as many as the logits are of. needed: names that must be there. Raises InputError RUN-OUTPUT: there
    are no arrays by name, a name is missing or unknown, a shape or dtype is wrong, a value is not finite, or there
    is no film.
    """

    def refuse(cause: str) -> InputError:
        return InputError(
            "RUN-OUTPUT", f"{what}: {cause}", "rebuild the artifact from a student that keeps the contract"
        )

    if not isinstance(outputs, Mapping):
        raise refuse(f"the outputs are of type {type(outputs).__name__}, not arrays by name")
    if missing := [name for name in needed if name not in outputs]:
        raise refuse(f"there is no output {', '.join(missing)}, only {_shown(outputs)}")
    if unknown := set(outputs) - set(OUTPUT_NAMES):
        raise refuse(f"there are outputs {_shown(unknown)}, and the contract knows {', '.join(OUTPUT_NAMES)}")
    ordered = {name: outputs[name] for name in OUTPUT_NAMES if name in outputs}
    for name, array in ordered.items():
        if not isinstance(array, np.ndarray):
            raise refuse(f"{name} is of type {type(array).__name__}, not a NumPy array")
        if array.dtype != np.float32:
            raise refuse(f"{name} is {array.dtype}, not float32")
    shapes = {name: array.shape for name, array in ordered.items()}
    if wrong := wrong_shape(shapes, _films(shapes["logits"]) if films is None else films):
        raise refuse(wrong)
    for name, array in ordered.items():
        if not np.isfinite(array).all():
            raise refuse(f"{name} holds NaN or infinity")
    return ordered


def wrong_shape(shapes: Mapping[str, tuple[int, ...]], films: int) -> str | None:
    """What is wrong with shapes of known names, ``logits`` among them; None: nothing."""
    for name, shape in shapes.items():
        if len(shape) != RANKS[name]:
            return f"{name} has {len(shape)} dimensions, not {RANKS[name]}"
        if films < 1:
            return "there is no film"
        if shape[0] != films:
            return f"{name} is of {shape[0]} films, not {films}"
        if 0 in shape:
            return f"{name} is empty: {list(shape)}"
        if name in MAX_COLUMNS and shape[1] > MAX_COLUMNS[name]:
            return f"{name} has {shape[1]} columns, above {MAX_COLUMNS[name]}"
    if "cam" in shapes and shapes["cam"][1] != shapes["logits"][1]:
        return f"cam has {shapes['cam'][1]} maps a film, and there are {shapes['logits'][1]} logits"
    return None


def _films(logits: tuple[int, ...]) -> int:
    """Number of films by the shape of the logits."""
    return logits[0] if logits else 0


def _shown(names: Iterable[str]) -> str:
    """Names that may be a stranger's, kept short."""
    return ascii(sorted(map(str, names))[:8])[: strict_json.MAX_PLACE]


def write_outputs(
    path: Path, artifact: str, artifact_sha256: str, films_sha256: str, runtime: str, outputs: Outputs
) -> None:
    """Write an outputs file atomically; equal outputs give equal bytes. runtime: what ran the artifact, in words.

    Raises InputError OUTPUTS-FORMAT (a name or hash is none, the arrays are too large, or a novelty is negative) or
    RUN-OUTPUT, so that what is written can be read.
    """
    from safetensors.numpy import save

    record = {
        "format": FORMAT,
        "artifact": artifact,
        "artifact_sha256": artifact_sha256,
        "films_sha256": films_sha256,
        "runtime": runtime,
    }
    _record(path, record)
    checked = _check_file(path, outputs)
    if sum(array.nbytes for array in checked.values()) > MAX_BYTES - MAX_HEADER:
        raise _refuse(path, f"its arrays have more than {MAX_BYTES - MAX_HEADER} bytes")
    arrays = {name: np.ascontiguousarray(array) for name, array in checked.items()}
    # one metadata entry: the library writes several in an order that changes from process to process
    write_bytes(path, save(arrays, metadata={METADATA_KEY: json.dumps(record, sort_keys=True)}))


def read_outputs(path: Path) -> OutputsFile:
    """Read an outputs file. Raises InputError OUTPUTS-FORMAT or RUN-OUTPUT."""
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            header, start = _header(stream, size)
            record = _record(path, _metadata(header))
            layout = _layout(header, size - start)
            arrays = {name: _array(stream, start + begin, shape) for name, (shape, begin) in layout.items()}
    except OSError as error:
        raise _refuse(path, f"it cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _refuse(path, str(error)) from error
    outputs = _check_file(path, arrays)
    return OutputsFile(record.artifact, record.artifact_sha256, record.films_sha256, record.runtime, outputs)


def _check_file(path: Path, outputs: Mapping[str, NDArray[np.float32]]) -> Outputs:
    """``check_outputs``, and no novelty below zero: an artifact that rounds may answer one, but a distance is none."""
    checked = check_outputs(str(path), outputs, None)
    if "novelty" in checked and (checked["novelty"] < 0).any():
        raise _refuse(path, "novelty is negative, and a squared distance is not")
    return checked


def _refuse(path: Path, cause: str) -> InputError:
    return InputError("OUTPUTS-FORMAT", f"{path}: {cause}", "write it with `cxredge` or an app of this version")


def _record(path: Path, tree: object) -> _Record:
    """The metadata entry, typed."""
    found = tree.get("format") if isinstance(tree, dict) else None
    if found != FORMAT:
        raise _refuse(path, f"its metadata says that it is {ascii(found)[: strict_json.MAX_PLACE]}, not {FORMAT}")
    try:
        return _Record.model_validate(tree)
    except ValidationError as error:
        place, what = strict_json.first_fault(error)
        raise _refuse(path, f"{METADATA_KEY} of its metadata: {place}: {what}") from error


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
        raise ValueError(f"it holds {_shown(names)}; logits are due, and may have {', '.join(OUTPUT_NAMES[1:])} beside")
    parts = {name: _part(name, header[name]) for name in names}
    shapes = {name: shape for name, (shape, _, _) in parts.items()}
    if wrong := wrong_shape(shapes, _films(shapes["logits"])):
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


def _array(stream: BinaryIO, begin: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    stream.seek(begin)
    data = stream.read(4 * prod(shape))
    if len(data) != 4 * prod(shape):
        raise ValueError("it was cut while it was read")
    return np.frombuffer(data, "<f4").astype(np.float32).reshape(shape)
