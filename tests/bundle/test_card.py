"""The card's metadata header, as a model hub reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxredge.bundle.card import render
from cxredge.bundle.manifest import read_manifest
from support.bundles import V1


def header(text: str) -> dict:
    from ruamel.yaml import YAML

    assert text.startswith("---\n")
    found: dict = YAML(typ="safe").load(text.split("---\n")[1])
    return found


def test_the_header_is_yaml_with_the_manifests_figures(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    found = header((bundle / "MODEL_CARD.md").read_text())
    assert found["license"] == "apache-2.0"
    assert found["pipeline_tag"] == "image-classification"
    assert {"onnx", "tflite", "coreml", "executorch", "not-a-medical-device", "synthetic-data"} <= set(found["tags"])
    (model,) = found["model-index"]
    assert model["name"] == manifest.recipe.name
    assert len(model["results"]) == len(manifest.verdicts)
    for result, verdict in zip(model["results"], manifest.verdicts, strict=True):
        values = {m["type"]: m["value"] for m in result["metrics"]}
        auc = verdict.figures.auc
        assert values["flip_rate"] == verdict.figures.flip_rate
        assert values.get("roc_auc") == (auc.artifact if auc.too_few is None else None)
        assert "phantom" in result["dataset"]["name"]


@pytest.mark.parametrize("name", ["bundle", "v1"])
def test_the_hubs_own_library_reads_it(name: str, bundle: Path) -> None:
    from huggingface_hub import ModelCard

    folder = bundle if name == "bundle" else V1 / "bundle"
    data = ModelCard.load(folder / "MODEL_CARD.md").data
    manifest = read_manifest(folder)
    assert data.model_name == manifest.recipe.name
    assert data.library_name == "cxredge"
    assert {r.metric_type for r in data.eval_results} <= {"roc_auc", "flip_rate"}
    assert len([r for r in data.eval_results if r.metric_type == "flip_rate"]) == len(manifest.verdicts)


def test_what_a_recipe_says_stays_one_value(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    odd = 'A: "licence" #1\n- x: {y}'
    found = header(render(manifest.model_copy(update={"recipe": manifest.recipe.model_copy(update={"licence": odd})})))
    assert found["license"] == odd.lower()
