"""The outputs file: what one artifact, or the reference, said of a list of films.

Producing outputs and judging them are apart: a phone, an emulator or this machine writes the same file, and the same
code judges it. It is safetensors with the outputs of the student contract and one metadata entry that names the
artifact and the films by hash, so that outputs of another bundle or another film list are refused. A file may be from
anywhere: its header (``outputs_layout``) is held against the file's size, byte for byte, before an array is read.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.files import sha256_bytes, write_bytes
from cxredge.outputs_layout import films_of, names_shown, record_of, refuse, write_header, wrong_shape
from cxredge.outputs_stream import NEGATIVE, open_outputs
from cxredge.vocabulary import OUTPUT_NAMES

Outputs = dict[str, NDArray[np.float32]]
"""``logits`` float32[N, C]; ``cam`` float32[N, C, h, w], ``novelty`` float32[N] and ``quality`` float32[N, K], each
there or not."""


@dataclass(frozen=True)
class OutputsFile:
    """A read outputs file: whose outputs, of which films, and the arrays."""

    artifact: str
    artifact_sha256: str
    films_sha256: str
    runtime: str
    outputs: Outputs


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
        raise refuse(f"there is no output {', '.join(missing)}, only {names_shown(outputs)}")
    if unknown := set(outputs) - set(OUTPUT_NAMES):
        raise refuse(f"there are outputs {names_shown(unknown)}, and the contract knows {', '.join(OUTPUT_NAMES)}")
    ordered = {name: outputs[name] for name in OUTPUT_NAMES if name in outputs}
    for name, array in ordered.items():
        if not isinstance(array, np.ndarray):
            raise refuse(f"{name} is of type {type(array).__name__}, not a NumPy array")
        if array.dtype != np.float32:
            raise refuse(f"{name} is {array.dtype}, not float32")
    shapes = {name: array.shape for name, array in ordered.items()}
    if wrong := wrong_shape(shapes, films_of(shapes["logits"]) if films is None else films):
        raise refuse(wrong)
    for name, array in ordered.items():
        if not np.isfinite(array).all():
            raise refuse(f"{name} holds NaN or infinity")
    return ordered


def write_outputs(
    path: Path, artifact: str, artifact_sha256: str, films_sha256: str, runtime: str, outputs: Outputs
) -> None:
    """Write an outputs file atomically; equal outputs give equal bytes. runtime: what ran the artifact, in words.

    Raises InputError OUTPUTS-FORMAT (a name or hash is none, the arrays are too large, or a novelty is negative) or
    RUN-OUTPUT, so that what is written can be read.
    """
    record = record_of(path, artifact, artifact_sha256, films_sha256, runtime)
    checked = check_outputs(str(path), outputs, None)
    if "novelty" in checked and (checked["novelty"] < 0).any():
        raise refuse(path, NEGATIVE)
    head, _ = write_header(path, record, {name: array.shape for name, array in checked.items()})
    write_bytes(path, b"".join((head, *(np.ascontiguousarray(checked[n], "<f4").tobytes() for n in sorted(checked)))))


def read_outputs(path: Path) -> OutputsFile:
    """Read an outputs file: every value is looked at once, a block of films at a time, and then the arrays are mapped.

    They may be written to, and the file stays as it is. It has to stay there as it is while they are used: a
    stranger's is copied first. Raises InputError OUTPUTS-FORMAT or RUN-OUTPUT.
    """
    with open_outputs(path) as reader:
        reader.check()
        layout = reader.layout
        try:
            mapped = mmap.mmap(reader.stream.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            raise refuse(path, f"it cannot be mapped: {error}") from error
    arrays = {
        name: np.frombuffer(mapped, "<f4", prod(shape), layout.begins[name]).reshape(shape)
        for name, shape in layout.shapes.items()
    }
    record = layout.record
    ordered = {name: arrays[name] for name in OUTPUT_NAMES if name in arrays}
    return OutputsFile(record.artifact, record.artifact_sha256, record.films_sha256, record.runtime, ordered)
