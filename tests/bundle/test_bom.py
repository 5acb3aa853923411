"""The bill of materials: valid, complete, the same twice, and with no figure that the record does not have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cxredge.bundle.assemble import Parts, assemble
from cxredge.bundle.bom import FILE
from cxredge.bundle.bom_card import data_sets
from cxredge.bundle.build_record import Record
from cxredge.bundle.bundle import open_bundle, read_manifest
from cxredge.results import number
from support.bundles import V2


def bill(folder: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((folder / FILE).read_text())
    return tree


def check(folder: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str((folder / FILE).read_text()) is None


def test_it_is_valid_cyclonedx(bundle: Path, parts: Parts, tmp_path: Path) -> None:
    check(bundle)
    check(V2 / "bundle")
    assemble(parts, "android", tmp_path / "android")
    check(tmp_path / "android")


def test_every_artifact_is_there_with_its_hash(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    digests = {f.path: f.sha256 for f in manifest.files}
    tree = bill(bundle)
    hashed = {c["bom-ref"]: c["hashes"][0]["content"] for c in tree["components"] if "hashes" in c}
    assert {e.path for e in manifest.artifacts} <= set(hashed)
    assert hashed == {path: digests[path] for path in hashed}
    assert "reference/weights.safetensors" in hashed
    (models,) = [d["dependsOn"] for d in tree["dependencies"] if d["ref"] == tree["metadata"]["component"]["bom-ref"]]
    assert set(models) == set(hashed)


def test_it_says_what_the_recipe_says(bundle: Path) -> None:
    record = open_bundle(bundle).record
    tree = bill(bundle)
    model = tree["metadata"]["component"]
    assert (model["name"], model["version"]) == (record.recipe.name, record.recipe.version)
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    card = model["modelCard"]
    assert set(record.recipe.card.limitations) <= set(card["considerations"]["technicalLimitations"])
    assert "Not a medical device" in card["considerations"]["technicalLimitations"][-1]
    refs = {d["ref"] for d in card["modelParameters"]["datasets"]}
    assert (
        refs == {f"data/{d.use}" for d in data_sets(record)} == {"data/training", "data/validation", "data/evaluation"}
    )
    assert all("no person" in c["description"] for c in tree["components"] if c["type"] == "data")
    tools = {t["name"]: t["version"] for t in tree["metadata"]["tools"]["components"]}
    assert tools.pop("cxredge")
    assert tools == record.making.tools


def test_films_of_a_folder_are_not_called_phantoms(bundle: Path) -> None:
    tree = open_bundle(bundle).record.model_dump(mode="json")
    tree["recipe"]["data"] = {"source": "folder", "name": "films", "label_column": None}
    found = data_sets(Record.model_validate(tree))
    assert not any("hantom" in d.description for d in found)
    assert "nih-free-use" in found[0].description


def test_figures_and_intervals_are_the_records(bundle: Path) -> None:
    record = open_bundle(bundle).record
    card = bill(bundle)["metadata"]["component"]["modelCard"]
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    for verdict in record.verdicts:
        own = {m["type"]: m for m in metrics if m["slice"].startswith(f"{verdict.artifact} on ")}
        flips = own["decisions that differ from the float32 student's"]
        assert flips["value"] == f"{verdict.figures.flips} of {verdict.figures.decisions}"
        assert ("AUC" in own) == (verdict.figures.auc.too_few is None)


def test_an_interval_goes_with_its_loss(bundle: Path) -> None:
    from cxredge.bundle.bom_card import model_card

    tree = open_bundle(bundle).record.model_dump(mode="json")
    paired = {"reference": 0.91, "artifact": 0.9, "loss": 0.01, "low": -0.0123456, "high": 0.03, "too_few": None}
    tree["verdicts"][0]["figures"]["auc"] = paired
    tree["verdicts"][0]["figures"]["ece"] = {**paired, "low": None, "high": None, "too_few": "2 films, 10 are needed"}
    card = model_card(Record.model_validate(tree), [])
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    (loss,) = [m for m in metrics if m["type"] == "AUC: worse than the float32 student's by"]
    assert loss["confidenceInterval"] == {"lowerBound": number(-0.0123456), "upperBound": "0.03"}
    assert "95%" in loss["slice"]
    assert not any(
        "calibration" in m["type"] and m["slice"].startswith(tree["verdicts"][0]["artifact"]) for m in metrics
    )


def test_serial_number_follows_the_content_and_there_is_no_clock(bundle: Path, parts: Parts, tmp_path: Path) -> None:
    from dataclasses import replace

    assemble(parts, "host", tmp_path / "again")
    assemble(replace(parts, tools={"torch": "1"}), "host", tmp_path / "other")
    assert (tmp_path / "again" / FILE).read_bytes() == (bundle / FILE).read_bytes()
    assert bill(tmp_path / "other")["serialNumber"] != bill(bundle)["serialNumber"]
    assert "timestamp" not in (bundle / FILE).read_text()
