"""A student of exclusive classes from recipe to report: built, verified, judged again, and asked about films."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support import class_student
from support.command import run

CLASSES = ("clear", "enlarged_heart", "fluid")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recipe, its films, and its bundle."""
    folder = tmp_path_factory.mktemp("classes")
    class_student.make(folder / "recipe", folder / "drawn", patients=640)
    text = (folder / "recipe" / "model.yaml").read_text()
    text = text.replace("targets: {onnx: [fp32]}", "targets: {onnx: [fp32, w8a8]}")
    text = text.replace(
        "gates: {fp32: {flip_rate: 1}}", "gates: {fp32: {flip_rate: 0}, w8a8: {flip_rate: 1, answered_loss: 0.9}}"
    )
    (folder / "recipe" / "model.yaml").write_text(text.replace(", count: 12}", "}"))
    built = run("build", folder / "recipe", "--out", folder / "dist", CXR_DATA=folder)
    assert built.status == 0, built.out + built.err
    return folder


def films(place: Path, split: str) -> dict[str, str]:
    """Class by file."""
    with (place / "drawn" / "labels.csv").open(newline="") as stream:
        return {row["file"]: row["kind"] for row in csv.DictReader(stream) if row["split"] == split}


@pytest.mark.slow
def test_flips_are_changes_of_class_and_the_matrices_count_what_predict_says(place: Path) -> None:
    bundle = place / "dist" / "classes-1.0.0"
    done = run("verify", bundle, "--report", place / "report.html", CXR_DATA=place)
    assert done.status == 0, done.err
    results = json.loads((place / "report-data" / "results.json").read_text())
    truth = films(place, "test")
    said: dict[str, dict[str, Any]] = {}
    for artifact in ("onnx/fp32", "onnx/w8a8"):
        asked = run("predict", bundle, *(place / "drawn" / f for f in truth), "--artifact", artifact, "--json")
        assert asked.status == 0, asked.err
        said[artifact] = {Path(a["film"]).name: a for a in json.loads(asked.out)}
    for evidence, verdict in zip(results["evidence"], results["verdicts"], strict=True):
        answers = {f: said[evidence["artifact"]][Path(f).name]["answer"] for f in truth}
        counted = Counter((truth[f], answer) for f, answer in answers.items())
        matrix = evidence["confusion"]["artifact"]
        for row, kind in zip(matrix, CLASSES, strict=True):
            assert row == [counted[kind, answer] for answer in (*CLASSES, None)]
        right = sum(counted[kind, kind] for kind in CLASSES)
        answered = sum(answer is not None for answer in answers.values())
        figures = verdict["figures"]
        assert figures["decisions"] == len(truth) == sum(map(sum, matrix))
        assert figures["accuracy"]["artifact"] == pytest.approx(right / len(truth))
        assert figures["answered"]["artifact"] == pytest.approx(answered / len(truth))
        # the float artifact answers as the reference does, so it stands for the reference here
        changed = {f for f in truth if answers[f] != said["onnx/fp32"][Path(f).name]["answer"]}
        assert {flip["film"] for flip in evidence["flips"]} == changed
        assert figures["flips"] == len(changed)
    assert 0 < answered < len(truth)
    page = (place / "report.html").read_text()
    assert "what is taken for what" in page
    assert "operating point" not in page


@pytest.mark.slow
def test_a_gate_on_classes_is_judged_again_and_can_break(place: Path) -> None:
    done = run("verify", place / "dist" / "classes-1.0.0", "--json", CXR_DATA=place)
    (place / "results.json").write_text(done.out)
    assert run("gate", place / "results.json", "--recipe", place / "recipe").status == 0
    strict = place / "strict"
    strict.mkdir()
    text = (place / "recipe" / "model.yaml").read_text()
    (strict / "model.yaml").write_text(text.replace("w8a8: {flip_rate: 1,", "w8a8: {flip_rate: 0,"))
    broken = run("gate", place / "results.json", "--recipe", strict)
    assert broken.status == 1
    changed = json.loads(done.out)["verdicts"][1]["figures"]["flips"]
    assert changed > 0
    assert f"flip_rate is {changed / len(films(place, 'test')):.4g}, the bound is at most 0" in broken.out


@pytest.mark.slow
def test_thresholds_choose_the_least_margin_anew(place: Path) -> None:
    recipe = place / "recipe" / "model.yaml"
    before = recipe.read_text()
    try:
        recipe.write_text(before + "\nmargin_rule: {kind: answered, floor: 0.5}\n")
        done = run("thresholds", recipe, CXR_DATA=place)
        assert done.status == 0, done.err
        (line,) = (line for line in recipe.read_text().splitlines() if line.startswith("least_margin:"))
        assert "answered >= 0.5 on val" in line
        assert "answered >= 0.5 on val" in done.out
    finally:
        recipe.write_text(before)
