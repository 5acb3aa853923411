from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cxredge.data.data_sets import open_data
from cxredge.distill.splits import load_splits
from cxredge.errors import InputError
from cxredge.recipe import Recipe

ALLOWED = ("open", "nih-free-use", "authorized-for-everyone")


def make_set(root: Path, licences: list[str]) -> None:
    """One film of its own patient for every split and licence class; grey level = number of the row, below a bar."""
    folder = root / "films"
    folder.mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["file", "group", "split", "Cardiomegaly", "Effusion", "licence_class"])
        number = 0
        for split in ("train", "val", "test"):
            for licence in licences:
                film = np.full((40, 40), number, np.uint8)
                film[0] = 255
                Image.fromarray(film).save(folder / f"{number}.png")
                table.writerow([f"{number}.png", f"p{number}", split, number % 2, 1, licence])
                number += 1


def loaded(values: dict[str, Any], root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("CXR_DATA", str(root))
    values["data"] = {"source": "folder", "name": "films"}
    recipe = Recipe.model_validate(values)
    return load_splits(recipe, open_data(recipe.data, recipe.labels, root / "cache"), ALLOWED)


def test_other_licences_are_left_out_and_counted(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_set(tmp_path, ["open", "nc", "nih-free-use", "unspecified", "research-only", ""])
    splits = loaded(values, tmp_path, monkeypatch)
    assert splits.used == {"nih-free-use": 3, "open": 3}
    assert splits.excluded == {"nc": 3, "research-only": 3, "unspecified": 6}
    assert splits.train.patients == ("p0", "p2")
    assert splits.train.images.shape == (2, 1, 32, 32)
    assert [int(x[0, 16, 16]) for x in splits.train.images] == [0, 2]
    assert splits.train.targets.tolist() == [[0, 1], [0, 1]]


def test_nothing_allowed_is_an_error(values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_set(tmp_path, ["nc"])
    with pytest.raises(InputError) as caught:
        loaded(values, tmp_path, monkeypatch)
    assert caught.value.code == "DISTILL-LICENCE"
