"""A student that exists gets its quality head, is built and judged with it, and asks before it answers."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

from cxredge.bundle.bundle import open_bundle
from cxredge.bundle.selftest import read_selftest
from cxredge.recipe_file import load_recipe
from cxredge.recipe_student import NO_QUALITY
from cxredge.vocabulary import QUALITY_KINDS
from support.command import Run
from support.tiny_recipe import TINY, write_weights


def in_half(tensors: dict[str, Any]) -> None:
    """Kernels in float16, the rest as it was."""
    tensors |= {key: tensor.half() for key, tensor in tensors.items() if tensor.dim() == 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny recipe with enough training films, weights of both widths, one target, and gates on the head that it
    does not have yet."""
    folder = tmp_path_factory.mktemp("quality") / "tiny"
    folder.mkdir()
    text = TINY.format(digest=write_weights(folder / "weights.safetensors", in_half))
    text = text.replace("train: 2", "train: 30").replace("onnx: [fp32, w8a8], executorch: [fp32]", "onnx: [fp32, w8a8]")
    text = (
        text.replace("allowed, count: 12", "allowed, count: 20")
        .replace("primary: executorch/fp32", "primary: onnx/w8a8")
        .replace("{android: [executorch/fp32]}", "{}")
    )
    gates = "logit_sqnr_db: 1, quality_sqnr_db: 1, quality_found_loss: 1, quality_false_alarms_rise: 1"
    (folder / "model.yaml").write_text(text.replace("logit_sqnr_db: 1", gates))
    return folder


