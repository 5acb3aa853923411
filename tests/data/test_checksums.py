"""``SHA256SUMS``: every film of a set that has one is held against it, however it is written, or the set is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cxredge.data.data_sets import DataSet, open_data
from cxredge.data.out_of_distribution import make_ood_films
from cxredge.distill.splits import read_films
from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.recipe_data import FolderData
from cxredge.recipe_decision import Labels
from cxredge.recipe_file import load_recipe
from cxredge.vectors.sources import png
from cxredge.workflows.stages.films import Films
from support.command import ROOT

ROWS = "file,group,Nodule,split\nimages/a.png,p1,1,train\nimages/b.png,p2,0,test\n"
A = sha256_bytes(b"a")
B = sha256_bytes(b"b")


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a set of two films."""
    monkeypatch.setenv("CXR_DATA", str(tmp_path))
    (tmp_path / "mine" / "images").mkdir(parents=True)
    for name in "ab":
        (tmp_path / "mine" / "images" / f"{name}.png").write_bytes(name.encode())
    (tmp_path / "mine" / "labels.csv").write_text(ROWS)
    return tmp_path / "mine"


def opened(folder: Path) -> DataSet:
    return open_data(FolderData(source="folder", name=folder.name), Labels(names=("Nodule",)), folder / "cache")


def refused(folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        opened(folder)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        f"{A}  images/a.png\n{B}  images/b.png\n",
        f"{A}  ./images/a.png\n{B}  ./images/b.png\n",
        f"{A} *images/a.png\n{B} *images/b.png\n",
        f"{A.upper()}  images//a.png\r\n{B}  images/./b.png\r\n",
        f"\ufeff{B}  images/b.png\n{A}  images/a.png",
        f"{A}  images/a.png\n{B}  images/b.png\n{sha256_bytes(ROWS.encode())}  labels.csv\n{B}  SOURCES.md\n",
        f"\\{A}  images\\\\a.png\n{A}  images/a.png\n{B}  images/b.png\n",
    ],
    ids=["plain", "as find names them", "binary", "capitals", "no last line end", "the table too", "escaped"],
)
def test_every_film_is_held_however_the_list_is_written(mine: Path, text: str) -> None:
    (mine / "SHA256SUMS").write_text(text, newline="")
    (a,), (b,) = (opened(mine).films(split) for split in ("train", "test"))
    assert (a.expected_sha256, b.expected_sha256) == (A, B)
    assert (a.sha256(), a.source.read().data) == (A, b"a")
    b.path.write_bytes(b"other")
    for read in (b.sha256, b.source.read):
        with pytest.raises(InputError, match=r"DATA-HASH.*images/b\.png"):
            read()
    b.path.unlink()
    with pytest.raises(InputError, match="DATA-FILE"):
        b.sha256()


@pytest.mark.parametrize("command", ["find . -type f -name '*.png' | xargs sha256sum", "sha256sum -b images/*"])
def test_lists_that_tools_write(mine: Path, command: str) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("there is no sha256sum here")
    said = subprocess.run(command, shell=True, cwd=mine, capture_output=True, check=True, text=True).stdout
    (mine / "SHA256SUMS").write_text(said)
    assert [film.expected_sha256 for film in opened(mine).films("test")] == [B]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "DATA-HASH", "does not list 'images/a.png'"),
        ("\n \n", "DATA-HASH", "does not list"),
        (f"{A}  images/a.png\n", "DATA-HASH", "does not list 'images/b.png' (labels.csv line 3)"),
        (f"{A}  SOURCES.md\n", "DATA-HASH", "does not list"),
        (f"{A}  a.png\n{B}  b.png\n", "DATA-HASH", "does not list"),
        (f"{A}  images/a.png\x0b{B}  images/b.png\n", "DATA-HASH", "does not list"),
        (f"{A}  images/a.png\n{B}  images/a.png\n{B}  images/b.png\n", "DATA-VALUE", "line 2 gives"),
        (f"SHA256 (images/a.png) = {A}\n", "DATA-VALUE", "line 1 is not"),
        (f"{A[:40]}  images/a.png\n", "DATA-VALUE", "line 1 is not"),
        (f"{A}\timages/a.png\n", "DATA-VALUE", "line 1 is not"),
        (f"# hashes\n{A}  images/a.png\n", "DATA-VALUE", "line 1 is not"),
        (f"{A}  /images/a.png\n", "DATA-PATH", "line 1 names a file outside"),
        (f"{A}  ../mine/images/a.png\n", "DATA-PATH", "line 1 names a file outside"),
        (f"{A}  images/a.png\n{B}  images/b.png\n{A}  labels.csv\n", "DATA-HASH", "labels.csv has other bytes"),
    ],
)
def test_a_list_that_does_not_hold_every_film_is_refused(mine: Path, text: str, code: str, said: str) -> None:
    (mine / "SHA256SUMS").write_text(text)
    error = refused(mine)
    assert error.code == code
    assert said in error.cause


def test_what_is_no_list_is_refused(mine: Path) -> None:
    sums = mine / "SHA256SUMS"
    sums.write_bytes(f"{A}  images/".encode() + b"\xff.png\n")
    assert (error := refused(mine)).code == "DATA-VALUE"
    assert "UTF-8" in error.cause
    sums.unlink()
    sums.mkdir()
    assert refused(mine).code == "DATA-FILE"
    sums.rmdir()
    sums.symlink_to("nowhere")
    assert refused(mine).code == "DATA-FILE"
    sums.unlink()
    os.mkfifo(sums)
    assert refused(mine).code == "DATA-FILE"
    sums.unlink()
    with sums.open("wb") as stream:
        stream.truncate(1 << 40)
    assert "at most" in refused(mine).cause
    sums.unlink()
    assert len(opened(mine).films("train")) == 1, "without a list nothing is held, and nothing is claimed"


def test_films_are_held_wherever_they_are_read(mine: Path) -> None:
    """The films of a build, of a distillation and those that others are made of: by what is read, not by a look."""
    recipe = load_recipe(ROOT / "model_zoo" / "phantom")
    ramp = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)
    good = {"a": png(ramp), "b": png(ramp[::-1])}
    for name, data in good.items():
        (mine / "images" / f"{name}.png").write_bytes(data)
    sums = "".join(f"{sha256_bytes(data)}  images/{name}.png\n" for name, data in good.items())
    (mine / "SHA256SUMS").write_text(sums)
    films = opened(mine).films("train")
    stage = Films("evaluation", films, recipe.input, "mine")
    assert stage.records[0].sha256 == films[0].expected_sha256
    films[0].path.write_bytes(good["b"])
    store = None
    for read in (
        lambda: list(stage.draw(store).pictures),  # type: ignore[arg-type]
        lambda: read_films(recipe, "train", films),
        lambda: make_ood_films(films, {}, recipe.input),
    ):
        with pytest.raises(InputError) as caught:
            read()
        assert caught.value.code == "DATA-HASH"


def test_pictures_of_other_kinds_are_held(cxr_data: Path, tmp_path: Path) -> None:
    place = tmp_path / "malaria"
    shutil.copytree(cxr_data / "malaria", place)
    from cxredge.data.out_of_distribution import SETS

    first = next(SETS["cells"][1](place))[0]
    with (place / first).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(InputError, match="DATA-HASH"):
        next(SETS["cells"][1](place))
