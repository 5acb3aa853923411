"""Data sets: folders and phantoms, every refusal, and the real sets where they are present."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cxredge.cli.phantom import phantom
from cxredge.code_digest import code_of
from cxredge.data.data_sets import DataSet, open_data
from cxredge.data.film import SPLITS
from cxredge.data.root import data_root
from cxredge.errors import InputError
from cxredge.phantoms import folder as phantom_files
from cxredge.phantoms.render import PHANTOM_LABELS, PhantomFilm, Rendering, render
from cxredge.phantoms.split import PhantomSplit
from cxredge.recipe_data import FolderData, PhantomData
from cxredge.recipe_decision import Labels

HEADER = "file,group,Nodule,Effusion,split,view\n"
GOOD = HEADER + "images/a.png,p1,1,0,train,PA\nimages/b.png,p1,0,0,train,AP\nimages/c.png,p2,0,1,test,PA\n"
TWO = Labels(names=("Effusion", "Nodule"))
SINGLE = Labels(kind="single-label", names=("normal", "viral"))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with one small set called ``mine``."""
    images = tmp_path / "data" / "mine" / "images"
    images.mkdir(parents=True)
    for name in "abc":
        (images / f"{name}.png").write_bytes(name.encode())
    (tmp_path / "data" / "mine" / "labels.csv").write_text(GOOD)
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def mine(root: Path, table: str | None = None, labels: Labels = TWO, column: str | None = None) -> DataSet:
    if table is not None:
        (root / "mine" / "labels.csv").write_text(table)
    return open_data(FolderData(source="folder", name="mine", label_column=column), labels, root / "cache")


def refused(root: Path, table: str | None = None, labels: Labels = TWO, column: str | None = None) -> InputError:
    with pytest.raises(InputError) as refusal:
        mine(root, table, labels, column)
    assert refusal.value.fix
    return refusal.value


def test_folder(root: Path) -> None:
    data = mine(root)
    assert data.name == "mine"
    a, b = data.films("train")
    assert (a.file, a.patient, a.split, a.path.read_bytes()) == ("images/a.png", "p1", "train", b"a")
    assert a.targets.dtype == np.float32
    assert a.targets.tolist() == [0, 1], "in the order of the recipe's labels, not of the columns"
    assert dict(b.columns) == {"view": "AP"}
    assert data.patients("train") == {"p1"}
    assert data.patients("val") == frozenset()
    assert a.sha256() == hashlib.sha256(b"a").hexdigest()


def test_films_are_left_out_by_name(root: Path) -> None:
    data = FolderData(source="folder", name="mine", leave_out=("images/a.png",))
    assert [film.file for film in open_data(data, TWO, root / "cache").films("train")] == ["images/b.png"]
    with pytest.raises(InputError) as caught:
        open_data(data.model_copy(update={"leave_out": ("a.png",)}), TWO, root / "cache")
    assert caught.value.code == "DATA-LEAVE-OUT"
    assert "images/a.png" in caught.value.choices


def test_labels_that_are_not_judged_need_no_column(root: Path) -> None:
    labels = Labels(names=("Mass", "Effusion", "Nodule"), not_judged=("Mass", "Nodule"))
    *_, c = mine(root, labels=labels).films("train") + mine(root, labels=labels).films("test")
    assert c.targets.tolist() == [0, 1, 0]
    odd = mine(root, GOOD.replace("Nodule,", "Other,").replace("p1,1,", "p1,unsure,"), labels).films("train")[0]
    assert odd.targets.tolist() == [0, 0, 0]
    assert refused(root, labels=Labels(names=("Mass", "Effusion"))).code == "DATA-COLUMN"
    # a column of that name is a cell like any other, whatever it holds
    kept = mine(root, GOOD.replace("p1,1,", "p1,unsure,"), labels).films("train")[0]
    assert (kept.targets.tolist(), kept.columns["Nodule"]) == ([0, 0, 0], "unsure")


def test_single_label_folder(root: Path) -> None:
    table = "file,group,kind,split\nimages/a.png,p1,viral,train\nimages/b.png,p1,normal,train\n"
    assert [film.targets.tolist() for film in mine(root, table, SINGLE, "kind").films("train")] == [[0, 1], [1, 0]]


