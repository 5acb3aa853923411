"""A recipe that trains in seconds, on phantoms of 32 pixels, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LABELS = ("Cardiomegaly", "Effusion")


def training_values() -> dict[str, Any]:
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


def write_values(values: dict[str, Any], folder: Path) -> Path:
    """``values`` as ``model.yaml`` in a folder, with a comment on top; the folder."""
    from ruamel.yaml import YAML

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "model.yaml").open("w") as stream:
        stream.write("# a comment that stays\n")
        YAML(typ="rt").dump(values, stream)
    return folder
