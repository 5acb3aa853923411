"""Shards put together are one run, byte for byte; what is not the shards of one run is refused."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxredge import outputs_stream
from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.outputs import read_outputs
from cxredge.shard_record import FILE, open_folder
from cxredge.workflows.merge import merge_shards
from support.outputs_files import arrays
from support.shards import LOST, write_shard, write_shards

ONNX = "other/onnx-w8a8.safetensors"


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("of", [1, 2, 3, 12])
@pytest.mark.parametrize("block", [1, 300, 2**22])
def test_merged_shards_are_one_run_byte_for_byte(
    of: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fits into memory at a time, and in whatever order they are named."""
    one = write_shard(tmp_path / "one", 1, 1)
    shards = write_shards(tmp_path / "shards", of)
    monkeypatch.setattr(outputs_stream, "BLOCK", block)
    record = merge_shards([*shards[1:], shards[0]], tmp_path / "whole")
    assert tree(tmp_path / "whole") == tree(one)
    assert open_folder(tmp_path / "whole").record == record
    found = read_outputs(tmp_path / "whole" / ONNX).outputs
    read = [place for place in range(23) if place != LOST]
    for name, array in arrays(23).items():
        np.testing.assert_array_equal(found[name], array[read] + np.float32(1))


def test_a_shard_without_a_film_that_could_be_read_is_merged(tmp_path: Path) -> None:
    """Its patient's only film was no film."""
    shards = write_shards(tmp_path / "shards", 2, 23)
    lone = next(folder for folder in shards if open_folder(folder).record.parts[0].unread)
    assert lone
    record = json.loads((lone / FILE).read_text())
    part = record["parts"][0]
    part["unread"] = [
        {"place": place, "code": "IMG-FORMAT", "cause": "none"}
        for place in sorted([*part["places"], *(one["place"] for one in part["unread"])])
    ]
    part["places"] = part["sha256"] = part["sizes"] = record["files"] = []
    record["files"] = {}
    (lone / FILE).write_text(json.dumps(record))
    shutil.rmtree(lone / "other")
    merged = merge_shards(shards, tmp_path / "whole").parts[0]
    assert len(merged.places) + len(merged.unread) == 23
    assert len(merged.unread) > 1


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads((folder / FILE).read_text())
    change(record)
    (folder / FILE).write_text(json.dumps(record))


def refusal(shards: list[Path], goal: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        merge_shards(shards, goal)
    assert not goal.exists()
    return caught.value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda r: r.update(bundle="other-1.0.0-0123456789ab"),
            "the bundle tiny-0.0.1-0123456789ab, the other of other",
        ),
        (
            lambda r: r.update(manifest_sha256="d" * 64),
            f"has SHA-256 {'c' * 64} in one and {'d' * 64}",
        ),
        (lambda r: r.update(list_sha256="d" * 64), "different lists of films"),
        (lambda r: r["parts"][0].update(pictures=24), "different lists of films"),
        (lambda r: r.update(of=4), "one is of 3 shards, the other of 4"),
        (lambda r: r["versions"].update(numpy="2"), "numpy 1 and 2"),
        (lambda r: r["versions"].update(pillow="2"), "pillow None and 2"),
        (lambda r: r["versions"].update(processor="aarch64"), "processor x86_64 and aarch64"),
    ],
)
def test_shards_of_different_runs_are_refused(
    change: Callable[[dict[str, Any]], object], words: str, tmp_path: Path
) -> None:
    shards = write_shards(tmp_path / "shards", 3)
    edited(shards[1], change)
    error = refusal([*shards], tmp_path / "whole")
    assert (error.code, words in error.cause) == ("SHARD-OTHER", True), error.cause


def test_shards_run_by_others_are_refused(tmp_path: Path) -> None:
    """An artifact less, as where its runtime is not there."""
    shards = write_shards(tmp_path / "shards", 2)
    (shards[1] / ONNX).unlink()
    edited(shards[1], lambda r: (r["runs"].pop(), r["files"].pop(ONNX)))
    error = refusal([*shards], tmp_path / "whole")
    assert (error.code, "not the same was run: onnx/w8a8 by ONNX Runtime" in error.cause) == ("SHARD-OTHER", True)