def test_byte_order_mark_and_quotes(root: Path) -> None:
    table = '\ufefffile,group,Nodule,Effusion,split,note\n"images/a.png",p1,1,0,train,"one, two"\n\n'
    assert mine(root, table).films("train")[0].columns["note"] == "one, two"


def test_missing_set(root: Path) -> None:
    with pytest.raises(InputError) as refusal:
        open_data(FolderData(source="folder", name="mime"), TWO, root)
    assert refusal.value.code == "DATA-MISSING"
    assert refusal.value.choices[0] == "mine"


def test_missing_table(root: Path) -> None:
    (root / "mine" / "labels.csv").unlink()
    error = refused(root)
    assert error.code == "DATA-MISSING"
    assert "labels.csv" in error.cause
    (root / "mine" / "labels.csv").mkdir()
    assert refused(root).code == "DATA-FILE"


def test_data_root(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_root() == root
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="DATA-MISSING"):
        data_root()
    monkeypatch.delenv("CXR_DATA")
    monkeypatch.setattr("cxredge.data.root.__file__", str(tmp_path / "a" / "b" / "c" / "d" / "datasets.py"))
    work = tmp_path / "repo"
    work.mkdir()
    monkeypatch.chdir(work)
    with pytest.raises(InputError, match="DATA-MISSING"):
        data_root()
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert data_root() == tmp_path / "shared" / "data"


@pytest.mark.parametrize(
    ("gone", "wrong", "first"),
    [("Nodule", "Nodules", "Nodules"), ("group", "groups", "groups"), ("file", "fil", "fil")],
)
def test_missing_column(root: Path, gone: str, wrong: str, first: str) -> None:
    error = refused(root, GOOD.replace(gone, wrong, 1))
    assert error.code == "DATA-COLUMN"
    assert gone in error.cause
    assert error.choices[0] == first


def test_column_mistakes(root: Path) -> None:
    assert refused(root, GOOD.replace("view", "Nodule", 1)).code == "DATA-COLUMN"
    assert refused(root, "").code == "DATA-COLUMN"
    assert refused(root, GOOD, SINGLE).code == "DATA-COLUMN"
    assert refused(root, GOOD, TWO, "view").code == "DATA-COLUMN"
    assert refused(root, GOOD, SINGLE, "veiw").choices[0] == "view"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("b.png,p1,0,0", "b.png,p1,0,2", "column Effusion: '2'"),
        ("b.png,p1,0,0", "b.png,p1,,0", "column Nodule: an empty cell"),
        ("b.png,p1,0,0,train", "b.png,p1,0,0,trian", "column split: 'trian'"),
        ("b.png,p1", "b.png,", "column group"),
        ("b.png,p1,0,0,train,AP", "b.png,p1,0,0,train", "5 cells under 6"),
    ],
)
def test_bad_values_name_file_line_and_column(root: Path, old: str, new: str, named: str) -> None:
    error = refused(root, GOOD.replace(old, new, 1))
    assert error.code == "DATA-VALUE"
    assert "labels.csv line 3" in error.cause
    assert named in error.cause


def test_bad_label_and_bad_text(root: Path) -> None:
    error = refused(root, "file,group,kind,split\nimages/a.png,p1,virl,train\n", SINGLE, "kind")
    assert (error.code, error.choices[0]) == ("DATA-VALUE", "viral")
    (root / "mine" / "labels.csv").write_bytes(HEADER.encode() + b"\xff\xfe,p,0,0,train,PA\n")
    assert refused(root).code == "DATA-VALUE"
    assert refused(root, HEADER + '"images/a.png,p1,1,0,train,PA\n').code == "DATA-VALUE"


@pytest.mark.parametrize("twin", ["images/a.png", "images/./a.png", "images//a.png"])
def test_duplicate(root: Path, twin: str) -> None:
    error = refused(root, GOOD.replace("images/b.png", twin))
    assert error.code == "DATA-DUPLICATE"
    assert "line 3" in error.cause
    assert "line 2" in error.cause