@pytest.fixture(scope="module")
def fitted(folder: Path, cxredge: Run, tiny_cache: Path) -> dict[str, Any]:
    done = cxredge("quality", folder, "--json", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.fixture(scope="module")
def bundle(folder: Path, fitted: dict[str, Any], cxredge: Run, tiny_cache: Path) -> Path:
    done = cxredge("build", folder, "--out", folder.parent / "dist", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.out + done.err
    assert NO_QUALITY not in done.out
    return folder.parent / "dist" / "tiny-0.0.1"


def test_recipe_and_weights_have_the_head(folder: Path, fitted: dict[str, Any], cxredge: Run, tiny_cache: Path) -> None:
    recipe = load_recipe(folder)
    assert recipe.quality is not None
    assert recipe.quality.model_dump(mode="json") == fitted["thresholds"]
    assert recipe.outputs == ("logits", "cam", "novelty", "quality")
    assert set(fitted["score"]["found"]) == set(QUALITY_KINDS)
    weights = (folder / "weights.safetensors").read_bytes()
    dtypes = {key: tensor.dtype for key, tensor in load_file(folder / "weights.safetensors").items()}
    assert {dtypes[key] for key in ("head.weight", "backbone.net.conv_stem.weight")} == {torch.float16}
    assert {dtypes[key] for key in ("head.bias", "quality.weight", "novelty.axes")} == {torch.float32}
    again = cxredge("quality", folder, CXR_CACHE=tiny_cache)
    assert again.status == 0, again.err
    assert (folder / "weights.safetensors").read_bytes() == weights
    assert load_recipe(folder) == recipe
    assert all(len(line) <= 80 for line in again.out.splitlines() if "film" not in line)
    assert "mirrored: only ever a question" in again.out


def test_it_is_judged_by_kind_and_bundled(bundle: Path, folder: Path) -> None:
    opened, recipe = open_bundle(bundle), load_recipe(folder)
    assert (bundle / "reference/weights.safetensors").read_bytes() == (folder / "weights.safetensors").read_bytes()
    assert recipe.quality is not None
    model = opened.manifest.model
    assert model.quality is not None
    assert [(q.kind, q.threshold) for q in model.quality] == [(k, recipe.quality.thresholds[k]) for k in QUALITY_KINDS]
    for case in read_selftest(bundle, opened.manifest.selftest).cases:
        for artifact, expected in case.expected.items():
            assert expected.quality is not None, artifact
            assert len(expected.quality) == len(QUALITY_KINDS)
    plain, integer = opened.record.verdicts
    for verdict in (plain, integer):
        figures = verdict.figures
        assert [figure.kind for figure in figures.quality] == list(QUALITY_KINDS)
        assert all(figure.films == figure.ordinary == 20 for figure in figures.quality)
    assert all(figure.found.loss == 0 for figure in plain.figures.quality)
    assert {gate.gate: gate.verdict for gate in integer.gates} == dict.fromkeys(
        ("logit_sqnr_db", "quality_sqnr_db", "quality_found_loss", "quality_false_alarms_rise"), "kept"
    )
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "## Films held or exported wrongly" in card
    assert card.count("| onnx/w8a8 |") == 2


@pytest.fixture(scope="module")
def films(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A film of the self-test, and the same inverted."""
    folder = tmp_path_factory.mktemp("films")
    ordinary, inverted = folder / "ordinary.png", folder / "inverted.png"
    with Image.open(bundle / "selftest" / "phantom-0.png") as film:
        film.save(ordinary)
        ImageOps.invert(film).save(inverted)
    return ordinary, inverted


def test_a_film_that_looks_inverted_gets_no_answer_unless_somebody_says_so(
    bundle: Path, films: tuple[Path, Path], cxredge: Run, tmp_path: Path
) -> None:
    maps = tmp_path / "maps"
    done = cxredge("predict", bundle, *films, "--heatmap", maps, "--json")
    assert done.status == 2
    ordinary, inverted = json.loads(done.out)
    assert {accident["kind"] for accident in ordinary["quality"]} == set(QUALITY_KINDS)
    assert not any(accident["flagged"] for accident in ordinary["quality"])
    assert inverted["error"]["code"] == "PREDICT-QUALITY"
    assert inverted["quality"][0]["flagged"]
    assert "findings" not in inverted
    assert [file.name[:9] for file in maps.iterdir()] == ["ordinary-"]
    done = cxredge("predict", bundle, films[1])
    assert done.status == 2
    assert not done.out
    assert "this film looks inverted" in done.err
    assert "--despite-quality" in done.err
    done = cxredge("predict", bundle, films[1], "--despite-quality")
    assert done.status == 0
    lines = done.out.splitlines()
    assert "warning: this film looks inverted" in lines[1]
    assert lines.index("    do not rely on the findings:") < min(
        i for i, x in enumerate(lines) if "operating point" in x
    )
    assert all(len(line) <= 80 for line in lines[1:4])


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 2), ("\x04", 2)])
def test_a_terminal_is_asked_first(bundle: Path, films: tuple[Path, Path], answer: str, status: int) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cxredge", "predict", str(bundle), str(films[1])]
    with subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True) as running:
        said = ""
        while "Go on" not in said and select.select([ours], [], [], 120)[0]:
            said += os.read(ours, 4096).decode()
        os.write(ours, answer.encode())
        out, _ = running.communicate(timeout=120)
    rest = os.read(ours, 65536).decode()
    os.close(theirs)
    os.close(ours)
    assert "this film looks inverted" in said
    assert running.returncode == status
    assert ("operating point" in out) == (status == 0)
    # the terminal breaks the line between words
    assert ("left out, as it looks wrong" in " ".join(rest.split())) == (status == 2)
    assert "--despite-quality" not in rest
    assert "interrupted" not in rest


def test_too_few_films_are_said_before_anything_slow(
    folder: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    digest = write_weights(few / "weights.safetensors")
    (few / "model.yaml").write_text(TINY.format(digest=digest))
    before = (few / "weights.safetensors").read_bytes()
    done = cxredge("quality", few, CXR_CACHE=tiny_cache)
    assert done.status == 2
    assert "QUALITY-FEW" in done.err
    assert "train has" in done.err
    assert (few / "weights.safetensors").read_bytes() == before
