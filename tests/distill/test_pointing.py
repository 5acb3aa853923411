"""A student that learns from masks, and the pointing game, from end to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from cxredge.data.data_sets import DataSet, open_data
from cxredge.distill.pointing import pointing_game
from cxredge.distill.record import Pointing
from cxredge.distill.run import distill
from cxredge.distill.splits import load_splits
from cxredge.recipe_file import load_recipe
from cxredge.stages import cache_folder
from cxredge.students import build_student
from cxredge.students.base import Student

Write = Callable[[Path], Path]


class Pointer(Student):
    """Answers each film that has a mask with the next of its maps float32[N, 2, h, w], or with none."""

    def __init__(self, maps: Tensor | None) -> None:
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(()))
        self.maps = None if maps is None else iter(maps)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"logits": torch.zeros(1, 2)} | ({} if self.maps is None else {"cam": next(self.maps)[None]})


def test_a_student_learns_from_masks(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    values["student"]["map_upscale"] = 4
    values["distill"]["teacher"]["epochs"] = values["distill"]["epochs"] = 1
    values["distill"]["losses"] = [{"loss": "hard"}, {"loss": "masks", "weight": 0.25}]
    place = write_recipe(tmp_path / "tiny")
    result = distill(place, tmp_path / "work")
    assert load_file(place / "weights.safetensors")["head.weight"].shape[0] == 2 * 16
    recipe = load_recipe(place)
    data = open_data(recipe.data, recipe.labels, cache_folder())
    films = load_splits(recipe, data, ("open",)).test
    found = result.student.pointing
    assert found == pointing_game(build_student(recipe, place / "weights.safetensors"), recipe, data, films)
    assert found is not None
    assert {label: hits.maps for label, hits in found.labels.items()} == result.splits["test"].positives
    assert found.all.maps == sum(result.splits["test"].positives.values()) > 0
    assert result.teacher.pointing is not None
    assert result.teacher.pointing.all.share == 0  # its one cell is centred on the film's corner


def test_pointing_by_hand(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    """Maps of as many cells as the input has pixels, a tenth of the film's: cell i is drawn on film pixel 10 i + 5."""
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    data = open_data(recipe.data, recipe.labels, cache_folder())
    films = load_splits(recipe, data, ("open",)).test
    by_name = {film.file: film for film in data.films("test")}
    maps = torch.zeros(len(films), 2, 32, 32)
    hits: dict[str, list[bool]] = {label: [] for label in recipe.labels.names}
    for at, name in enumerate(films.names):
        for label, mask in data.masks(by_name[name]).items():
            assert mask.shape == (320, 320)
            reached = torch.from_numpy(mask[5::10, 5::10]).nonzero()
            hits[label].append(len(reached) > 0)
            row, column = reached[0].tolist() if len(reached) else (0, 0)
            maps[at, recipe.labels.names.index(label), row, column] = 1

    def game(maps: Tensor) -> Pointing:
        found = pointing_game(Pointer(maps), recipe, data, films)
        assert found is not None
        return found

    maps = maps[maps.flatten(1).any(1)]
    found, every = game(maps), [*hits["Cardiomegaly"], *hits["Effusion"]]
    assert {label: hits.share for label, hits in found.labels.items()} == {
        label: pytest.approx(sum(each) / len(each), abs=1e-4) for label, each in hits.items()
    }
    assert 0 < found.all.share == pytest.approx(sum(every) / len(every), abs=1e-4)
    assert found.all.maps == len(every)
    assert game(maps.flip(2)).all.share < found.all.share
    assert pointing_game(Pointer(None), recipe, data, films) is None
    assert pointing_game(Pointer(maps), recipe, DataSet("none", ()), films) is None
