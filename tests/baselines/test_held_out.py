from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxredge.baselines.held_out import HeldOut, Part, hold_out
from cxredge.cli.phantom import phantom
from cxredge.data.data_sets import DataSet
from cxredge.data.film import Film
from cxredge.errors import InputError
from cxredge.recipe_file import load_recipe

Write = Callable[[Path], Path]


def test_each_film_is_measured_once_by_a_model_that_saw_none_of_its_patient(
    write_recipe: Write, tmp_path: Path
) -> None:
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    held = hold_out(recipe, (5, 6), 3, None, drawn=False)
    assert len(held.measured) == 87
    assert len(set(held.patients)) == 48
    assert [len(parts) for parts in held.parts] == [3, 3]
    for parts in held.parts:
        assert sorted(np.concatenate([part.places for part in parts])) == list(range(87))
        for part in parts:
            assert part.films["test"] == tuple(held.measured[at] for at in part.places)
            people = {split: {film.patient for film in films} for split, films in part.films.items()}
            assert all(people.values())
            assert sum(map(len, people.values())) == len(set().union(*people.values())) == 48
            assert sum(map(len, part.films.values())) == 87
            # a data set refuses a patient in two splits
            assert {split: part.data().patients(split) for split in people} == people
    first, second = (parts[0].places.tolist() for parts in held.parts)
    assert first != second


def test_films_keep_their_masks_whatever_fold_they_are_in(write_recipe: Write, tmp_path: Path) -> None:
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    part = hold_out(recipe, (5,), 2, None, drawn=True).parts[0][0]
    data = part.data()
    before = {film.file: film for film in part.films["train"]}
    found = next(film for film in data.films("train") if film.targets.any() and before[film.file].split == "test")
    assert found.split == "train"
    masks = data.masks(found)
    assert sorted(masks) == [name for name, one in zip(recipe.labels.names, found.targets, strict=True) if one]
    assert all(mask.any() for mask in masks.values())


def test_one_fold_is_the_recipes_own_split(write_recipe: Write, tmp_path: Path) -> None:
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    held = hold_out(recipe, (5, 6), 1, None, drawn=False)
    ((part,), (same,)) = held.parts
    assert part is same
    assert {split: {film.split for film in films} for split, films in part.films.items()} == {
        split: {split} for split in ("train", "val", "test")
    }
    assert held.measured == part.films["test"]


def test_more_phantoms_begin_with_the_recipes_own(write_recipe: Write, tmp_path: Path) -> None:
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    own = hold_out(recipe, (5,), 1, None, drawn=False)
    more = hold_out(recipe, (5,), 1, 60, drawn=False)
    assert 60 <= len(more.measured) < 64  # a patient has up to four films
    assert [film.file for film in more.measured[: len(own.measured)]] == [film.file for film in own.measured]
    train = [[film.path for film in held.parts[0][0].films["train"]] for held in (own, more)]
    assert train[0] == train[1], "what is learnt from stays where it is drawn"
    with pytest.raises(InputError) as caught:
        hold_out(recipe, (5,), 2, 60, drawn=False)
    assert caught.value.code == "BASELINES-TEST-FILMS"


def test_more_folds_than_patients(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    values["data"]["patients"] = {"train": 1, "val": 1, "test": 1}
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    for folds, cause in ((4, "3 patients cannot be in 4 folds"), (2, "leaves no film for train")):
        with pytest.raises(InputError, match=cause) as caught:
            hold_out(recipe, (5,), folds, None, drawn=False)
        assert caught.value.code == "BASELINES-FOLDS"


def test_patients_with_an_open_label_are_only_learnt_from(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data" / "ours"
    phantom.main([str(data), "--patients", "16"], standalone_mode=False)
    (data / "SHA256SUMS").unlink()
    monkeypatch.setenv("CXR_DATA", str(data.parent))
    header, *lines = (line.split(",") for line in (data / "labels.csv").read_text().splitlines())
    at = header.index("Effusion")
    one = next(line for line in lines if line[header.index("split")] == "train")
    one[at] = ""
    whose = sum(line[header.index("group")] == one[header.index("group")] for line in lines)
    (data / "labels.csv").write_text("\n".join(",".join(line) for line in (header, *lines)) + "\n")
    values["data"] = {"source": "folder", "name": "ours"}
    values["labels"]["unlabelled"] = "ignore"
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    held = hold_out(recipe, (5,), 2, None, drawn=False)
    assert held.open_films == whose
    assert len(held.measured) == len(lines) - whose
    for part in held.parts[0]:
        assert sum(np.isnan(film.targets).any() for film in part.films["train"]) == 1
        assert not any(np.isnan(film.targets).any() for split in ("val", "test") for film in part.films[split])


def held_out(*folds: list[tuple[int, int]], patients: int = 10**6) -> HeldOut:
    """Of two labels; each film a patient's own, up to so many. The first fold's films teach the second, and so on."""
    films = [
        [
            Film(f"{number}-{at}", Path("x"), f"p{at % patients}", "test", np.array(targets, np.float32))
            for at, targets in enumerate(fold)
        ]
        for number, fold in enumerate(folds)
    ]
    parts = tuple(
        Part({"train": tuple(films[number - 1]), "val": (), "test": tuple(own)}, np.arange(0), DataSet("x", ()))
        for number, own in enumerate(films)
    )
    return HeldOut(tuple(film for own in films for film in own), (parts,))


def test_labels_of_few_patients_or_without_a_positive_in_a_fold_are_left_out(
    write_recipe: Write, tmp_path: Path
) -> None:
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    both = [(1, 0), (0, 1)] * 12
    found = held_out(both, both).compared(recipe)
    assert (found.left_out, found.no_interval) == ({}, None)
    found = held_out(both, [(1, 0), (0, 0)] * 12).compared(recipe)
    assert found.left_out == {"Effusion": "no positive film in fold 1, train"}
    few = held_out([*[(0, 0), (0, 1)] * 12, *[(1, 0)] * 6]).compared(recipe)
    assert few.left_out == {"Cardiomegaly": "6 positive patients, 10 are needed"}
    assert few.no_interval is None
    # no label of enough patients: those of enough films are compared, without an interval
    few = held_out([(1, 0), (0, 0), (0, 1)] * 5).compared(recipe)
    assert (few.left_out, few.no_interval) == ({}, "5 positive patients, 10 are needed")
    few = held_out([(1, 0), (0, 0)] * 4).compared(recipe)
    assert set(few.left_out.values()) == {"4 films of one kind, 5 are needed", "0 films of one kind, 5 are needed"}
