"""The card's metadata header, as a model hub reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cxredge.bundle.bom import render as render_bom
from cxredge.bundle.bundle import open_bundle
from cxredge.bundle.card import render
from cxredge.recipe_edits import left_to_write
from cxredge.recipe_student import GRADIENT_MAPS, NO_MAPS, Heatmap
from support.bundles import V2
from support.imported import imported


def header(text: str) -> dict:
    from ruamel.yaml import YAML

    assert text.startswith("---\n")
    found: dict = YAML(typ="safe").load(text.split("---\n")[1])
    return found


def test_the_header_is_yaml_with_the_records_figures(bundle: Path) -> None:
    record = open_bundle(bundle).record
    found = header((bundle / "MODEL_CARD.md").read_text())
    assert found["license"] == "apache-2.0"
    assert found["pipeline_tag"] == "image-classification"
    assert {"onnx", "tflite", "coreml", "executorch", "not-a-medical-device", "synthetic-data"} <= set(found["tags"])
    (model,) = found["model-index"]
    assert model["name"] == record.recipe.name
    assert len(model["results"]) == len(record.verdicts)
    for result, verdict in zip(model["results"], record.verdicts, strict=True):
        values = {m["type"]: m["value"] for m in result["metrics"]}
        auc = verdict.figures.auc
        assert values["flip_rate"] == verdict.figures.flip_rate
        assert values.get("roc_auc") == (auc.artifact if auc.too_few is None else None)
        assert "phantom" in result["dataset"]["name"]


@pytest.mark.parametrize("name", ["bundle", "v2"])
def test_the_hubs_own_library_reads_it(name: str, bundle: Path) -> None:
    from huggingface_hub import ModelCard

    folder = bundle if name == "bundle" else V2 / "bundle"
    data = ModelCard.load(folder / "MODEL_CARD.md").data
    record = open_bundle(folder).record
    assert data.model_name == record.recipe.name
    assert data.library_name == "cxredge"
    assert {r.metric_type for r in data.eval_results} <= {"roc_auc", "flip_rate"}
    assert len([r for r in data.eval_results if r.metric_type == "flip_rate"]) == len(record.verdicts)


def test_what_a_recipe_says_stays_one_value(bundle: Path) -> None:
    record = open_bundle(bundle).record
    odd = 'A: "licence" #1\n- x: {y}'
    found = header(render(record.model_copy(update={"recipe": record.recipe.model_copy(update={"licence": odd})})))
    assert found["license"] == odd.lower()


def test_it_says_of_which_dicom_films_the_model_is(bundle: Path) -> None:
    record = open_bundle(bundle).record
    assert "DICOM films" not in render(record)
    spec = record.recipe.input.model_copy(update={"modalities": ("CR", "DX"), "views": ("PA",)})
    said = render(record.model_copy(update={"recipe": record.recipe.model_copy(update={"input": spec})}))
    (line,) = (line for line in said.splitlines() if line.startswith("| DICOM films"))
    assert line == "| DICOM films | modality CR, DX; view PA; others are refused |"
    at = said.splitlines().index(line)
    assert [row[:2] for row in said.splitlines()[at - 1 : at + 2]] == ["| "] * 3


def test_it_names_the_labels_that_are_not_judged(bundle: Path) -> None:
    record = open_bundle(bundle).record
    assert "Not judged" not in render(record)
    labels = record.recipe.labels.model_copy(update={"not_judged": record.recipe.labels.names[:2]})
    said = render(record.model_copy(update={"recipe": record.recipe.model_copy(update={"labels": labels})}))
    assert f"**Not judged: {', '.join(labels.not_judged)}.** The films have no ground truth for them." in said


def test_it_says_what_a_student_does_not_tell_and_claims_of_maps_what_is_true(bundle: Path) -> None:
    record = open_bundle(bundle).record
    plain = render(record)
    assert ("CAM SQNR" in plain, GRADIENT_MAPS in plain, NO_MAPS in plain) == (True, False, False)

    def card(heatmap: Heatmap, **more: object) -> str:
        return render(record.model_copy(update={"recipe": imported(record.recipe, heatmap, **more)}))

    said = card("gradient")
    assert GRADIENT_MAPS in said
    assert "On 120 films the logits of the original network and of this student differ by at most 2e-06" in said
    assert "| original → float32 student | – | 2e-06 | – | – | – | 0 of 240 | eager PyTorch, on 120 films | – |" in said
    said = card("none", novelty=None)
    assert NO_MAPS in said
    assert "No novelty score" in said
    assert "CAM" not in said
    rows = [
        line
        for line in said.splitlines()
        if line.startswith(("| artifact | bytes", "|---|---|---|---|", "| onnx/", "| original"))
    ]
    assert {row.count("|") for row in rows} == {8}


def test_it_says_whether_the_student_is_better_than_chance(bundle: Path) -> None:
    record = open_bundle(bundle).record
    chance = record.making.chance
    assert chance is not None
    said = render(record)
    assert f"The float32 student is {chance.words}." in said
    assert chance.standing == "unknown", "the films are of one patient"
    assert "**Not shown to be better than chance:**" in said
    better = chance.model_copy(
        update={"figure": chance.figure.model_copy(update={"value": 0.9, "low": 0.8, "high": 1})}
    )
    for other in (better, None):
        making = record.making.model_copy(update={"chance": other})
        assert "Not shown to be better" not in render(record.model_copy(update={"making": making}))


def test_a_licence_that_nobody_wrote_is_none(bundle: Path) -> None:
    """A hub would take the words for a licence; the card's text shows them, and the bill of materials has none."""
    record = open_bundle(bundle).record
    card = record.recipe.card.model_copy(update={"limitations": ("EDIT: whom it fails.", "It was drawn.")})
    changed = {"licence": "EDIT: the licence of these weights", "card": card}
    unwritten = record.model_copy(update={"recipe": record.recipe.model_copy(update=changed)})
    said = render(unwritten)
    assert "license" not in header(said)
    assert "| licence | EDIT: the licence of these weights |" in said
    assert left_to_write(record.recipe) == ()
    assert left_to_write(unwritten.recipe) == ("licence", "card.limitations")
    for of, licences in ((record, [{"license": {"id": "Apache-2.0"}}]), (unwritten, None)):
        paths = {artifact.name: "onnx/fp32/model.onnx" for artifact in record.artifacts}
        bill = json.loads(render_bom(of, "host", paths, bundle, ()))
        assert bill["metadata"]["component"].get("licenses") == licences


