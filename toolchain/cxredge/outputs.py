"""The outputs file: what one artifact, or the reference, said of a list of films.

Producing outputs and judging them are apart: a phone, an emulator or this machine writes the same file, and the same
code judges it. It is safetensors with the three outputs of the student contract and metadata that names the artifact
and the films by hash, so that outputs of another bundle or another film list are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.files import sha256_bytes, write_bytes

Outputs = dict[str, NDArray[np.float32]]
"""``logits`` float32[N, C], ``cam`` float32[N, C, h, w], ``novelty`` float32[N]."""

OUTPUT_NAMES = ("logits", "cam", "novelty")
FORMAT = "cxredge-outputs-1"
METADATA_KEY = "cxredge"
"""Of the safetensors metadata: a JSON record of format, artifact and film list."""


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


def check_outputs(what: str, outputs: Mapping[str, NDArray[np.float32]], films: int) -> Outputs:
    """Hold outputs of ``films`` films against the student contract, and return them in its order.

    Raises InputError RUN-OUTPUT: a name is missing or unknown, a shape or dtype is wrong, or a value is not finite.
    """

    def refuse(cause: str) -> InputError:
        return InputError(
            "RUN-OUTPUT", f"{what}: {cause}", "rebuild the artifact from a student that keeps the contract"
        )

    if set(outputs) != set(OUTPUT_NAMES):
        raise refuse(f"outputs are {sorted(outputs)}, not {sorted(OUTPUT_NAMES)}")
    logits, cam, novelty = (outputs[name] for name in OUTPUT_NAMES)
    ranks = logits.ndim == 2 and cam.ndim == 4 and novelty.ndim == 1
    if not ranks or {len(logits), len(cam), len(novelty)} != {films} or logits.shape[1] != cam.shape[1]:
        raise refuse(f"shapes for {films} films are logits {logits.shape}, cam {cam.shape}, novelty {novelty.shape}")
    for name in OUTPUT_NAMES:
        if outputs[name].dtype != np.float32:
            raise refuse(f"{name} is {outputs[name].dtype}, not float32")
        if not np.isfinite(outputs[name]).all():
            raise refuse(f"{name} holds NaN or infinity")
    return {name: outputs[name] for name in OUTPUT_NAMES}


def write_outputs(
    path: Path, artifact: str, artifact_sha256: str, films_sha256: str, runtime: str, outputs: Outputs
) -> None:
    """Write an outputs file atomically; equal outputs give equal bytes. runtime: what ran the artifact, in words."""
    from safetensors.numpy import save

    record = {
        "format": FORMAT,
        "artifact": artifact,
        "artifact_sha256": artifact_sha256,
        "films_sha256": films_sha256,
        "runtime": runtime,
    }
    arrays = {name: np.ascontiguousarray(outputs[name]) for name in OUTPUT_NAMES}
    # one metadata entry: the library writes several in an order that changes from process to process
    write_bytes(path, save(arrays, metadata={METADATA_KEY: json.dumps(record, sort_keys=True)}))


def read_outputs(path: Path) -> OutputsFile:
    """Read an outputs file. Raises InputError OUTPUTS-FORMAT or RUN-OUTPUT."""
    from safetensors import SafetensorError, safe_open

    def refuse(cause: str) -> InputError:
        return InputError("OUTPUTS-FORMAT", f"{path}: {cause}", "write it with `cxredge` or an app of this version")

    try:
        with safe_open(path, framework="np") as stream:
            metadata = json.loads((stream.metadata() or {}).get(METADATA_KEY, "{}"))
            arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise refuse(f"not a readable safetensors file ({error})") from error
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise refuse(f"its metadata does not say that it is {FORMAT}")
    try:
        keys = ("artifact", "artifact_sha256", "films_sha256", "runtime")
        artifact, digest, films, runtime = (str(metadata[key]) for key in keys)
    except KeyError as error:
        raise refuse(f"its metadata lacks {error}") from error
    count = len(arrays["logits"]) if "logits" in arrays and arrays["logits"].ndim else 0
    return OutputsFile(artifact, digest, films, runtime, check_outputs(str(path), arrays, count))
