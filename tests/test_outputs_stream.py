"""Outputs written a block of films at a time are the bytes that are written at once, and are read alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cxredge import outputs_stream
from cxredge.errors import EnvironmentProblem, InputError
from cxredge.outputs import read_outputs, write_outputs
from cxredge.outputs_layout import MAX_FILM, record_of, write_header
from cxredge.outputs_stream import OutputsWriter, blocks, new_outputs, open_outputs
from support.outputs_files import RECORD, arrays, joined, parts

NAMED = ("artifact", "artifact_sha256", "films_sha256", "runtime")
SAID = {name: RECORD[name] for name in NAMED}


@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_films_one_by_one_give_the_bytes_of_all_at_once_and_of_the_library(order: str, tmp_path: Path) -> None:
    from safetensors.numpy import save

    outputs = arrays(7)
    write_outputs(tmp_path / "whole", **SAID, outputs=outputs)
    one = tmp_path / "one"
    shapes = {name: array.shape for name, array in outputs.items()}
    rows = range(7) if order == "forwards" else range(6, -1, -1)
    with new_outputs(one, record_of(one, **SAID), shapes) as writer:
        for row in rows:
            for name, array in outputs.items():
                writer.put(name, row, array[row : row + 1])
    assert one.read_bytes() == (tmp_path / "whole").read_bytes()
    library = save(outputs, metadata={"cxredge": json.dumps({**RECORD, **SAID}, sort_keys=True)})
    assert one.read_bytes() == library


@pytest.mark.parametrize("block", [1, 100, 2**22])
def test_blocks_cover_every_film_once(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs_stream, "BLOCK", block)
    found = list(blocks((7, 3, 4, 4)))
    assert [row for start, stop in found for row in range(start, stop)] == list(range(7))
    outputs = arrays(7)
    write_outputs(tmp_path / "file", **SAID, outputs=outputs)
    with open_outputs(tmp_path / "file") as reader:
        reader.check()
        for name, array in outputs.items():
            np.testing.assert_array_equal(reader.rows(name, 2, 5), array[2:5])
    back = read_outputs(tmp_path / "file").outputs
    back["logits"][:] = 0
    np.testing.assert_array_equal(read_outputs(tmp_path / "file").outputs["logits"], outputs["logits"])


def test_a_file_that_is_cut_while_it_is_read_is_refused(tmp_path: Path) -> None:
    write_outputs(tmp_path / "file", **SAID, outputs=arrays(3000))
    with open_outputs(tmp_path / "file") as reader:
        reader.rows("cam", 0, 7)
        with (tmp_path / "file").open("r+b") as stream:
            stream.truncate(500)
        with pytest.raises(InputError, match=r"OUTPUTS-FORMAT.*cut while it was read"):
            reader.check()


def test_an_array_too_large_to_hold_one_film_of_is_not_read(tmp_path: Path) -> None:
    """In a file of holes that fits its header."""
    header = parts({"logits": np.zeros((1, 1), np.float32)})[0]
    side = 2**14
    header["cam"] = {"dtype": "F32", "shape": [1, 1, side, side], "data_offsets": [4, 4 + 4 * side * side]}
    head = joined(header, b"")
    with (tmp_path / "file").open("wb") as stream:
        stream.write(head)
        stream.truncate(len(head) + 4 + 4 * side * side)
    with pytest.raises(InputError, match=rf"OUTPUTS-FORMAT.*cam has more than {MAX_FILM} bytes a film"):
        read_outputs(tmp_path / "file")


def test_a_negative_novelty_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with (
        pytest.raises(InputError, match="novelty is negative"),
        new_outputs(path, record_of(path, **SAID), {"logits": (2, 3), "novelty": (2,)}) as writer,
    ):
        writer.put("novelty", 0, np.full(1, -1, np.float32))


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    path = tmp_path / "file"
    _, layout = write_header(path, record_of(path, **SAID), {"logits": (2, 3)})
    with open("/dev/full", "wb", buffering=0) as stream, pytest.raises(EnvironmentProblem, match="DISK-FULL"):
        OutputsWriter(path, layout, stream).put("logits", 0, np.zeros((1, 3), np.float32))