def test_it_counts_what_the_set_keeps_apart(bundle: Path) -> None:
    record = open_bundle(bundle).record
    card = record.recipe.card.model_copy(update={"groups": "fields of view"})
    other = record.model_copy(update={"recipe": record.recipe.model_copy(update={"card": card})})
    plain, said = render(record), render(other)
    patients = record.films.evaluation.patients
    assert f" patients (split {record.films.evaluation.split} of " in plain
    assert "Patients are not known" not in plain
    assert f"films of {patients} phantom fields of view (split" in said
    assert "Patients are not known: one may be in several splits." in said
    assert f"{patients} patient" not in said
    paths = {artifact.name: "onnx/fp32/model.onnx" for artifact in record.artifacts}
    bills = [render_bom(of, "host", paths, bundle, ()) for of in (record, other)]
    assert [f"films of {patients} fields of view" in bill for bill in bills] == [False, True]


def test_what_a_recipe_says_is_no_markup(bundle: Path) -> None:
    record = open_bundle(bundle).record
    evil = "# Approved <img src=x onerror=y> ![p](https://x.org/p.png)\n\n# Approved"
    card = record.recipe.card.model_copy(update={"summary": evil, "limitations": (evil,)})
    said = render(record.model_copy(update={"recipe": record.recipe.model_copy(update={"card": card})}))
    assert "\n\\# Approved &lt;img src=x onerror=y> \\![p]\\(https://x.org/p.png)" in said
    assert "\n# Approved" not in said
    assert "<img" not in said
