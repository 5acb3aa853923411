"""verify --report, gate and build --precision auto, as commands, on a tiny student."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cxredge.recipe_file import load_recipe
from cxredge.workflows.precision import HEADER
from support.command import Run
from support.tiny_recipe import MAKER, READER, TINY, plant, write_weights


@pytest.fixture
def bundle(tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path) -> Path:
    done = cxredge("build", tiny, "--targets", "onnx", "--out", tmp_path / "dist", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    return tmp_path / "dist" / "tiny-0.0.1"


def test_verify_agrees_with_the_build_and_chance_must_be_allowed(
    bundle: Path, tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path
) -> None:
    """Random weights, which the recipe allows; the same results fail a recipe that does not."""
    done = cxredge("verify", bundle, "--json", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["verdicts"] == json.loads((bundle / "record" / "verdicts.json").read_text())
    assert found["chance"] == json.loads((bundle / "record" / "making.json").read_text())["chance"]
    assert "the float32 student: " in done.err
    assert "better than chance on 12 films" in done.err
    (tmp_path / "results.json").write_text(done.out)
    recipe = tiny / "model.yaml"
    only_onnx = (
        recipe.read_text()
        .replace("{onnx: [fp32, w8a8], executorch: [fp32]}", "{onnx: [fp32, w8a8]}")
        .replace("primary: executorch/fp32", "primary: onnx/fp32")
        .replace("{android: [executorch/fp32]}", "{}")
    )
    for text, status in ((only_onnx, 0), (only_onnx.replace(" chance: allowed,", ""), 1)):
        recipe.write_text(text)
        done = cxredge("gate", tmp_path / "results.json", "--recipe", tiny)
        assert (done.status, done.out.count("better_than_chance")) == (status, 2 * status), done.out + done.err


@pytest.mark.slow
def test_report_has_everything_and_gate_reads_its_results(
    bundle: Path, tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    done = cxredge("verify", bundle, "--report", page, "--json", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    results = json.loads(done.out)
    assert json.loads((tmp_path / "report-data" / "results.json").read_text()) == results
    by_name = {e["artifact"]: e for e in results["evidence"]}
    assert set(by_name) == {"onnx/fp32", "onnx/w8a8"}
    integer = by_name["onnx/w8a8"]
    assert integer["stability"]["films_a"] + integer["stability"]["films_b"] == 100
    assert by_name["onnx/fp32"]["stability"] is None
    assert {e["kind"] for e in integer["strangers"]} >= {"white-noise", "inverted", "all"}
    assert integer["heatmaps"]["masks"] > 0
    assert len(integer["stress"]) > 5
    assert "phantom" in page.read_text()
    assert (tmp_path / "report-data" / "layers.csv").read_text().count("backbone.net") > 20

    file, junit = tmp_path / "report-data" / "results.json", tmp_path / "gates.xml"
    recipe = tiny / "model.yaml"
    recipe.write_text(
        recipe.read_text()
        .replace("{onnx: [fp32, w8a8], executorch: [fp32]}", "{onnx: [fp32, w8a8]}")
        .replace("primary: executorch/fp32", "primary: onnx/fp32")
        .replace("{android: [executorch/fp32]}", "{}")
    )
    done = cxredge("gate", file, "--recipe", tiny, "--junit", junit)
    assert (done.status, done.out.count("kept")) == (0, 2), done.out + done.err
    recipe.write_text(recipe.read_text().replace("w8a8: {logit_sqnr_db: 1}", "w8a8: {logit_sqnr_db: 300}"))
    done = cxredge("gate", file, "--recipe", tiny, "--junit", junit)
    assert (done.status, "the bound is at least 300" in done.out) == (1, True), done.out + done.err
    assert len(list(ElementTree.parse(junit).iter("failure"))) == 1
    recipe.write_text(recipe.read_text().replace("logit_sqnr_db: 300", "sensitivty_loss: 0.1"))
    done = cxredge("gate", file, "--recipe", tiny)
    assert (done.status, "RECIPE-KEY" in done.err) == (2, True)
    assert done.err.split("choices: ")[1].startswith("sensitivity_loss"), "the figure that was meant stands first"


def test_a_report_that_cannot_be_written_is_refused_before_the_work(bundle: Path, cxredge: Run, tmp_path: Path) -> None:
    done = cxredge("verify", bundle, "--report", tmp_path)
    assert (done.status, "REPORT-FOLDER" in done.err) == (2, True)


@pytest.mark.slow
def test_a_planted_channel_is_rescued_written_back_and_built(cxredge: Run, tiny_cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "planted"
    folder.mkdir()
    text = TINY.format(digest=write_weights(folder / "weights.safetensors", plant))
    recipe = folder / "model.yaml"
    recipe.write_text("# kept comment\n" + text.replace("{logit_sqnr_db: 1}", "{logit_sqnr_db: 9}"))
    arguments = ("build", folder, "--precision", "auto", "--targets", "onnx", "--out", tmp_path / "d")
    done = cxredge(*arguments, CXR_CACHE=tiny_cache)
    assert done.status == 0, done.out + done.err
    search = json.loads((tmp_path / "d" / "tiny-0.0.1-precision.json").read_text())
    assert search["chosen"] == {"onnx": "onnx/w8a8"}
    assert [a["verdict"]["passed"] for a in search["attempts"]] == [False, True]
    assert set(search["attempts"][1]["keep_float"]) == {MAKER, READER}
    chosen = (folder / "model.auto.yaml").read_text()
    assert chosen.startswith(f"{HEADER}# kept comment\n")
    assert "executorch" not in chosen
    assert load_recipe(folder / "model.auto.yaml").keep_float == {
        "onnx/w8a8": tuple(name.replace(".", r"\.") for name in search["attempts"][1]["keep_float"])
    }
    (bundle,) = (p for p in (tmp_path / "d").iterdir() if p.is_dir())
    assert [p.name for p in (bundle / "artifacts" / "onnx").iterdir()] == ["w8a8.onnx"]
    # with a gate that plain INT8 keeps one attempt is enough, and what was tried before is not tried again
    recipe.write_text(text.replace("{logit_sqnr_db: 1}", "{logit_sqnr_db: -90}"))
    done = cxredge(*arguments, CXR_CACHE=tiny_cache)
    assert done.status == 0, done.out + done.err
    search = json.loads((tmp_path / "d" / "tiny-0.0.1-precision.json").read_text())
    assert [a["artifact"] for a in search["attempts"]] == ["onnx/w8a8"]
    assert not search["attempts"][0]["keep_float"]
    done = cxredge(*arguments, "--schemes", "w8a8", CXR_CACHE=tiny_cache)
    assert (done.status, "PRECISION-SCHEMES" in done.err) == (2, True)
