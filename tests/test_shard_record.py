"""A folder of outputs is what its record says, to the byte, or it is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.outputs import write_outputs
from cxredge.shard_record import FILE, ShardRecord, foreign, open_folder
from support.outputs_files import arrays
from support.shards import RUNS, write_shard

ONNX = "other/onnx-w8a8.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_shard(tmp_path / "one", 1, 2)


def refusal(folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        open_folder(folder)
    return caught.value


def test_a_record_round_trips(folder: Path) -> None:
    record = open_folder(folder).record
    assert (record.which.number, record.which.of, record.runs) == (1, 2, RUNS)
    assert ShardRecord.model_validate_json(record.model_dump_json()) == record
    assert record.part("other") is not None
    assert record.part("evaluation") is None


def first(tree: dict[str, Any]) -> Any:
    return tree["parts"][0]


RECORDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another format": lambda t: t.update(format="cxredge-shard-2"),
    "a key more": lambda t: t.update(patient="x"),
    "a key less": lambda t: t.pop("list_sha256"),
    "a shard beyond": lambda t: t.update(shard=3),
    "no shard": lambda t: t.update(shard=0),
    "a float": lambda t: t.update(of=2.0),
    "a truth value": lambda t: t.update(shard=True),
    "a number as text": lambda t: t.update(shard="1"),
    "a hash in capitals": lambda t: t.update(manifest_sha256="C" * 64),
    "an artifact twice": lambda t: t.update(runs=[t["runs"][0], t["runs"][1], t["runs"][1]]),
    "no reference": lambda t: t.update(runs=t["runs"][1:], files={ONNX: t["files"][ONNX]}),
    "a name that leaves": lambda t: t["runs"][1].update(artifact="../../x"),
    "no part": lambda t: t.update(parts=[], files={}),
    "a stack twice": lambda t: t.update(parts=t["parts"] * 2),
    "an unknown stack": lambda t: first(t).update(stack="../x"),
    "a file that leaves": lambda t: t["files"].update({"../x": "0" * 64}),
    "a file not listed": lambda t: t["files"].pop(ONNX),
    "a place twice": lambda t: first(t)["places"].__setitem__(1, first(t)["places"][0]),
    "a place beyond": lambda t: first(t)["places"].__setitem__(-1, 23),
    "a negative place": lambda t: first(t)["places"].__setitem__(0, -1),
    "a place as a float": lambda t: first(t)["places"].__setitem__(0, 0.5),
    "places backwards": lambda t: first(t)["places"].reverse(),
    "a hash less": lambda t: first(t)["sha256"].pop(),
    "a size less": lambda t: first(t)["sizes"].pop(),
    "no size": lambda t: first(t)["sizes"].__setitem__(0, [0, 5]),
    "a film read and not": lambda t: first(t).update(
        unread=[{"place": first(t)["places"][0], "code": "IMG-FORMAT", "cause": ""}]
    ),
    "too many pictures": lambda t: first(t).update(pictures=10**9),
}


@pytest.mark.parametrize("what", RECORDS)
def test_a_record_that_contradicts_itself_or_the_schema_is_refused(what: str, folder: Path) -> None:
    tree = json.loads((folder / FILE).read_text())
    RECORDS[what](tree)
    (folder / FILE).write_text(json.dumps(tree))
    error = refusal(folder)
    assert error.code == "SHARD-RECORD"
    assert len(error.cause) < 1000


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 5000, '{"format": NaN}', '{"of": 1, "of": 1}', "\xff", "7"])
def test_what_is_no_record_is_refused(text: str, folder: Path) -> None:
    (folder / FILE).write_bytes(text.encode("latin-1"))
    assert refusal(folder).code == "SHARD-RECORD"


def spoil(folder: Path, change: Callable[[Path], object], name: str = ONNX) -> InputError:
    change(folder / name)
    return refusal(folder)


def relisted(folder: Path, name: str = ONNX) -> None:
    """The record again says what the file's bytes are, as one who means harm would see to."""
    tree = json.loads((folder / FILE).read_text())
    tree["files"][name] = sha256_file(folder / name)
    (folder / FILE).write_text(json.dumps(tree))


def test_files_that_are_not_those_of_the_record_are_refused_by_name(folder: Path) -> None:
    whole = (folder / ONNX).read_bytes()

    def cut(path: Path) -> None:
        path.write_bytes(whole[:-4])

    error = spoil(folder, cut)
    assert (error.code, f"{ONNX} has other bytes" in error.cause) == ("SHARD-FILE", True)
    relisted(folder)
    assert refusal(folder).code == "OUTPUTS-FORMAT"
    error = spoil(folder, Path.unlink)
    assert (error.code, f"lacks {ONNX}" in error.cause) == ("SHARD-FILE", True)
    os.mkfifo(folder / ONNX)
    error = refusal(folder)
    assert (error.code, "a link or a special file" in error.cause) == ("SHARD-FILE", True)
    (folder / ONNX).unlink()
    (folder / "elsewhere").write_bytes(whole)
    (folder / ONNX).symlink_to("../elsewhere")
    assert refusal(folder).code == "SHARD-FILE"
    (folder / ONNX).unlink()
    (folder / ONNX).write_bytes(whole)
    error = refusal(folder)
    assert (error.code, "holds elsewhere" in error.cause) == ("SHARD-FILE", True)
    (folder / "elsewhere").unlink()
    relisted(folder)
    open_folder(folder)


@pytest.mark.parametrize("what", ["another artifact", "another hash", "another runtime", "other films", "a film less"])
def test_outputs_of_something_else_are_refused(what: str, folder: Path) -> None:
    part = open_folder(folder).record.parts[0]
    films = len(part.places)
    said = {
        "artifact": "onnx/fp32" if what == "another artifact" else "onnx/w8a8",
        "artifact_sha256": ("d" if what == "another hash" else "b") * 64,
        "films_sha256": "e" * 64 if what == "other films" else part.digest,
        "runtime": "litert" if what == "another runtime" else "ONNX Runtime",
    }
    write_outputs(folder / ONNX, **said, outputs=arrays(films - (what == "a film less")))
    relisted(folder)
    error = refusal(folder)
    assert (error.code, "is not of the artifact and the films" in error.cause) == ("SHARD-FILE", True)


def test_no_such_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "none", tmp_path / "file", tmp_path / "empty"):
        assert refusal(place).code == "SHARD-RECORD"


def test_what_somebody_put_there_is_known(folder: Path, tmp_path: Path) -> None:
    assert foreign(folder) is None
    (folder / "other" / "notes.txt").touch()
    assert foreign(folder) == "other/notes.txt"
    (folder / "other" / "notes.txt").unlink()
    (folder / FILE).write_text("{}")
    assert foreign(folder) == ONNX
    assert foreign(folder / ONNX) == "onnx-w8a8.safetensors"


def test_a_nan_is_no_matter_of_the_record_and_is_found_when_values_are_read(folder: Path) -> None:
    data = bytearray((folder / ONNX).read_bytes())
    data[-4:] = np.float32("nan").tobytes()
    (folder / ONNX).write_bytes(data)
    relisted(folder)
    open_folder(folder)  # its header is whole: ``merge`` and judging read the values
