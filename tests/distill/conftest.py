from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LABELS = ("Cardiomegaly", "Effusion")


def _values() -> dict[str, Any]:
    point = {"logit": 0.0, "rule": "not trained yet"}
    return {
        "recipe": 1,
        "name": "tiny",
        "version": "1.0.0",
        "licence": "Apache-2.0",
        "card": {"summary": "tiny", "intended_use": "tests", "limitations": ["phantoms only"]},
        "student": {"backbone": "timm/mobilenetv2_035", "novelty_rank": 4},
        "weights": {"file": "weights.safetensors", "sha256": "0" * 64},
        "input": {"channels": 1, "height": 32, "width": 32, "fit": "pad"},
        "labels": {"kind": "multi-label", "names": list(LABELS)},
        "operating_points": {label: dict(point) for label in LABELS},
        "novelty": {"threshold": 1.0, "rule": "not trained yet"},
        "data": {"source": "phantom", "seed": 7, "patients": {"train": 20, "val": 14, "test": 14}},
        "calibration": {"split": "val", "count": 128},
        "evaluation": {"split": "test"},
        "targets": {"executorch": ["fp32"]},
        "primary": "executorch/fp32",
        "bundles": {"android": ["executorch/fp32"]},
        "gates": {"fp32": {"flip_rate": 0}},
        "distill": {
            "teacher": {"backbone": "timm/mobilenetv2_035", "epochs": 2, "learning_rate": 0.002},
            "epochs": 3,
            "batch": 8,
            "learning_rate": 0.002,
            "seed": 5,
        },
    }


@pytest.fixture
def values() -> dict[str, Any]:
    """A recipe that trains in seconds, as plain values to be changed."""
    return _values()


@pytest.fixture
def write_recipe(values: dict[str, Any]) -> Callable[[Path], Path]:
    """Writes ``values``, as they are by then, as ``model.yaml`` into a folder, with a comment on top."""

    def write(folder: Path) -> Path:
        from ruamel.yaml import YAML

        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "model.yaml").open("w") as stream:
            stream.write("# a comment that stays\n")
            YAML(typ="rt").dump(values, stream)
        return folder

    return write


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


@pytest.fixture(scope="session")
def phantom_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered phantoms, once for all tests here."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _small(phantom_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_CACHE", str(phantom_cache))
    monkeypatch.setattr("cxredge.distill.evaluate.RESAMPLES", 100)
