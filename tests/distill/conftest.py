from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.training_recipe import training_values, write_values


@pytest.fixture
def values() -> dict[str, Any]:
    """A recipe that trains in seconds, as plain values to be changed."""
    return training_values()


@pytest.fixture
def write_recipe(values: dict[str, Any]) -> Callable[[Path], Path]:
    """Writes ``values``, as they are by then, as ``model.yaml`` into a folder, with a comment on top."""

    return lambda folder: write_values(values, folder)


CLASSES = {"dark": 30, "grey": 110, "bright": 200}


@pytest.fixture
def class_recipe(
    values: dict[str, Any], write_recipe: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Path]:
    """Writes a recipe of three exclusive classes, and its films: noise around three levels of grey."""
    from PIL import Image

    chance = np.random.default_rng(0)
    folder = tmp_path / "data" / "levels"
    (folder / "images").mkdir(parents=True)
    lines = ["file,group,level,split,licence_class"]
    for split, count in (("train", 60), ("val", 30), ("test", 30)):
        for i in range(count):
            level = list(CLASSES)[i % 3]
            film = chance.normal(CLASSES[level], 20, (32, 32)).clip(0, 255).astype(np.uint8)
            Image.fromarray(film).save(folder / "images" / f"{split}{i}.png")
            lines.append(f"images/{split}{i}.png,{split}{i // 2},{level},{split},open")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("CXR_DATA", str(folder.parent))
    del values["operating_points"]
    values["labels"] = {"kind": "single-label", "names": list(CLASSES)}
    values["data"] = {"source": "folder", "name": "levels", "label_column": "level"}
    values["least_margin"] = {"log_odds": 0, "rule": "none yet"}
    values["margin_rule"] = {"kind": "accuracy", "floor": 0.8}
    return lambda: write_recipe(tmp_path / "classes")


@pytest.fixture(autouse=True)
def _small(phantom_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_CACHE", str(phantom_cache))
    monkeypatch.setattr("cxredge.distill.evaluate.RESAMPLES", 100)
