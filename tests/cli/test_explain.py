"""``cxredge explain`` on a really built bundle with one planted channel that INT8 cannot hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.command import Run
from support.tiny_recipe import MAKER, READER, TINY, plant, write_weights

pytestmark = pytest.mark.slow  # a planted channel, built once for all of them


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo") / "planted"
    folder.mkdir()
    text = TINY.format(digest=write_weights(folder / "weights.safetensors", plant))
    text = text.replace("onnx: [fp32, w8a8]", "onnx: [fp32, w8a8], tflite: [w8a8]")
    (folder / "model.yaml").write_text(text.replace("w8a8: {logit_sqnr_db: 1}", "w8a8: {logit_sqnr_db: -90}"))
    return folder


@pytest.fixture(scope="module")
def bundle(recipe: Path, cxredge: Run, tiny_cache: Path) -> Path:
    done = cxredge("build", recipe, "--out", recipe.parent / "dist", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.out + done.err
    return recipe.parent / "dist" / "tiny-0.0.1"


@pytest.fixture(scope="module")
def found(bundle: Path, cxredge: Run, tiny_cache: Path) -> dict[str, Any]:
    done = cxredge("explain", bundle, "--artifact", "tflite/w8a8", "--json", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    explained: dict[str, Any] = json.loads(done.out)
    return explained


def test_the_planted_channel_is_named_and_the_fix_says_what_to_keep(found: dict[str, Any]) -> None:
    layers = {layer["module"]: layer for layer in found["layers"]}
    worst = max(found["layers"], key=lambda layer: layer["share"])
    assert worst["module"] in (MAKER, READER)
    assert layers[MAKER]["tensor"] in ("backbone/blocks/0/0/conv_pw;2", "backbone/blocks/0/0/conv_pw~1")
    assert found["logit_sqnr_db"] == pytest.approx(found["simulated_db"], abs=6)
    for name in (MAKER, READER):
        assert name.replace(".", r"\\.") in found["fix"]
    assert found["fixed_db"] > found["simulated_db"] + 3


def test_the_fix_holds_in_a_real_build(
    recipe: Path, found: dict[str, Any], bundle: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path
) -> None:
    text = (recipe / "model.yaml").read_text()
    again = tmp_path / "mended"
    again.mkdir()
    (again / "weights.safetensors").write_bytes((recipe / "weights.safetensors").read_bytes())
    (again / "model.yaml").write_text(text + found["fix"] + "\n")
    done = cxredge("build", again, "--targets", "tflite", "--out", tmp_path / "dist", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.out + done.err

    def sqnr(folder: Path) -> float:
        verdicts = json.loads((folder / "record" / "verdicts.json").read_text())
        (verdict,) = (v for v in verdicts if v["artifact"] == "tflite/w8a8")
        return float(verdict["figures"]["logit_sqnr_db"])

    assert sqnr(tmp_path / "dist" / "tiny-0.0.1") > sqnr(bundle) + 3


def test_the_table_marks_the_worst_and_ends_in_what_to_try(bundle: Path, cxredge: Run, tiny_cache: Path) -> None:
    done = cxredge("explain", bundle, "--artifact", "onnx/w8a8", "--films", 2, CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("onnx/w8a8 on 2 films: logits SQNR ")
    (marked,) = (line for line in lines if "<- worst" in line)
    assert marked.split()[0] in (MAKER, READER)
    assert any(line.startswith("fix to try: keep_float: {onnx/w8a8: [") for line in lines)
    assert "units have a tensor of their own" in done.out
    assert done.err == "", "progress is for terminals"


def test_float_artifacts_are_explained_without_simulation(bundle: Path, cxredge: Run, tiny_cache: Path) -> None:
    """The primary artifact, whose delegate hides everything: the page says what was looked at instead."""
    done = cxredge("explain", bundle, CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    assert done.out.startswith("executorch/fp32 on 8 films")
    assert "the XNNPACK delegate hands out no intermediates" in " ".join(done.out.split())
    assert "keep_float is for INT8 artifacts" in done.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--artifact", "tflite/w9"), "BUNDLE-ARTIFACT"), (("--films", "0"), "EXPLAIN-FILMS")],
)
def test_misuse(bundle: Path, cxredge: Run, tiny_cache: Path, arguments: tuple[str, ...], code: str) -> None:
    done = cxredge("explain", bundle, *arguments, CXR_CACHE=tiny_cache)
    assert (done.status, code in done.err) == (2, True), done.err
