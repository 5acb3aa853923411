"""Folders of other films: which folder is meant, what their table may say, and what it is refused for."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from cxredge.data import other_sets
from cxredge.data.other_sets import OtherSet, find_folder, open_other
from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.recipe import Recipe
from report.plausible import recipe_for

FINDINGS = ("Effusion", "Nodule")
CLASSES = ("normal", "bacteria", "virus")


@pytest.fixture(scope="module")
def findings() -> Recipe:
    return recipe_for(FINDINGS, folder_data=True)


@pytest.fixture(scope="module")
def classes() -> Recipe:
    """Its own set names them in the column ``class``."""
    return recipe_for(CLASSES, kind="single-label")


def table(folder: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def films(count: int, **columns: str) -> list[dict[str, str]]:
    """Rows of so many films; a column's cells are the words of its text, over and over."""
    cells = {name: text.split() for name, text in columns.items()}
    return [{"file": f"{i}.png", **{name: text[i % len(text)] for name, text in cells.items()}} for i in range(count)]


def refused(place: Path, recipe: Recipe, names: Mapping[str, str] | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        open_other(place, recipe, names or {})
    return caught.value


def truth(found: OtherSet) -> list[list[float]]:
    return [film.targets.tolist() for film in found.films]


def test_a_folder_is_meant_by_its_path_or_a_sets_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "mine").mkdir(parents=True)
    (tmp_path / "here" / "films").mkdir(parents=True)
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path / "here")
    assert find_folder("films") == Path("films")
    assert find_folder("mine") == tmp_path / "data" / "mine"
    (tmp_path / "here" / "mine").symlink_to(tmp_path / "data" / "mine")
    assert find_folder("mine") == Path("mine"), "one folder by two names"
    (tmp_path / "here" / "mine").unlink()
    (tmp_path / "here" / "mine").mkdir()
    with pytest.raises(InputError, match="FILMS-TWICE") as caught:
        find_folder("mine")
    assert [find_folder(choice).samefile(choice) for choice in caught.value.choices] == [True, True]
    (tmp_path / "here" / "file.png").write_bytes(b"x")
    for data in ("file.png", "nowhere", "", "no/where", "a\0b"):
        with pytest.raises(InputError, match="FILMS-FOLDER"):
            find_folder(data)
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "gone"))
    assert find_folder("films") == Path("films"), "no folder of data sets is needed"


def test_some_labels_are_told_and_the_others_are_not_judged(findings: Recipe, tmp_path: Path) -> None:
    rows = films(4, group="P-1 p1 P-2 P-3", Nodule="0 1", sex="F M", split="train")
    found = open_other(table(tmp_path / "clinic", rows), findings, {})
    assert (found.labels.told, found.labels.not_judged) == (("Nodule",), ("Effusion",))
    assert truth(found) == [[0, 0], [0, 1]] * 2
    assert [film.patient for film in found.films] == ["P-1", "P-1", "P-2", "P-3"], "P-1 and p1 are one"
    assert found.patients_named
    assert found.films[0].columns == {"sex": "F"}
    assert found.table_sha256 == sha256_bytes((tmp_path / "clinic" / "labels.csv").read_bytes())
    aside = open_other(tmp_path / "clinic", findings, {}, labels=False)
    assert (aside.labels.told, truth(aside)) == ((), [[0, 0]] * 4)


def test_what_the_recipe_does_not_judge_is_judged_where_a_table_tells_it(findings: Recipe, tmp_path: Path) -> None:
    untold = findings.model_copy(update={"labels": findings.labels.model_copy(update={"not_judged": ("Nodule",)})})
    found = open_other(table(tmp_path, films(2, Nodule="0 1", Effusion="1 0")), untold, {})
    assert (found.labels.told, truth(found)) == (FINDINGS, [[1, 0], [0, 1]])


def test_names_are_mapped(findings: Recipe, classes: Recipe, tmp_path: Path) -> None:
    rows = films(4, id="a a b c", Ergus="1 0", ort="PA AP")
    rows = [{"bild": row.pop("file"), **row} for row in rows]
    place = table(tmp_path / "klinik", rows)
    found = open_other(place, findings, {"bild": "file", "id": "group", "Ergus": "Effusion", "ort": "view"})
    assert found.labels.told == ("Effusion",)
    assert [film.patient for film in found.films] == ["a", "a", "b", "c"]
    assert found.films[1].columns == {"view": "AP"}
    place = table(tmp_path / "klassen", films(3, befund="gesund bakteriell viral"))
    german = {"gesund": "normal", "bakteriell": "bacteria", "viral": "virus"}
    assert truth(open_other(place, classes, german)) == np.eye(3).tolist()
    place = table(tmp_path / "zwei", films(3, befund="normal virus bacteria", zweit="virus"))
    assert set(refused(place, classes).choices) == {"befund", "zweit"}
    assert refused(place, classes).code == "FILMS-COLUMN"
    assert truth(open_other(place, classes, {"befund": "class"})) == np.eye(3)[[0, 2, 1]].tolist()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"Erguss": "Effusion"}, "has no column Erguss"),
        ({"Ergus": "Efusion"}, "the model has nothing called Efusion"),
        ({"Ergus": "Nodule"}, "another column"),
        ({"Ergus": "Effusion", "zweit": "Effusion"}, "another column"),
    ],
)
def test_a_map_that_maps_nothing_is_refused(
    findings: Recipe, tmp_path: Path, names: dict[str, str], words: str
) -> None:
    error = refused(table(tmp_path, films(2, Ergus="1 0", zweit="0 1", Nodule="0 1")), findings, names)
    assert (error.code, words in error.cause) == ("FILMS-MAP", True), error


