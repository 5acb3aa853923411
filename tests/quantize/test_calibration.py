"""Calibration films are refused by code, on real data sets in a temporary folder."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxredge.data.data_sets import DataSet, open_data
from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.images.preprocess import preprocess_films
from cxredge.quantize.calibration import calibration_record, choose_films, film_records, refuse_noise
from cxredge.recipe import Recipe
from cxredge.recipe_calibration import MIN_CALIBRATION_FILMS
from cxredge.recipe_data import FolderData

Rows = list[tuple[str, str, str]]
"""(file, patient, split)"""


def disc(number: int) -> np.ndarray:
    rows, columns = np.mgrid[0:48, 0:48] / 48
    depth = np.exp(-((rows - 0.5) ** 2 + (columns - number % 7 / 7) ** 2) * 20)
    return (40 + 150 * depth).astype(np.uint8)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe) -> Callable[[Rows], DataSet]:
    """A folder set with a soft disc for each row."""
    monkeypatch.setenv("CXR_DATA", str(tmp_path))

    def made(rows: Rows) -> DataSet:
        folder = tmp_path / "films"
        folder.mkdir()
        with (folder / "labels.csv").open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(["file", "group", "split", *recipe.labels.names])
            for number, (file, patient, split) in enumerate(rows):
                Image.fromarray(disc(number)).save(folder / file)
                table.writerow([file, patient, split, *(number >> i & 1 for i in range(len(recipe.labels.names)))])
        return open_data(FolderData(source="folder", name="films"), recipe.labels, tmp_path / "cache")

    return made


def rows(split: str, films: int, patients: int) -> Rows:
    return [(f"{split}{i}.png", f"{split}-p{i % patients}", split) for i in range(films)]


def asking(recipe: Recipe, **wanted: object) -> Recipe:
    return recipe.model_copy(update={"calibration": recipe.calibration.model_copy(update=wanted)})


def refusal(data: DataSet, recipe: Recipe) -> InputError:
    with pytest.raises(InputError) as caught:
        choose_films(data, recipe)
    assert caught.value.fix
    return caught.value


def test_good_films_are_chosen_and_recorded(make: Callable[[Rows], DataSet], recipe: Recipe) -> None:
    data = make([*rows("train", 3, 3), *rows("val", 130, 60), *rows("test", 3, 3)])
    wanted = asking(recipe, count=110)
    chosen = choose_films(data, wanted)
    assert len(set(chosen)) == 110
    assert {film.split for film in chosen} == {"val"}
    written = calibration_record(data, wanted, film_records(chosen))
    assert written.patients == len({film.patient for film in chosen})
    assert [(f.file, f.sha256) for f in written.films] == [(f.file, sha256_file(f.path)) for f in chosen]
    refuse_noise(preprocess_films([film.path for film in chosen], recipe.input, "test"), data.name)


def test_the_choice_depends_on_names_and_not_on_the_tables_order(
    make: Callable[[Rows], DataSet], recipe: Recipe, tmp_path: Path
) -> None:
    table = rows("val", 130, 130)
    first = choose_films(make(table), asking(recipe, count=100))
    (tmp_path / "films").rename(tmp_path / "old")
    second = choose_films(make(table[::-1]), asking(recipe, count=100))
    assert [f.file for f in first] == [f.file for f in second]
    # and is not simply the first hundred
    assert {f.file for f in first} != {file for file, _, _ in table[:100]}


def test_too_few_asked_for(make: Callable[[Rows], DataSet], recipe: Recipe) -> None:
    data = make(rows("val", MIN_CALIBRATION_FILMS, 10))
    error = refusal(data, asking(recipe, count=MIN_CALIBRATION_FILMS - 1))
    assert error.code == "CALIBRATION-COUNT"
    assert str(MIN_CALIBRATION_FILMS) in error.fix
    assert len(choose_films(data, asking(recipe, count=MIN_CALIBRATION_FILMS))) == MIN_CALIBRATION_FILMS


def test_training_films(make: Callable[[Rows], DataSet], recipe: Recipe) -> None:
    error = refusal(make(rows("train", 120, 120)), asking(recipe, count=100, split="train"))
    assert error.code == "CALIBRATION-SPLIT"
    assert list(error.choices) == ["val"]  # test is evaluated on


def test_fewer_than_asked_for(make: Callable[[Rows], DataSet], recipe: Recipe) -> None:
    error = refusal(make(rows("val", 119, 119)), asking(recipe, count=120))
    assert error.code == "CALIBRATION-FEW"
    assert "119" in error.fix


def test_patients_who_are_evaluated_on(make: Callable[[Rows], DataSet], recipe: Recipe) -> None:
    """A set keeps a patient to one split, so only a recipe that calibrates where it evaluates can leak.

    ``Recipe`` refuses that as well; here it is made without its checks.
    """
    error = refusal(make(rows("test", 120, 60)), asking(recipe, count=100, split="test"))
    assert error.code == "CALIBRATION-LEAK"
    assert "test-p" in error.cause


def test_a_patient_in_two_splits_never_gets_that_far(make: Callable[[Rows], DataSet]) -> None:
    with pytest.raises(InputError) as caught:
        make([*rows("val", 120, 120), ("other.png", "val-p7", "train")])
    assert caught.value.code == "DATA-LEAK"


def test_an_absent_split(make: Callable[[Rows], DataSet], recipe: Recipe) -> None:
    assert refusal(make(rows("test", 3, 3)), asking(recipe, count=100)).code == "DATA-SPLIT-EMPTY"


# of the input's own size: enlarged noise has neighbours that agree, and passes for a film
NOISE = np.random.default_rng(0).integers(0, 256, (48, 48)).astype(np.uint8)


@pytest.mark.parametrize(
    "picture", [NOISE, np.uint8(np.indices((48, 48)).sum(0) % 2 * 200)], ids=["noise", "chessboard"]
)
def test_noise_and_blanks_among_films(
    make: Callable[[Rows], DataSet], recipe: Recipe, tmp_path: Path, picture: np.ndarray
) -> None:
    data = make(rows("val", 5, 5))
    Image.fromarray(picture).save(tmp_path / "films" / "val3.png")
    images = preprocess_films([film.path for film in data.films("val")], recipe.input, "test")
    with pytest.raises(InputError) as caught:
        refuse_noise(images, data.name)
    assert caught.value.code == "CALIBRATION-NOISE"
    assert caught.value.cause.startswith("1 of 5 ")


def test_blanks_are_no_films_and_no_calibration() -> None:
    for level in (0, 200):
        blank = np.full((2, 1, 48, 48), level, np.uint8)
        with pytest.raises(InputError, match="CALIBRATION-NOISE"):
            refuse_noise(blank, "blanks")