def test_one_file_under_two_names(root: Path) -> None:
    (root / "mine" / "images" / "b.png").unlink()
    (root / "mine" / "images" / "b.png").symlink_to("a.png")
    error = refused(root)
    assert error.code == "DATA-DUPLICATE"
    assert "as images/a.png" in error.cause


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (r"images\b.png", "backslash"),
        ("b" * 131_071, "more than 10000 characters"),
        ("b" * 131_073, "more than 10000 characters"),
        ("b" * 256, "longer than a path can be"),
        ("images/" + "é" * 128, "longer than a path can be"),
        ("/".join(["b" * 200] * 8), "longer than a path can be"),
        ("images/\x1b[31m.png", "no file name"),
        ("images/b\u202egnp.png", "no file name"),
        ("images/b\0.png", "no file name"),
        ("loop/b.png", "cannot be followed"),
    ],
    ids=lambda value: value[:12].encode("unicode_escape").decode(),
)
def test_names_that_no_film_has(root: Path, file: str, said: str) -> None:
    (root / "mine" / "loop").symlink_to("loop")
    error = refused(root, GOOD.replace("images/b.png", file))
    assert error.code in ("DATA-PATH", "DATA-VALUE")
    assert "line 3" in error.cause
    assert said in error.cause
    assert len(error.text()) < 1000


@pytest.mark.parametrize("file", ["/etc/passwd", "../mine/images/a.png", "images/../../x.png", "..", "", ".", "link/x"])
def test_paths_that_leave_the_folder(root: Path, file: str) -> None:
    (root / "mine" / "link").symlink_to(root.parent)
    error = refused(root, GOOD.replace("images/b.png", file))
    assert error.code == "DATA-PATH"
    assert "line 3" in error.cause


def test_a_link_to_a_file_outside(root: Path) -> None:
    (root / "secret").write_text("x")
    (root / "mine" / "images" / "b.png").unlink()
    (root / "mine" / "images" / "b.png").symlink_to(root / "secret")
    assert refused(root).code == "DATA-PATH"


def test_absent_file_matters_when_its_split_is_used(root: Path) -> None:
    (root / "mine" / "images" / "b.png").unlink()
    data = mine(root)
    assert len(data.films("test")) == 1
    with pytest.raises(InputError, match=r"DATA-FILE.*images/b\.png"):
        data.films("train")


def test_empty_and_unknown_splits(root: Path) -> None:
    data = mine(root)
    with pytest.raises(InputError, match="DATA-SPLIT-EMPTY") as refusal:
        data.films("val")
    assert refusal.value.choices == ("train", "test")
    for ask in (data.films, data.patients):
        with pytest.raises(InputError, match="DATA-VALUE") as refusal:
            ask("tests")
        assert refusal.value.choices[0] == "test"


def test_leak(root: Path) -> None:
    error = refused(root, GOOD.replace("c.png,p2", "c.png,p1"))
    assert error.code == "DATA-LEAK"
    assert "p1" in error.cause
    assert "images/c.png" in error.cause


def test_folder_sets_have_no_masks(root: Path) -> None:
    data = mine(root)
    with pytest.raises(InputError, match="DATA-MASKS"):
        data.masks(data.films("test")[0])


# phantoms

FIVE = Labels(names=PHANTOM_LABELS)
SMALL = PhantomData(source="phantom", seed=2, patients={"train": 3, "val": 1, "test": 0})


def test_phantoms_are_rendered_on_first_use(tmp_path: Path) -> None:
    from PIL import Image

    data = open_data(SMALL, FIVE, tmp_path)
    assert list(tmp_path.iterdir()) == []
    films = data.films("train")
    assert {film.path.parents[2].name for film in films} == {"phantoms"}
    drawn = [path for path in tmp_path.rglob("images/*.png") if path.is_file()]
    assert sorted(drawn) == sorted(film.path for film in films), "one split does not draw another"
    assert data.patients("train") == {f"phantom-train-{i:04d}" for i in range(3)}
    assert data.patients("train").isdisjoint(data.patients("val"))
    for film in films:
        assert film.columns["view"] == "PA"
        assert film.columns["licence_class"] == "open"
        assert len(film.sha256()) == 64
        with Image.open(film.path) as image:
            assert (image.mode, image.size) == ("L", (320, 320))
        masks = data.masks(film)
        assert set(masks) == {name for name, value in zip(PHANTOM_LABELS, film.targets, strict=True) if value}
        assert all(mask.dtype == np.bool_ and mask.shape == (320, 320) and mask.any() for mask in masks.values())
    with pytest.raises(InputError, match="DATA-SPLIT-EMPTY"):
        data.films("test")


