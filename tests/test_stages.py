"""Results of stages are used again only when they are whole, and made from what is there now."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cxredge import stages
from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.stages import Cache, Scratch, Stage, Store
from support.deep_folder import deepen


class Number(Stage):
    """A file that holds a number, perhaps made from another."""

    kind = "numbers"
    step = "write a number"
    kept, missing = "it is there", "it is not there"
    code = ("cxredge.files",)
    packages = ("numpy",)

    def __init__(self, value: int, of: Number | None = None) -> None:
        self.value = value
        self.of = of

    @property
    def inputs(self) -> Mapping[str, object]:
        return {"value": self.value}

    @property
    def needs(self) -> tuple[Stage, ...]:
        return () if self.of is None else (self.of,)


def fill(store: Store, stage: Number, text: str | None = None, second: bool = False) -> Path:
    with store.fill(stage) as folder:
        (folder / "result").write_text(str(stage.value) if text is None else text)
        if second:
            (folder / "second").touch()
    return store.folder(stage)


def test_equal_inputs_share_a_result(tmp_path: Path) -> None:
    fill(Cache(tmp_path), Number(1))
    assert Cache(tmp_path).has(Number(1))
    assert not Cache(tmp_path).has(Number(2))
    assert not Cache(tmp_path).has(Number(1, Number(2)))
    assert Number(1) == Number(1)
    assert len({Number(1), Number(1), Number(2)}) == 2


def test_a_key_holds_inputs_needs_code_and_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {Number(1).key, Number(2).key, Number(1, Number(1)).key, Number(1, Number(2)).key}
    for name, value in (("code", ("cxredge.errors",)), ("packages", ("pillow",))):
        monkeypatch.setattr(Number, name, value)
        keys.add(Number(1).key)
    assert len(keys) == 6


def rewrite(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Damage to the record: ``change`` of its tree."""

    def damage(folder: Path) -> None:
        record = json.loads((folder / "stage.json").read_text())
        change(record)
        (folder / "stage.json").write_text(json.dumps(record))

    return damage


def say(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "stage.json").write_text(text)


def linked(folder: Path) -> None:
    (folder / "result").rename(folder.parent / "elsewhere")
    (folder / "result").symlink_to(folder.parent / "elsewhere")


