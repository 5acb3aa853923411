"""docs/library.md, word for word: on the frozen signed bundle, a phantom as DICOM, and a small recipe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cxredge.bundle.bundle import read_manifest
from support.command import ROOT
from support.films import write_phantom_dicom
from support.pages import blocks, page, run_program
from support.tiny_recipe import TINY, write_weights

*TOGETHER, LOWERING = blocks(page("library.md"))
V2 = ROOT / "tests" / "bundle" / "fixtures" / "v2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the page finds in the current folder. Only the bundle's name is another one there."""
    shutil.copytree(V2 / "bundle", tmp_path / "dist" / "phantom-1.0.0-android")
    (tmp_path / "keys").mkdir()
    shutil.copyfile(V2 / "signer.pub", tmp_path / "keys" / "release.pub")
    write_phantom_dicom(tmp_path / "film.dcm")
    return tmp_path


def test_a_bundle_is_checked_run_and_compared_as_the_page_says(folder: Path) -> None:
    from click.testing import CliRunner

    from cxredge.cli.predict import predict

    bundle = folder / "dist" / "phantom-1.0.0-android"
    manifest = read_manifest(bundle)
    light = "import sys; assert 'torch' not in sys.modules, 'the page says that this needs no PyTorch'"
    done = run_program("\n".join([*TOGETHER, light]), folder)
    assert done.status == 0, done.err
    said = done.out.splitlines()
    assert said[:2] == [f"{manifest.id} development key", "tflite/w8a8 166302 (1, 64, 64, 1)"]
    # the command's words of the same film
    told = CliRunner().invoke(predict, [str(bundle), str(folder / "film.dcm"), "--json"], catch_exceptions=False)
    (film,) = json.loads(told.stdout)
    for finding in film["findings"]:
        word = "positive" if finding["positive"] else "negative"
        assert f"{finding['label']}: {word}, {finding['margin']:+.2f} from its operating point" in said
    assert ("unlike the training films: do not rely on the findings" in said) == film["unlike_training_films"]
    (largest,) = (line.split() for line in said if line.startswith("largest difference of a logit"))
    assert float(largest[-3]) <= float(largest[-1]) == manifest.artifacts[0].tolerance.logits_abs
    assert "flips {'Effusion': (0, 0), 'Nodule': (0, 0)}" in said
    assert "tflite 70 operators {'float32': 7196, 'int32': 6484, 'int8': 95896}" in said


def test_a_bundle_that_was_changed_is_refused_on_the_page(folder: Path) -> None:
    card = folder / "dist" / "phantom-1.0.0-android" / "MODEL_CARD.md"
    card.write_bytes(card.read_bytes() + b"\n")
    done = run_program("\n".join(TOGETHER), folder)
    assert done.status == 1
    assert done.out == ""
    assert "SIGNATURE-HASH" in done.err


@pytest.mark.slow
def test_a_student_is_lowered_as_the_page_says(tmp_path: Path) -> None:
    place = tmp_path / "model_zoo" / "phantom"
    place.mkdir(parents=True)
    digest = write_weights(place / "weights.safetensors")
    (place / "model.yaml").write_text(TINY.format(digest=digest))
    done = run_program(LOWERING, tmp_path)
    assert done.status == 0, done.err
    size = (tmp_path / "lowered" / "fp32.onnx").stat().st_size
    assert done.out.splitlines()[-1].startswith(f"onnx/fp32 {size} {{'float32': ")