def test_phantom_labels_can_be_a_reordered_part(tmp_path: Path) -> None:
    full, part = open_data(SMALL, FIVE, tmp_path), open_data(SMALL, TWO, tmp_path)
    for film, other in zip(full.films("train"), part.films("train"), strict=True):
        assert other.targets.tolist() == [film.targets[1], film.targets[3]]
        assert set(part.masks(other)) == set(full.masks(film)) & set(TWO.names)


def test_phantom_label_mistakes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="DATA-COLUMN") as refusal:
        open_data(SMALL, Labels(names=("Nodules",)), tmp_path)
    assert refusal.value.choices[0] == "Nodule"
    with pytest.raises(InputError, match="DATA-COLUMN"):
        open_data(SMALL, Labels(kind="single-label", names=("Nodule", "Effusion")), tmp_path)


def test_a_killed_render_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {film.file: film.sha256() for film in open_data(SMALL, FIVE, tmp_path / "whole").films("train")}
    calls = 0

    def dies(film: PhantomFilm) -> Rendering:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return render(film)

    monkeypatch.setattr(phantom_files, "render", dies)
    with pytest.raises(KeyboardInterrupt):
        open_data(SMALL, FIVE, tmp_path / "killed").films("train")
    assert [path for path in (tmp_path / "killed").rglob("*") if path.is_file()] == []
    films = open_data(SMALL, FIVE, tmp_path / "killed").films("train")
    assert {film.file: film.sha256() for film in films} == whole


@pytest.mark.parametrize("damage", [b"", b"other bytes", None], ids=["cut", "overwritten", "removed"])
@pytest.mark.parametrize("what", ["images", "masks"])
def test_a_damaged_phantom_is_noticed_and_drawn_again(tmp_path: Path, damage: bytes | None, what: str) -> None:
    before = {film.file: film.sha256() for film in open_data(SMALL, FIVE, tmp_path).films("train")}
    victim = min(path for path in tmp_path.rglob(f"{what}/*.png"))
    good = victim.read_bytes()
    if damage is None:
        victim.unlink()
    else:
        victim.write_bytes(damage)
    data = open_data(SMALL, FIVE, tmp_path)
    assert {film.file: film.sha256() for film in data.films("train")} == before
    assert victim.read_bytes() == good
    for film in data.films("train"):
        data.masks(film)


def test_the_phantoms_key_follows_data_and_split() -> None:
    keys = {
        PhantomSplit(SMALL.model_copy(update=change), split).key for change in ({}, {"seed": 3}) for split in SPLITS
    }
    assert len(keys) == 6
    assert {"cxredge.phantoms.lesions", "cxredge.phantoms.anatomy"} <= code_of(*PhantomSplit.code)


def test_the_command_s_folder_opens_as_a_folder_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CliRunner().invoke(phantom, [str(tmp_path / "try"), "--patients", "3"], catch_exceptions=False)
    monkeypatch.setenv("CXR_DATA", str(tmp_path))
    data = open_data(FolderData(source="folder", name="try"), FIVE, tmp_path)
    film = data.films("train")[0]
    assert film.expected_sha256 == film.sha256()


# the real sets, where they are present


@pytest.mark.parametrize(
    ("name", "labels", "column", "films"),
    [
        ("cxr_multilabel", Labels(names=("Effusion", "Nodule", "Pneumothorax")), None, 841),
        ("cxr_multilabel64", Labels(names=("Effusion",)), None, 831),
        ("cxr_covid", Labels(kind="single-label", names=("covid19", "pneumonia", "normal")), "label", 1250),
        ("cxr_pneumonia_paed", Labels(kind="single-label", names=("normal", "pneumonia")), "label", 1149),
    ],
)
def test_real_sets(
    cxr_data: Path, monkeypatch: pytest.MonkeyPatch, name: str, labels: Labels, column: str | None, films: int
) -> None:
    monkeypatch.setitem(os.environ, "CXR_DATA", str(cxr_data))
    data = open_data(FolderData(source="folder", name=name, label_column=column), labels, Path("unused"))
    splits = [data.films(split) for split in ("train", "val", "test")]
    assert sum(map(len, splits)) == films
    assert all(film.columns["licence_class"] for split in splits for film in split)
    for split in splits:
        assert split[0].expected_sha256 == split[0].sha256()
