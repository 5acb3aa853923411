"""Outputs files, written by hand: what a phone, or somebody who means harm, may send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from cxredge.outputs import Outputs, films_digest
from cxredge.outputs_layout import FORMAT

Header = dict[str, Any]
RECORD: dict[str, Any] = {
    "format": FORMAT,
    "artifact": "tflite/w8a8",
    "artifact_sha256": "a" * 64,
    "films_sha256": films_digest(["0" * 64, "1" * 64]),
    "runtime": "litert 2.1.6",
}


def arrays(films: int = 5, classes: int = 3) -> Outputs:
    """All four; no two have the same number of values, and maps are square: no other shape fits any of them."""
    rng = np.random.default_rng(films)
    cam = rng.normal(0, 3, (films, classes, 4, 4)).astype(np.float32)
    return {
        "logits": cam.mean((2, 3)),
        "cam": cam,
        "novelty": rng.uniform(0.5, 2, films).astype(np.float32),
        "quality": rng.normal(0, 3, (films, 2)).astype(np.float32),
    }


def only(*names: str) -> Outputs:
    found = arrays()
    return {name: found[name] for name in names}


def parts(outputs: Mapping[str, np.ndarray], record: object = RECORD) -> tuple[Header, bytes]:
    """Header and data. record: as JSON, or the text itself."""
    header: Header = {"__metadata__": {"cxredge": record if isinstance(record, str) else json.dumps(record)}}
    data = b""
    for name, array in outputs.items():
        begin = len(data)
        data += np.ascontiguousarray(array, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [begin, len(data)]}
    return header, data


def joined(header: object, data: bytes) -> bytes:
    """header: as JSON, or its bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data
