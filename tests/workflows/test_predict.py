"""Predicting by a manifest that describes another model than the artifact is: refused, as on a phone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cxredge.errors import InputError
from cxredge.workflows.predict import Predictor
from support.bundles import V2, Tree, changed, sealed

FILM = V2 / "classes" / "selftest" / "phantom-0.png"
ARTIFACT = ("artifacts", 0)


def asked(folder: Path, tree: Tree) -> InputError:
    """What the one film is refused with."""
    (folder / "manifest.json").write_text(sealed(tree))
    (prediction,) = Predictor(folder, [FILM], None, None, None).run()
    assert prediction.findings is None
    assert isinstance(prediction.error, InputError)
    return prediction.error


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(V2 / "classes", tmp_path / "bundle")


@pytest.fixture
def tree() -> Tree:
    found: Tree = json.loads((V2 / "classes" / "manifest.json").read_text())
    return found


def with_labels(tree: Tree, names: list[str]) -> Tree:
    """The manifest of a model with these classes, whole in itself."""
    made = changed(tree, ("model", "labels"), [{"name": name, "display": {}} for name in names])
    made = changed(made, (*ARTIFACT, "too_few"), {})
    made = changed(made, (*ARTIFACT, "outputs", 0, "shape"), [1, len(names)])
    return changed(made, (*ARTIFACT, "outputs", 1, "shape"), [1, 2, 2, len(names)])


@pytest.mark.parametrize("names", [["clear", "fluid"], ["clear", "fluid", "air", "bone"]])
def test_other_labels_than_the_artifact_has(folder: Path, tree: Tree, names: list[str]) -> None:
    error = asked(folder, with_labels(tree, names))
    assert error.code == "RUN-OUTPUT"
    assert "logits [1, 3]" in error.cause


def test_one_label_is_not_spread_over_many_logits(folder: Path, tree: Tree) -> None:
    decision: Any = {"kind": "multi-label", "operating_points": {"fluid": 0.0}}
    error = asked(folder, changed(with_labels(tree, ["fluid"]), ("model", "decision"), decision))
    assert error.code == "RUN-OUTPUT"


def test_an_output_that_the_artifact_does_not_give(folder: Path, tree: Tree) -> None:
    made = changed(tree, ("model", "quality"), [{"kind": "inverted", "threshold": 0.0}])
    quality = {"name": "quality", "index": 3, "shape": [1, 1], "dtype": "float32", "layout": "NK"}
    made = changed(made, (*ARTIFACT, "outputs"), [*made["artifacts"][0]["outputs"], quality])
    error = asked(folder, changed(made, (*ARTIFACT, "tolerance", "quality_abs"), 0.1))
    assert error.code == "RUN-OUTPUT"
    assert "quality [1, 1]" in error.cause


def test_a_film_of_another_size_than_the_artifact_takes(folder: Path, tree: Tree) -> None:
    made = changed(tree, ("model", "input", "height"), 96)
    error = asked(folder, changed(made, (*ARTIFACT, "inputs", 0, "shape"), [1, 96, 64, 1]))
    assert error.code == "RUN-FAILED"
    assert "96" in error.cause
