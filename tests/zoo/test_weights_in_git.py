"""Which weights the repository holds: only those that may be passed on, and not many bytes of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cxredge.files import sha256_file
from cxredge.recipe import weights_file
from cxredge.recipe_file import load_recipe
from cxredge.recipe_shipping import SHIPPED
from support.command import ROOT

ZOO = ROOT / "model_zoo"
WEIGHTS = {".safetensors", ".pt2", ".pt", ".pth", ".ckpt", ".bin", ".pte", ".tflite", ".onnx", ".mlpackage", ".npz"}
MOST = 60_000_000
PLACES = sorted(path.parent for path in ZOO.glob("*/model.yaml"))


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_repositorys_weights_are_few_bytes(tracked: list[Path]) -> None:
    weights = [path for path in tracked if path.suffix in WEIGHTS]
    assert {place / "weights.safetensors" for place in PLACES if (place / "weights.safetensors").exists()} & {*weights}
    assert sum(path.stat().st_size for path in weights) < MOST


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_only_weights_that_may_be_passed_on_lie_in_the_zoo(place: Path) -> None:
    recipe = load_recipe(place)
    held = [path.name for path in place.rglob("*") if path.suffix in WEIGHTS]
    if recipe.ship is not None:
        assert held == []
        return
    assert not recipe.trained or sha256_file(weights_file(recipe, place / "model.yaml")) == recipe.weights.sha256
    if held and recipe.original is None:
        results = json.loads((place / "results.json").read_text())
        assert results["licence_used"]
        assert set(results["licence_used"]) <= {*SHIPPED}


def test_git_has_no_weights_that_may_not_be_passed_on(tracked: list[Path]) -> None:
    kept = {place for place in PLACES if load_recipe(place).ship is not None}
    assert [path for path in tracked if path.suffix in WEIGHTS and kept & {*path.parents}] == []
    assert not [path for path in tracked if (ROOT / "build") in path.parents]
