"""Shards of a run that never was: outputs of drawn numbers, cut by patients, as ``verify --shard`` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cxredge.files import sha256_bytes, sha256_file
from cxredge.outputs import Outputs, films_digest, write_outputs
from cxredge.shard import cut
from cxredge.shard_record import FORMAT, Part, Run, ShardRecord, StackName, UnreadAt, list_digest, write_record
from support.outputs_files import arrays

RUNS = (
    Run(artifact="reference", sha256="a" * 64, runtime="eager PyTorch"),
    Run(artifact="onnx/w8a8", sha256="b" * 64, runtime="ONNX Runtime"),
)
LOST = 5
"""Place of a film that could not be read."""


def owners(films: int) -> list[str]:
    """One film, two films, three films, one film ... a patient."""
    found: list[str] = []
    while len(found) < films:
        patient = len(set(found))
        found += [f"patient {patient}"] * (patient % 3 + 1)
    return found[:films]


def write_shard(
    folder: Path, number: int, of: int, films: int = 23, said: Outputs | None = None, stack: StackName = "other"
) -> Path:
    """One shard of a list of ``films``, of which one could not be read. said: outputs of all; None: as drawn."""
    outputs = arrays(films) if said is None else said
    mine = np.flatnonzero(cut(owners(films), of) == number).tolist()
    read = [place for place in mine if place != LOST or stack != "other"]
    hashes = [sha256_bytes(str(place).encode()) for place in read]
    files = {}
    (folder / stack).mkdir(parents=True)
    for at, run in enumerate(RUNS):
        own = {name: array[read] + np.float32(at) for name, array in outputs.items()}
        path = folder / stack / run.file
        write_outputs(path, run.artifact, run.sha256, films_digest(hashes), run.runtime, own)
        files[f"{stack}/{run.file}"] = sha256_file(path)
    other = stack == "other"
    lost = UnreadAt(place=LOST, code="IMG-FORMAT", cause="it is none")
    part = Part(
        stack=stack,
        pictures=films,
        places=tuple(read),
        sha256=tuple(hashes),
        sizes=tuple((100 + place, 90) for place in read) if other else (),
        unread=(lost,) if other and LOST in mine else (),
    )
    record = ShardRecord(
        format=FORMAT,
        bundle="tiny-0.0.1-0123456789ab",
        manifest_sha256="c" * 64,
        list_sha256=list_digest([(stack, [str(place) for place in range(films)], owners(films))]),
        shard=number,
        of=of,
        versions={"numpy": "1", "processor": "x86_64"},
        runs=RUNS,
        parts=(part,),
        files=files,
    )
    write_record(folder, record)
    return folder


def write_shards(place: Path, of: int, films: int = 23, said: Outputs | None = None) -> Sequence[Path]:
    """All of them, under ``place``."""
    return [write_shard(place / str(number), number, of, films, said) for number in range(1, of + 1)]
