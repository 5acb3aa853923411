from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cxredge.errors import InputError
from cxredge.evidence import Results
from cxredge.report.data_files import OF_OTHER_FILMS, TABLES, contents, csv_text, flat, tables, write_data
from cxredge.report.material import ReportMaterial
from report.plausible import films_for, material_for, outputs_for, recipe_for

LABELS = ["Effusion", "Nodule"]


def material(file: str = "images/film_{:05d}.png", **more: bool) -> ReportMaterial:
    recipe = recipe_for(LABELS, ["tflite/fp32", "tflite/w8a8", "onnx/w8a8"])
    films = films_for(80, len(LABELS), file)
    return material_for(recipe, films, outputs_for(films, recipe.artifacts()), **more)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_results_read_back_equal() -> None:
    whole = material()
    assert Results.model_validate_json(contents(whole)["results.json"]) == whole.results


def test_every_table_is_there_with_every_row_and_full_precision() -> None:
    whole = material()
    files = contents(whole)
    found = set(TABLES) - {"confusion", *OF_OTHER_FILMS}  # of exclusive classes only
    assert set(files) == {"results.json", "explanations.json", *(f"{name}.csv" for name in found)}
    evidence = whole.evidence("tflite/w8a8")
    assert evidence is not None
    flips = [row for row in read(files["flips.csv"]) if row["artifact_name"] == "tflite/w8a8"]
    assert [float(row["reference"]) for row in flips] == [f.reference for f in evidence.flips]
    assert [row["up"] for row in flips] == [str(f.up).lower() for f in evidence.flips]
    labels = [row for row in read(files["labels.csv"]) if row["artifact_name"] == "tflite/w8a8"]
    assert [row["label"] for row in labels] == [*LABELS, ""]
    assert float(labels[0]["auc_loss"]) == evidence.labels[0].auc.loss
    assert labels[0]["points_rule"] == "youden on val, 140 films"
    verdicts = read(files["verdicts.csv"])
    assert [row["artifact_name"] for row in verdicts] == list(whole.recipe.artifacts())
    assert [float(row["logit_max_abs"]) for row in verdicts] == [
        v.figures.logit_max_abs for v in whole.results.verdicts
    ]
    assert [float(row["artifact"]) for row in flips] == [f.artifact for f in evidence.flips]
    assert len(read(files["layers.csv"])) == sum(len(e.layers) for e in whole.explanations)


def test_tables_without_rows_are_no_files() -> None:
    files = contents(material(evidence=False, extras=False))
    assert set(files) == {"results.json", "verdicts.csv", "gates.csv", "accidents.csv"}
    assert list(tables(material(evidence=False, extras=False))) == list(TABLES)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_is_no_formula_and_numbers_stay_numbers(start: str) -> None:
    text = f'{start}cmd|" /C calc"!A0'
    (row,) = read(csv_text([{"film": text, "loss": -0.25, "up": True, "none": None}]))
    assert row == {"film": "'" + text, "loss": "-0.25", "up": "true", "none": ""}


def test_hostile_film_names_stay_in_their_cell() -> None:
    whole = material(file='=HYPERLINK("x"),\n"{:05d}"')
    rows = read(contents(whole)["flips.csv"])
    assert rows
    assert all(
        row["film"].startswith("'=HYPERLINK") and row["artifact_name"] in whole.recipe.artifacts() for row in rows
    )


def test_nested_records_become_columns() -> None:
    evidence = material().results.evidence[0]
    row = flat(evidence.labels[0])
    assert row["auc_low"] == evidence.labels[0].auc.low
    assert not any(isinstance(cell, dict) for cell in row.values())


def test_an_earlier_reports_files_vanish(tmp_path: Path) -> None:
    folder = tmp_path / "report-data"
    write_data(folder, contents(material()))
    files = contents(material(evidence=False, extras=False))
    written = write_data(folder, files)
    assert sorted(written) == sorted(folder.iterdir())
    assert {p.name: p.read_text("utf-8") for p in written} == files


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "report-data"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="REPORT-FOLDER"):
        write_data(folder, contents(material()))
    assert [p.name for p in folder.iterdir()] == ["thesis.txt"]
    file = tmp_path / "other-data"
    file.write_text("mine")
    with pytest.raises(InputError, match="REPORT-FOLDER"):
        write_data(file, {})


@pytest.mark.timeout(60)
def test_what_is_called_like_results_is_read_within_bounds(tmp_path: Path) -> None:
    folder = tmp_path / "report-data"
    folder.mkdir()
    results = folder / "results.json"
    with results.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(InputError, match="REPORT-FOLDER"):
        write_data(folder, {})
    results.unlink()
    os.mkfifo(results)
    with pytest.raises(InputError, match="REPORT-FOLDER"):
        write_data(folder, {})


def test_material_that_does_not_fit_is_refused() -> None:
    whole = material()
    outputs = dict(whole.outputs)
    with pytest.raises(InputError, match=r"REPORT-MATERIAL.*films"):
        replace(whole, films=whole.films[:-1])
    with pytest.raises(InputError, match="no outputs of onnx/w8a8"):
        replace(whole, outputs={k: v for k, v in outputs.items() if k != "onnx/w8a8"})
    with pytest.raises(InputError, match="no verdict on tflite/fp32"):
        replace(whole, results=whole.results.model_copy(update={"verdicts": whole.results.verdicts[1:]}))
