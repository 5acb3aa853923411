"""Uncertain (-1) and empty cells of a table: refused, until a recipe says what they count as in training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cxredge.data.data_sets import open_data
from cxredge.errors import InputError
from cxredge.recipe_data import FolderData
from cxredge.recipe_decision import Labels, Uncertain

TABLE = """file,group,Nodule,Effusion,split
a.png,1,-1,-1,train
b.png,2,1,,train
c.png,3,0,-1,train
d.png,4,1,0,val
e.png,5,0,1,test
"""
NAMES = ("Effusion", "Nodule")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CXR_DATA", str(tmp_path))
    place = tmp_path / "films"
    place.mkdir()
    for name in "abcde":
        (place / f"{name}.png").touch()
    return place


def targets(folder: Path, table: str = TABLE, **said: Any) -> list[list[float | None]]:
    """Of the train films, in the order of NAMES; None where a film does not tell."""
    (folder / "labels.csv").write_text(table)
    data = open_data(FolderData(source="folder", name="films"), Labels(names=NAMES, **said), folder)
    return [[None if x != x else x for x in film.targets.tolist()] for film in data.films("train")]


@pytest.mark.parametrize(
    ("uncertain", "expected"),
    [
        ({"default": "ones"}, [[1, 1], [None, 1], [1, 0]]),
        ({"default": "zeros"}, [[0, 0], [None, 1], [0, 0]]),
        ({"default": "ignore"}, [[None, None], [None, 1], [None, 0]]),
        ({"default": "zeros", "labels": {"Effusion": "ones"}}, [[1, 0], [None, 1], [1, 0]]),
        ({"labels": {"Effusion": "ignore", "Nodule": "ones"}}, [[None, 1], [None, 1], [None, 0]]),
    ],
)
def test_policies(folder: Path, uncertain: dict[str, object], expected: list[list[float | None]]) -> None:
    assert targets(folder, uncertain=uncertain, unlabelled="ignore") == expected


def test_what_is_not_said_is_refused(folder: Path) -> None:
    ways: list[dict[str, Any]] = [{}, {"uncertain": {"labels": {"Nodule": "ones"}}}]
    for said in ways:
        with pytest.raises(InputError) as caught:
            targets(folder, unlabelled="ignore", **said)
        assert (caught.value.code, caught.value.choices) == ("DATA-UNCERTAIN", ("ones", "zeros", "ignore"))
        assert "labels.csv line 2, column Effusion" in caught.value.cause
    with pytest.raises(InputError) as caught:
        targets(folder, uncertain={"default": "ones"})
    assert caught.value.code == "DATA-VALUE"
    assert "line 3, column Effusion: an empty cell" in caught.value.cause
    assert "labels.unlabelled: ignore" in caught.value.fix


@pytest.mark.parametrize(("old", "new", "code"), [
    ("d.png,4,1,0", "d.png,4,-1,0", "DATA-UNCERTAIN"),
    ("e.png,5,0,1", "e.png,5,0,-1", "DATA-UNCERTAIN"),
    ("d.png,4,1,0", "d.png,4,,0", "DATA-VALUE"),
    ("e.png,5,0,1", "e.png,5,0,", "DATA-VALUE"),
    ("d.png,4,1,0", "d.png,4,-1.0,0", "DATA-UNCERTAIN"),
])  # fmt: skip
def test_films_that_answers_are_held_against_tell_all(folder: Path, old: str, new: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        targets(folder, TABLE.replace(old, new), uncertain={"default": "ones"}, unlabelled="ignore")
    assert caught.value.code == code
    assert "labels.unlabelled" not in caught.value.fix  # no policy mends it
    assert "0" not in caught.value.fix, "a doubt is not to be made a 0 or 1"


def test_cells_as_chexpert_writes_them_are_the_same(folder: Path) -> None:
    floats = re.sub(r"(?<=,)(-?[01])(?=,)", r"\1.0", TABLE)
    assert "a.png,1.0,-1.0,-1.0,train" in floats
    for way in ("ones", "zeros", "ignore"):
        said: dict[str, Any] = {"uncertain": {"default": way}, "unlabelled": "ignore"}
        assert targets(folder, floats, **said) == targets(folder, TABLE, **said)


@pytest.mark.parametrize("cell", ["-2", "nan", "0.5", "2", "yes", "1.00", " 1", "01", "+1"])
def test_other_cells_are_refused_with_what_may_stand_there(folder: Path, cell: str) -> None:
    said: dict[str, Any] = {"uncertain": {"default": "ones"}, "unlabelled": "ignore"}
    with pytest.raises(InputError) as caught:
        targets(folder, TABLE.replace("c.png,3,0,-1", f"c.png,3,0,{cell}"), **said)
    error = caught.value
    assert (error.code, error.choices) == ("DATA-VALUE", ("0 or 0.0", "1 or 1.0", "-1 or -1.0"))
    assert "labels.uncertain" in error.fix
    with pytest.raises(InputError) as caught:
        targets(folder, TABLE.replace("e.png,5,0,1", f"e.png,5,0,{cell}"), **said)
    assert caught.value.choices == ("0 or 0.0", "1 or 1.0"), "films in test tell what is true"


def test_labels_that_are_not_judged_need_no_policy(folder: Path) -> None:
    table = TABLE.replace("a.png,1,-1", "a.png,1,0")
    assert targets(folder, table, not_judged=("Effusion",)) == [[0, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"uncertain": {}}, "must have a default, or labels"),
        ({"uncertain": {"labels": {"Edema": "ones"}}}, "names Edema, which is no label"),
        ({"uncertain": {"labels": {"Nodule": "ones"}}, "not_judged": ["Nodule"]}, "names Nodule, which is no label"),
        ({"uncertain": {"default": "twos"}}, "'ones', 'zeros' or 'ignore'"),
        ({"unlabelled": "zeros"}, "'ignore'"),
        ({"uncertain": {"default": "ones"}, "kind": "single-label"}, "exclusive classes"),
        ({"unlabelled": "ignore", "kind": "single-label"}, "exclusive classes"),
    ],
)
def test_policies_that_cannot_be(said: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Labels.model_validate({"names": NAMES, **said})


def test_a_recipe_that_says_none_has_no_such_keys() -> None:
    assert Labels(names=NAMES).model_dump().keys() == {"kind", "names", "display"}
    said = Labels(names=NAMES, uncertain=Uncertain(labels={"Nodule": "ones"}), unlabelled="ignore")
    assert Labels.model_validate_json(said.model_dump_json()) == said