def test_a_shard_twice_or_missing_is_named(tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", 4)
    error = refusal([shards[0], shards[2]], tmp_path / "whole")
    assert error.code == "SHARD-MISSING"
    assert "of 4 shards 2 are missing: 2/4, 4/4" in error.cause
    assert "--shard 2/4" in error.fix
    shutil.copytree(shards[1], tmp_path / "again")
    error = refusal([*shards, tmp_path / "again"], tmp_path / "whole")
    assert error.code == "SHARD-TWICE"
    assert "shard 2/4 is there twice" in error.cause
    assert str(tmp_path / "again") in error.cause


def test_films_in_two_shards_or_in_none_are_refused(tmp_path: Path) -> None:
    """Of records that were written by hand: every shard cuts alike."""
    shards = write_shards(tmp_path / "shards", 2)
    shutil.rmtree(shards[1])
    shutil.copytree(shards[0], shards[1])
    edited(shards[1], lambda r: r.update(shard=2))
    error = refusal([*shards], tmp_path / "whole")
    assert error.code == "SHARD-OVERLAP"
    assert f"{shards[0]} and in {shards[1]}" in error.cause
    alone = write_shard(tmp_path / "alone", 1, 2)
    edited(alone, lambda r: r.update(of=1))
    error = refusal([alone], tmp_path / "whole")
    assert (error.code, "is in no shard" in error.cause) == ("SHARD-MISSING", True)


def rewritten(folder: Path, change: Callable[[bytearray], object]) -> None:
    data = bytearray((folder / ONNX).read_bytes())
    change(data)
    (folder / ONNX).write_bytes(data)
    digest = sha256_file(folder / ONNX)
    edited(folder, lambda r: r["files"].update({ONNX: digest}))


def test_values_that_are_none_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    """With a hash that fits, as one who means harm writes it."""
    shards = write_shards(tmp_path / "shards", 2)
    rewritten(shards[1], lambda data: data.__setitem__(slice(-4, None), np.float32("nan").tobytes()))
    assert refusal([*shards], tmp_path / "whole").code == "RUN-OUTPUT"
    assert {path.name for path in tmp_path.iterdir()} == {"shards"}


def test_maps_of_other_sizes_are_refused(tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", 2)
    shutil.rmtree(shards[1])
    said = arrays(23)
    write_shard(shards[1], 2, 2, said={**said, "cam": said["cam"][:, :, :2]})
    error = refusal([*shards], tmp_path / "whole")
    assert (error.code, "arrays of other shapes" in error.cause) == ("SHARD-OTHER", True)


def test_an_earlier_merge_is_replaced_and_a_failed_one_leaves_it(tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", 2)
    merge_shards(shards, tmp_path / "whole")
    before = tree(tmp_path / "whole")
    merge_shards(shards, tmp_path / "whole")
    with pytest.raises(InputError, match="SHARD-MISSING"):
        merge_shards(shards[:1], tmp_path / "whole")
    assert tree(tmp_path / "whole") == before


def test_memory_does_not_grow_with_the_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred times as many bytes as are held at a time."""
    monkeypatch.setattr(outputs_stream, "BLOCK", 2**18)
    films = 300
    maps = np.zeros((films, 3, 90, 90), np.float32)  # 29 MB
    maps[:, :, 0, 0] = np.arange(films)[:, None]
    shards = write_shards(tmp_path / "shards", 2, films, {"logits": np.zeros((films, 3), np.float32), "cam": maps})
    del maps
    tracemalloc.start()
    merge_shards(shards, tmp_path / "whole")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20
    tracemalloc.start()
    said = read_outputs(tmp_path / "whole" / "other" / "reference.safetensors").outputs
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20
    assert said["cam"][-1, 0, 0, 0] == films - 1


def test_more_shards_than_a_process_may_open_files(tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", 90, 180)
    script = (
        "import resource, sys; from pathlib import Path; from cxredge.workflows.merge import merge_shards; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (64, {resource.getrlimit(resource.RLIMIT_NOFILE)[1]})); "
        "merge_shards([Path(p) for p in sys.argv[2:]], Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "whole", *shards], check=True)
    assert tree(tmp_path / "whole") == tree(write_shard(tmp_path / "one", 1, 1, 180))
