"""Results of stages are used again only when they are whole, and made from what is there now."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from cxredge.files import canonical_json
from cxredge.stages import Cache, Scratch, Stage, Store


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


def fill(store: Store, stage: Number, text: str | None = None) -> Path:
    with store.fill(stage) as folder:
        (folder / "result").write_text(str(stage.value) if text is None else text)
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


@pytest.mark.parametrize(
    "damage",
    [
        "changed",
        "removed",
        "{",
        "[]",
        '{"files": []}',
        '{"files": {"a": 1}, "needs": {}}',
        '{"files": {}, "inputs": {"value": 1}, "needs": {}}',
    ],
)
def test_damaged_results_are_thrown_away(tmp_path: Path, damage: str) -> None:
    folder = fill(Cache(tmp_path), Number(1))
    if damage == "changed":
        (folder / "result").write_text("2")
    elif damage == "removed":
        (folder / "result").unlink()
    else:
        (folder / "stage.json").write_text(damage)
    assert not Cache(tmp_path).has(Number(1))
    assert not folder.exists()


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


def old_cache(root: Path) -> list[Path]:
    """What version 0.1 left."""
    made = []
    for kind in Cache.OLD_KINDS:
        folder = root / kind / ("0123456789abcdef" * 2)
        folder.mkdir(parents=True)
        (folder / "stage.json").write_text(canonical_json({"inputs": {}, "files": {}}))
        made.append(folder)
    phantoms = root / "data" / "phantom-0123456789abcdef" / "test" / "images"
    phantoms.mkdir(parents=True)
    (phantoms / "phantom-test-0000-0.png").write_bytes(b"x")
    return [*made, phantoms]


def test_a_cache_of_an_older_layout_is_swept(tmp_path: Path) -> None:
    old_cache(tmp_path)
    Cache(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_only_has_such_a_name_is_left_alone(tmp_path: Path) -> None:
    """CXR_CACHE may name a folder that has other things in it."""
    mine = [tmp_path / "films" / "holiday" / "a.png", tmp_path / "data" / "phantom-of-the-opera" / "a.txt"]
    mine += [tmp_path / "outputs" / ("0" * 32) / "letter.txt"]
    for file in mine:
        file.parent.mkdir(parents=True)
        file.write_text("mine")
    old_cache(tmp_path)
    Cache(tmp_path)
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(mine)


def test_the_record_says_what_decided_it(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    fill(store, Number(1))
    record = json.loads((fill(store, Number(2, Number(1))) / "stage.json").read_text())
    assert record["inputs"] == {"value": 2}
    assert list(record["needs"]) == [f"numbers/{Number(1).key}"]
    assert list(record["files"]) == ["result"]