def test_other_labels_are_refused_with_choices_and_no_labels_are_not(
    findings: Recipe, classes: Recipe, tmp_path: Path
) -> None:
    place = table(tmp_path / "a", films(4, Scoliosis="0 1", status="covid normal"))
    for recipe, choices in ((findings, ("Scoliosis", "status: covid/normal")), (classes, ("status: covid/normal",))):
        error = refused(place, recipe)
        assert (error.code, error.choices) == ("FILMS-LABELS", choices)
        assert "--no-labels" in error.fix
    error = refused(table(tmp_path / "b", films(2, effusion="0 1", Nodule="0 1")), findings)
    assert (error.code, "--map 'effusion=Effusion'" in error.fix) == ("FILMS-LABELS", True), (
        "told or not is not guessed"
    )
    found = open_other(table(tmp_path / "c", films(2, group="a b", view="PA AP")), findings, {})
    assert (found.labels.told, found.patients_named) == ((), True)
    assert not open_other(tmp_path / "c", classes, {}).labels.told


def test_a_table_of_one_class_is_taken(classes: Recipe, findings: Recipe, tmp_path: Path) -> None:
    found = open_other(table(tmp_path / "a", films(2, befund="virus")), classes, {})
    assert truth(found) == [[0, 0, 1]] * 2
    assert not found.patients_named
    assert [film.patient for film in found.films] == ["0.png", "1.png"]
    assert truth(open_other(table(tmp_path / "b", films(2, Nodule="1")), findings, {})) == [[0, 1]] * 2


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{"path": "0.png", "Nodule": "1"}], "DATA-COLUMN"),
        (films(2, Nodule="1 -1"), "DATA-VALUE"),
        (films(2, Nodule="1", group="nan"), "DATA-VALUE"),
        ([{"file": "0.png", "Nodule": "1"}] * 2, "DATA-DUPLICATE"),
        ([{"file": "../0.png", "Nodule": "1"}], "DATA-PATH"),
    ],
)
def test_tables_that_cannot_be_used(findings: Recipe, tmp_path: Path, rows: list[dict[str, str]], code: str) -> None:
    assert refused(table(tmp_path, rows), findings).code == code


def test_cells_as_chexpert_writes_them(findings: Recipe, tmp_path: Path) -> None:
    found = open_other(table(tmp_path / "a", films(2, Nodule="1.0 0.0", Effusion="0 1.0")), findings, {})
    assert truth(found) == [[0, 1], [1, 0]]
    for cells in ("1.0 -1.0", "0 -1"):
        error = refused(table(tmp_path / "b", films(2, Nodule=cells)), findings)
        assert (error.code, error.choices) == ("DATA-VALUE", ())
        assert "take the row out, or the column, and Nodule is not judged" in error.fix
    assert refused(table(tmp_path / "c", films(2, Nodule="1 2")), findings).choices == ("0 or 0.0", "1 or 1.0")


def test_masks_of_the_films_are_no_other_files(findings: Recipe, tmp_path: Path) -> None:
    place = table(tmp_path, [{"file": "images/a.png", "Nodule": "1"}])
    for name in ("images/a.png", "masks/a.Nodule.png", "masks/b.Nodule.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert open_other(place, findings, {}).not_listed == 1


def test_a_folder_without_a_table_is_all_films(
    findings: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(tmp_path, findings).code == "FILMS-EMPTY"
    for name in ("b.dcm", "a/c.png", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = open_other(tmp_path, findings, {})
    assert [film.file for film in found.films] == ["a/c.png", "b.dcm"]
    assert (found.labels.told, found.table_sha256, found.patients_named) == ((), None, False)
    assert refused(tmp_path, findings, {"x": "Nodule"}).code == "FILMS-MAP"
    monkeypatch.setattr(other_sets, "MAX_FILMS", 1)
    assert refused(tmp_path, findings).code == "FILMS-MANY"
    table(tmp_path, films(2, Nodule="1"))
    assert refused(tmp_path, findings).code == "FILMS-MANY"
    monkeypatch.setattr(other_sets, "MAX_FILMS", 2)
    assert open_other(tmp_path, findings, {}).not_listed == 0
    table(tmp_path, [{"file": "b.dcm", "Nodule": "1"}])
    assert open_other(tmp_path, findings, {}).not_listed == 1
    (tmp_path / "labels.csv").unlink()
    monkeypatch.setattr(other_sets, "MAX_FILES", 2)
    assert refused(tmp_path, findings).code == "FILMS-MANY"
