"""Predicting by a manifest that describes another model than the artifact is: refused, as on a phone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cxredge.errors import InputError
from cxredge.vectors.sources import dicom, scene
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


def taking(folder: Path, tree: Tree, **lists: list[str]) -> Path:
    """The bundle of a model that takes only such films."""
    made = changed(tree, ("model", "input"), {**tree["model"]["input"], **lists})
    (folder / "manifest.json").write_text(sealed(made))
    return folder


def slice_of(tmp_path: Path, **tags: object) -> Path:
    path = tmp_path / "slice.dcm"
    path.write_bytes(dicom(scene(80, 70, 0, 255), bits=8, **tags))
    return path


def test_a_film_of_another_kind_is_refused_unless_somebody_goes_on(folder: Path, tree: Tree, tmp_path: Path) -> None:
    film = slice_of(tmp_path, Modality="MR", ViewPosition="LL")
    (free,) = Predictor(folder, [film], None, None, None).run()
    assert free.findings is not None
    bundle = taking(folder, tree, modalities=["CR", "DX"], body_parts=["CHEST"], views=["PA", "AP"])
    (refused,) = Predictor(bundle, [film], None, None, None).run()
    assert refused.findings is None
    assert isinstance(refused.error, InputError)
    assert (refused.error.code, refused.error.choices) == ("IMG-MODALITY", ("CR", "DX"))
    (gone_on,) = Predictor(bundle, [film], None, tmp_path / "map.png", None, other_kinds=True).run()
    assert gone_on.findings is not None
    assert gone_on.findings.passed_over == ("modality MR", "view LL")
    own = {"bundle", "passed_over"}
    assert gone_on.findings.model_dump(exclude=own) == free.findings.model_dump(exclude=own)
    other_kinds, plain = Image.open(tmp_path / "map.png"), tmp_path / "plain.png"
    (asked,) = Predictor(folder, [FILM], None, plain, None, other_kinds=True).run()
    assert asked.findings is not None
    assert asked.findings.passed_over == ()
    assert other_kinds.height > Image.open(plain).height, "the picture names it too"


def test_going_on_reads_nothing_that_cannot_be_read(folder: Path, tree: Tree, tmp_path: Path) -> None:
    film = slice_of(tmp_path, Modality="MR", NumberOfFrames=2)
    (found,) = Predictor(taking(folder, tree, modalities=["CR"]), [film], None, None, None, other_kinds=True).run()
    assert isinstance(found.error, InputError)
    assert found.error.code == "IMG-MULTIFRAME"


def test_a_model_without_maps_has_none_to_draw(folder: Path, tree: Tree, tmp_path: Path) -> None:
    made = changed(tree, ("model", "heatmap"), "none")
    logits, _, novelty = made["artifacts"][0]["outputs"]
    made = changed(made, (*ARTIFACT, "outputs"), [logits, {**novelty, "index": 1}])
    (folder / "manifest.json").write_text(sealed(changed(made, (*ARTIFACT, "tolerance", "cam_abs"), None)))
    with pytest.raises(InputError, match="has no heatmap") as caught:
        Predictor(folder, [FILM], None, tmp_path / "map.png", None)
    assert (caught.value.code, caught.value.fix) == ("PREDICT-HEATMAP", "leave --heatmap out")