def linked_whole(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere" / "nothing")


def outside(record: dict[str, Any]) -> None:
    """A file that is there, has that hash, and is no part of the result."""
    record["files"][f"../../../{OUTSIDE}"] = sha256_bytes(b"x")


def a_pipe(folder: Path) -> None:
    (folder / "stage.json").unlink()
    os.mkfifo(folder / "stage.json")


OUTSIDE = "outside"
DAMAGES: dict[str, Callable[[Path], object]] = {
    "changed": lambda folder: (folder / "result").write_text("2"),
    "removed": lambda folder: (folder / "result").unlink(),
    "one more": lambda folder: (folder / "more").touch(),
    "one more, hidden, below": lambda folder: [(folder / ".d").mkdir(), (folder / ".d" / "more").touch()],
    "a link for a file": linked,
    "a link for all": linked_whole,
    "a folder for a file": lambda folder: [(folder / "result").unlink(), (folder / "result").mkdir()],
    "deep": deepen,
    "a file for all": lambda folder: [shutil.rmtree(folder), folder.touch()],
    "empty": lambda folder: [shutil.rmtree(folder), folder.mkdir()],
    "no record": lambda folder: (folder / "stage.json").unlink(),
    "a pipe for the record": a_pipe,
    "a folder for the record": lambda folder: [(folder / "stage.json").unlink(), (folder / "stage.json").mkdir()],
    "fewer files than were written": rewrite(lambda record: record["files"].pop("result")),
    "fewer files than were written, others left": rewrite(lambda record: record["files"].pop("second")),
    "a path that leaves": rewrite(outside),
    "a path with another spelling": rewrite(lambda record: record["files"].update({"./result": "0"})),
    "a number for a hash": rewrite(lambda record: record["files"].update(result=1)),
    "a list for files": rewrite(lambda record: record.update(files=[["result", "0"]])),
    "a list for needs": rewrite(lambda record: record.update(needs=[])),
    "a list for inputs": rewrite(lambda record: record.update(inputs=[1])),
    "other inputs": rewrite(lambda record: record.update(inputs={"value": 2})),
    "one key more": rewrite(lambda record: record.update(more=1)),
    "{": say("{"),
    "[]": say("[]"),
    "null": say("null"),
    "nothing": say(""),
    "nested": say("[" * 100_000 + "]" * 100_000),
    "nested inputs": rewrite(lambda record: record.update(inputs={"value": [[[]]]})),
    "NaN": say('{"inputs": NaN, "needs": {}, "files": {}}'),
    "no UTF-8": lambda folder: (folder / "stage.json").write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_result_counts_as_none_and_is_made_again(tmp_path: Path, damage: str) -> None:
    (tmp_path / OUTSIDE).write_text("x")
    folder = fill(Cache(tmp_path), Number(1), second=True)
    assert Cache(tmp_path).has(Number(1))
    DAMAGES[damage](folder)
    store = Cache(tmp_path)
    assert not store.has(Number(1))
    fill(store, Number(1), second=True)
    assert Cache(tmp_path).has(Number(1))
    assert sorted(os.listdir(folder)) == ["result", "second", "stage.json"]
    assert not folder.is_symlink()
    assert {p.name for p in folder.parent.iterdir()} <= {folder.name, "elsewhere"}
    assert (tmp_path / OUTSIDE).read_text() == "x"


def test_a_result_in_a_folder_below_is_looked_at_too(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    with store.fill(Number(1)) as folder:
        (folder / "below").mkdir()
        (folder / "below" / "film").write_text("x")
    assert Cache(tmp_path).has(Number(1))
    (store.folder(Number(1)) / "below" / "film").write_text("y")
    assert not Cache(tmp_path).has(Number(1))


def test_what_was_made_from_other_bytes_than_are_there_now_is_stale(tmp_path: Path) -> None:
    """The need was thrown away and made again, and came out differently."""
    first, second = Number(1), Number(2, Number(1))
    store = Cache(tmp_path)
    fill(store, first)
    fill(store, second)
    assert Cache(tmp_path).has(second)
    shutil.rmtree(store.folder(first))
    assert Cache(tmp_path).has(second), "nobody needs what is only needed to make it"
    fill(Cache(tmp_path), first, "another one")
    assert not Cache(tmp_path).has(second)


def test_an_interrupted_fill_leaves_nothing(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.fill(Number(1)) as folder:
        (folder / "result").write_text("half")
        raise KeyboardInterrupt
    assert not store.has(Number(1))
    assert list(store.folder(Number(1)).parent.iterdir()) == []


def test_a_result_of_other_inputs_is_not_taken_for_this_one(tmp_path: Path) -> None:
    """Whoever moves folders about in a cache."""
    store = Cache(tmp_path)
    one, two = fill(store, Number(1)), fill(store, Number(2))
    one.rename(tmp_path / "aside")
    two.rename(one)
    assert not Cache(tmp_path).has(Number(1))


def test_scratch_knows_nothing_but_its_own(tmp_path: Path) -> None:
    fill(Cache(tmp_path), Number(1))
    store = Scratch(tmp_path)
    assert not store.has(Number(1))
    fill(store, Number(1))
    assert store.has(Number(1))


def test_kept_files_stay_readable_where_they_were_made(tmp_path: Path) -> None:
    store = Cache(tmp_path / "cache")
    with store.work() as work:
        (work / "out").mkdir()
        (work / "out" / "result").write_text("1")
        store.keep(Number(1), work / "out")
        assert (work / "out" / "result").read_text() == "1"
    assert not work.exists()
    assert (store.folder(Number(1)) / "result").read_text() == "1"


@pytest.mark.parametrize(
    "name",
    [
        "data/phantom-0123456789abcdef/test/images/phantom-test-0000-0.png",
        "films/0123456789abcdef0123456789abcdef/stage.json",
        "outputs/00000000000000000000000000000000/letter.txt",
        "stages/numbers/0123456789abcdef0123456789abcdef/letter.txt",
        "stages/letter.txt",
        "strangers",
        "films",
        "data",
    ],
)
def test_what_others_keep_in_the_folder_is_left_alone(tmp_path: Path, name: str) -> None:
    """CXR_CACHE may name a folder that has other things in it: no name alone says that something is ours."""
    mine = tmp_path / name
    if mine.suffix:
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")
    else:
        mine.mkdir()
    fill(Cache(tmp_path), Number(1))
    Cache(tmp_path)
    assert mine.exists()


def test_the_record_says_what_decided_it(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    fill(store, Number(1))
    record = json.loads((fill(store, Number(2, Number(1))) / "stage.json").read_text())
    assert record["inputs"] == {"value": 2}
    assert list(record["needs"]) == [f"numbers/{Number(1).key}"]
    assert list(record["files"]) == ["result"]


@pytest.mark.parametrize("file", [".", "stages", "stages/numbers"])
@pytest.mark.parametrize("how", ["a file", "a link to nothing", "a link to itself"])
def test_a_cache_that_cannot_be_one_is_refused_by_code(tmp_path: Path, file: str, how: str) -> None:
    place = tmp_path / "cache" / file
    place.parent.mkdir(parents=True, exist_ok=True)
    if how == "a file":
        place.write_text("mine")
    else:
        place.symlink_to("nothing" if how == "a link to nothing" else place.name)
    store = Cache(tmp_path / "cache")
    assert not store.has(Number(1))
    with pytest.raises(InputError) as caught, store.fill(Number(1)):
        pytest.fail("nothing can be made there")
    assert caught.value.code == "CACHE-FOLDER"
    assert str(place) in caught.value.cause
    assert "CXR_CACHE" in caught.value.fix
    if file == ".":
        with pytest.raises(InputError, match="CACHE-FOLDER"), store.work():
            pytest.fail("nothing can be made there")
    assert how != "a file" or place.read_text() == "mine"


RACER = """
import os, random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_stages import Number, fill
from cxredge.stages import Cache
root, seed = Path(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
made = taken = 0
for round in range(int(sys.argv[4])):
    for value in range(4):
        number = Number(value)
        if random.random() < 0.2:  # somebody damages it
            try:
                (Cache(root).folder(number) / "result").write_text("?")
            except FileNotFoundError:
                pass
        store = Cache(root)
        if store.has(number):
            taken += 1
        else:
            fill(store, number)
            made += 1
print(made, taken)
"""


def test_processes_that_fill_the_same_stages_at_once_do_not_meet(tmp_path: Path) -> None:
    """Each makes, damages and takes the same four results in a loop; none fails, and nothing is left beside them."""
    command = [sys.executable, "-c", RACER, str(Path(__file__).parent), str(tmp_path)]
    racers = [
        subprocess.Popen([*command, str(seed), "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for seed in range(4)
    ]
    said = [racer.communicate(timeout=300) for racer in racers]
    assert [(racer.returncode, err) for racer, (_, err) in zip(racers, said, strict=True)] == [(0, "")] * 4
    made, taken = (sum(int(out.split()[i]) for out, _ in said) for i in (0, 1))
    assert made > 50
    assert taken > 50
    kind = tmp_path / "stages" / "numbers"
    assert sorted(p.name for p in kind.iterdir()) == sorted(Number(value).key for value in range(4))
    assert list(tmp_path.iterdir()) == [tmp_path / "stages"]


def test_a_result_that_is_there_when_another_was_made_stays(tmp_path: Path) -> None:
    """Whoever found it whole may be reading it."""
    first, second = Cache(tmp_path), Cache(tmp_path)
    with second.fill(Number(1)) as folder:
        (folder / "result").write_text("1")
        there = fill(first, Number(1)).stat().st_ino
    assert second.folder(Number(1)).stat().st_ino == there
    assert Cache(tmp_path).has(Number(1))


def test_a_result_of_too_many_or_too_deep_folders_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fill(Cache(tmp_path), Number(1))
    monkeypatch.setattr(stages, "MAX_FILES", 1)
    assert not Cache(tmp_path).has(Number(1)), "two files are one too many"
    monkeypatch.setattr(stages, "MAX_FILES", 2)
    assert Cache(tmp_path).has(Number(1))
    folder.joinpath(*"d" * 100).mkdir(parents=True)
    monkeypatch.undo()
    assert Cache(tmp_path).has(Number(1)), "a hundred empty folders below it hold nothing"
    folder.joinpath(*"d" * 101).mkdir()
    assert not Cache(tmp_path).has(Number(1))
