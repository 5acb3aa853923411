"""A student with maps and no novelty score, from its recipe to what is said of a film, as commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cxredge.bundle.bundle import open_bundle
from cxredge.recipe_student import NO_NOVELTY
from support.command import Run
from support.tiny_recipe import TINY, write_weights


@pytest.fixture
def bundle(cxredge: Run, tiny_cache: Path, tmp_path: Path) -> Path:
    """Host and Android bundles; gates on what is not there do not stand in the way."""
    folder = tmp_path / "zoo" / "tiny"
    folder.mkdir(parents=True)
    text = TINY.format(digest=write_weights(folder / "weights.safetensors", rank=None))
    text = text.replace("novelty: {threshold: 1000.0, rule: none}", "novelty: none")
    text = text.replace("{logit_sqnr_db: 1}", "{logit_sqnr_db: 1, novelty_max_rel: 0.1, novelty_auc_loss: 0.1}")
    (folder / "model.yaml").write_text(text)
    done = cxredge("build", folder, "--out", tmp_path / "dist", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    assert done.out.count(NO_NOVELTY) == 1
    return tmp_path / "dist" / "tiny-0.0.1"


def test_it_is_built_verified_and_asked(bundle: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path) -> None:
    opened = open_bundle(bundle)
    assert opened.manifest.model.novelty is None
    assert opened.record.films.out_of_distribution is None
    for entry in opened.manifest.artifacts:
        assert [output.name for output in entry.outputs] == ["logits", "cam"]
    assert "No novelty score" in (bundle / "MODEL_CARD.md").read_text()
    done = cxredge("verify", bundle, "--json", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    (integer,) = (v for v in json.loads(done.out)["verdicts"] if v["artifact"] == "onnx/w8a8")
    assert integer["figures"]["novelty_auc"] is None
    judged = {gate["gate"]: gate["verdict"] for gate in integer["gates"]}
    assert judged == {
        "logit_sqnr_db": "kept",
        "novelty_max_rel": "not-applicable",
        "novelty_auc_loss": "not-applicable",
    }
    film, picture = bundle / "selftest" / "phantom-0.png", tmp_path / "map.png"
    done = cxredge("predict", bundle.with_name("tiny-0.0.1-android"), film, "--heatmap", picture)
    assert done.status == 0, done.err
    assert "does not notice films that are unlike its training films" in done.out
    assert picture.exists()


@pytest.mark.slow
def test_its_report_says_what_is_not_there(bundle: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = cxredge("verify", bundle, "--report", page, CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    assert page.read_text().count(NO_NOVELTY) == 2
    assert not (tmp_path / "report-data" / "strangers.csv").exists()
    assert (tmp_path / "report-data" / "heatmaps.csv").exists()
