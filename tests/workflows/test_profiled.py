from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cxredge.errors import InputError
from cxredge.recipe_file import load_recipe
from cxredge.workflows.profiled import profiled

ZOO = Path(__file__).parents[2] / "model_zoo"


def written(folder: Path, base: str = "phantom", **profiles: dict[str, Any]) -> Path:
    """The recipe of the zoo with profiles, in a folder."""
    yaml = YAML(typ="rt")
    tree = yaml.load((ZOO / base / "model.yaml").read_text())
    if profiles:
        tree["profiles"] = profiles
    folder.mkdir(exist_ok=True)
    with (folder / "model.yaml").open("w") as stream:
        yaml.dump(tree, stream)
    return folder


PAPER = {"distill": {"teacher": {"backbone": "timm/densenet121", "epochs": 2}, "epochs": 3}}


def test_a_profile_is_a_recipe_of_its_own(tmp_path: Path) -> None:
    base = written(tmp_path / "base", paper=PAPER)
    before = (base / "model.yaml").read_bytes()
    place = profiled(base, "paper", tmp_path / "zoo")
    assert place == tmp_path / "zoo" / "phantom-paper"
    found, recipe = load_recipe(place), load_recipe(base)
    assert (found.name, found.profiles) == ("phantom-paper", {})
    assert found.distill is not None
    assert (found.distill.teacher.backbone, found.distill.epochs) == ("timm/densenet121", 3)
    assert not found.trained
    # all that a training writes is to be written, and there is as much of it
    assert found.not_yet == ("weights.sha256", "operating_points", "novelty", "quality")
    assert (found.labels, found.input, found.gates) == (recipe.labels, recipe.input, recipe.gates)
    assert "# The embedded example" in (place / "model.yaml").read_text()
    assert (base / "model.yaml").read_bytes() == before
    assert profiled(base, "small", tmp_path / "zoo") == base


def test_what_was_trained_stays_until_the_recipe_changes(tmp_path: Path) -> None:
    base = written(tmp_path / "base", paper=PAPER)
    file = profiled(base, "paper", tmp_path / "zoo") / "model.yaml"
    trained = file.read_text() + "weights: {sha256: '" + "1" * 64 + "'}\n"
    file.write_text(trained)
    profiled(base, "paper", tmp_path / "zoo")
    assert file.read_text() == trained
    written(base, paper={"distill": {**PAPER["distill"], "epochs": 4}})
    profiled(base, "paper", tmp_path / "zoo")
    assert not load_recipe(file).trained


def test_what_a_recipe_lacks_its_profile_lacks(tmp_path: Path) -> None:
    base = written(tmp_path / "base", paper={**PAPER, "novelty": "none", "quality": "none"})
    found = load_recipe(profiled(base, "paper", tmp_path / "zoo"))
    assert (found.novelty, found.quality) == (None, None)


def test_profiles_that_are_not_there_or_not_whole_are_refused(tmp_path: Path) -> None:
    base = written(tmp_path / "base", paper={"distill": {"epochs": 3}}, big=PAPER)
    with pytest.raises(InputError) as caught:
        profiled(base, "papre", tmp_path / "zoo")
    assert (caught.value.code, caught.value.choices) == ("DISTILL-PROFILE", ("small", "paper", "big"))
    with pytest.raises(InputError) as caught:
        profiled(base, "paper", tmp_path / "zoo")
    assert caught.value.code == "RECIPE-LACKS"
    assert "profile paper" in caught.value.cause
    assert not (tmp_path / "zoo").exists()
    written(base, small=PAPER)
    with pytest.raises(InputError) as caught:
        load_recipe(base)
    assert caught.value.code == "RECIPE-VALUE"
    assert "small" in caught.value.cause
