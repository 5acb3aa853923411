"""Recipes that ``init`` writes: they load, they hold what the table says, and nothing is guessed or overwritten."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cxredge.cli.init import init
from cxredge.cli.phantom import phantom
from cxredge.data.data_sets import open_data
from cxredge.distill.rechoose import choose_thresholds
from cxredge.errors import InputError, counted
from cxredge.recipe import Recipe
from cxredge.recipe_data import FolderData
from cxredge.recipe_file import load_recipe
from cxredge.workflows.build import build_recipe
from cxredge.workflows.init import init_recipe
from cxredge.workflows.plan import plan_build


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with the phantom set ``films``, and an empty folder to work in."""
    CliRunner().invoke(phantom, [str(tmp_path / "data" / "films"), "--patients", "6"], catch_exceptions=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "films"


def made(data: str, name: str = "mine", column: str | None = None, labels: tuple[str, ...] = ()) -> tuple[Recipe, str]:
    place, _ = init_recipe(data, name, column, labels, 224)
    assert place == Path("model_zoo") / name
    return load_recipe(place), (place / "model.yaml").read_text()


def refused(data: str, name: str = "mine", column: str | None = None, labels: tuple[str, ...] = ()) -> InputError:
    with pytest.raises(InputError) as caught:
        init_recipe(data, name, column, labels, 224)
    assert not (Path("model_zoo") / "mine").exists()
    return caught.value


def change(table: Path, **cells: Callable[[int], str]) -> None:
    """Set columns of the table by the row's number; the list of hashes goes, for it holds the table too."""
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows = [row | {name: value(i) for name, value in cells.items()} for i, row in enumerate(rows)]
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (table.parent / "SHA256SUMS").unlink(missing_ok=True)


def test_a_set_of_phantoms_gives_a_recipe_that_plans_up_to_its_weights(films: Path) -> None:
    done = CliRunner().invoke(init, ["films", "--name", "mine", "--size", "96"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    recipe, text = load_recipe(Path("model_zoo/mine")), Path("model_zoo/mine/model.yaml").read_text()
    assert recipe.data == FolderData(source="folder", name="films")
    assert (recipe.labels.kind, recipe.input.height, recipe.input.width) == ("multi-label", 96, 96)
    assert set(recipe.targets) == {"executorch", "tflite", "coreml", "onnx"}
    with (films / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    splits = Counter(row["split"] for row in rows)
    for label in recipe.labels.names:
        assert {row[label] for row in rows} <= {"0", "1"}
        assert f"{label} {sum(row[label] == '1' for row in rows if row['split'] == 'train')}" in text
    assert f"# val: {counted(splits['val'], 'film')} of 1 patient" in text
    # too few to calibrate with: the recipe says so, and asks for as many as a build takes
    assert recipe.calibration.count == 100
    assert f"EDIT: val has {counted(splits['val'], 'film')}, and a build refuses fewer than 100" in text
    assert "too few in test for its figures: " in text
    for command in ("distill", "plan", "build"):
        assert f"cxredge {command} model_zoo/mine" in done.output
    student, calibration, evaluation, *lowered = plan_build(Path("model_zoo/mine"), (), ()).steps
    assert (student.step, student.action) == ("student", "cannot")
    assert "not distilled yet: weights.sha256, operating_points, novelty" in student.why
    assert "run: cxredge distill model_zoo/mine" in student.why
    assert calibration.action == "cannot", "that there are too few films is told before anything is trained"
    assert "calibration.count asks for 100" in calibration.why
    assert evaluation.action == "do"
    assert len(lowered) == len(recipe.artifacts())
    with pytest.raises(InputError, match="RECIPE-UNTRAINED"):
        build_recipe(Path("model_zoo/mine"), (), (), Path("dist"), {})
    with pytest.raises(InputError, match="RECIPE-UNTRAINED"):
        choose_thresholds(Path("model_zoo/mine"))


def test_a_plan_names_what_its_options_leave_out(films: Path) -> None:
    made("films")
    place = Path("model_zoo/mine")
    assert plan_build(place, (), ()).left_out == ()
    first, second, rest = plan_build(place, (), ("fp16",)).left_out
    assert first == "executorch/fp16: executorch has no such scheme, but fp32, w8a8"
    assert second.startswith("onnx/fp16: onnx has no such scheme")
    assert "coreml/w8a8" in rest
    assert rest.endswith("in the recipe, and not asked for by --schemes")
    text = (place / "model.yaml").read_text()
    (place / "model.yaml").write_text(text.replace("tflite: [fp32, fp16, w8, w8a8]", "tflite: [fp32, w8a8]"))
    assert "tflite/fp16: targets.tflite lists fp32, w8a8" in plan_build(place, (), ("fp16",)).left_out


def refused_name(name: str) -> str:
    with pytest.raises(InputError) as caught:
        init_recipe("films", name, None, (), 224)
    return caught.value.code


def test_nothing_is_overwritten(films: Path) -> None:
    _, text = made("films")
    assert refused_name("mine") == "INIT-EXISTS"
    assert Path("model_zoo/mine/model.yaml").read_text() == text
    Path("model_zoo/other").write_text("a file")
    assert refused_name("other") == "INIT-EXISTS"
    for name in ("Mine", "", "../mine", "a b", "x" * 41):
        assert refused_name(name) == "INIT-NAME"


def test_columns_are_asked_for_where_several_could_be_meant(films: Path) -> None:
    assert "Nodule is named twice" in refused("films", labels=("Nodule", "Nodule")).cause
    change(films / "labels.csv", kind=lambda i: ("mild", "severe", "on")[i % 3], sex=lambda i: "FM"[i % 2])
    asked = refused("films")
    assert asked.code == "INIT-LABELS"
    assert asked.choices[0] == "--label-column kind"
    assert asked.choices[1].startswith("--labels ")
    assert len(asked.choices) == 2, "a patient's sex is no label"
    assert refused("films", column="kind", labels=("Nodule",)).code == "INIT-LABELS"
    assert refused("films", column="finding").code == "INIT-LABELS"
    assert refused("films", labels=("Nodul",)).choices[0] == "Nodule"
    recipe, text = made("films", "classes", "kind")
    assert recipe.labels.names == ("mild", "on", "severe")
    assert isinstance(recipe.data, FolderData)
    assert (recipe.labels.kind, recipe.data.label_column) == ("single-label", "kind")
    assert recipe.least_margin is not None
    assert recipe.gates["w8a8"].accuracy_loss is not None
    assert "not_judged" not in text
    recipe, _ = made("films", "two", labels=("Nodule", "Effusion"))
    assert recipe.labels.names == tuple(recipe.operating_points) == ("Nodule", "Effusion")


def test_no_finding_is_no_finding(films: Path) -> None:
    change(films / "labels.csv", No_Finding=lambda i: str(i % 2))
    recipe, text = made("films", "without")
    assert "No_Finding" not in recipe.labels.names
    assert "is no finding: No_Finding" in text
    recipe, text = made("films", "with", labels=("Nodule", "No_Finding"))
    assert recipe.labels.names == ("Nodule", "No_Finding")
    assert "left out" not in text


def test_open_findings_are_taken_and_what_they_count_as_is_asked(films: Path) -> None:
    def cell(row: int) -> str:
        return {0: "-1.0", 1: ""}.get(row, f"{row % 2}.0")

    change(films / "labels.csv", split=lambda i: ("train", "train", "train", "val", "test")[i % 5], group=str)
    change(films / "labels.csv", Nodule=cell)
    _, found = init_recipe("films", "counted", None, (), 224)
    assert (found.uncertain, found.unlabelled) == ({"Nodule": 1}, {"Nodule": 1})
    recipe, text = made("films")
    assert "Nodule" in recipe.labels.names
    assert (recipe.labels.uncertain, recipe.labels.unlabelled) == (None, None), "nothing is guessed"
    assert "# EDIT: train films that are uncertain (-1): Nodule 1" in text
    assert "# EDIT: train films that say nothing (an empty cell): Nodule 1" in text
    with pytest.raises(InputError, match="DATA-UNCERTAIN"):
        open_data(recipe.data, recipe.labels, films)
    done = CliRunner().invoke(init, ["films", "--name", "said"], catch_exceptions=False)
    assert "train films with -1 (uncertain): Nodule 1; the recipe has to say what that counts as" in done.output
    place = Path("model_zoo/mine/model.yaml")
    policies = {
        "# uncertain: {default: ..., labels: {...}}": "uncertain: {default: ones}",
        "# unlabelled:": "unlabelled:",
    }
    for asked, answer in policies.items():
        assert asked in text
        text = text.replace(asked, answer)
    place.write_text(text)
    recipe = load_recipe(place.parent)
    train = open_data(recipe.data, recipe.labels, films).films("train")
    at = recipe.labels.names.index("Nodule")
    assert train[0].targets[at] == 1
    assert np.isnan(train[1].targets[at])
    change(films / "labels.csv", split=lambda i: ("train", "val", "train", "val", "test")[i % 5])
    with pytest.raises(InputError, match="DATA-VALUE"):
        init_recipe("films", "other", None, (), 224)


def test_only_licence_classes_that_were_found_are_trained_on(films: Path) -> None:
    classes = ("open", "nih-free-use", "unspecified", "")
    change(films / "labels.csv", licence_class=lambda i: classes[i % 4])
    recipe, text = made("films", "some")
    assert recipe.distill is not None
    assert set(recipe.distill.licence_classes) == {"open", "nih-free-use"}
    assert '"none stated"' in text
    assert '"unspecified"' in text
    # a cell that would end the comment
    change(films / "labels.csv", licence_class=lambda i: "research only\nseed: 2")
    recipe, text = made("films", "none")
    assert "EDIT: none may be trained on" in text
    assert recipe.distill is not None
    assert recipe.distill.seed == 1


def test_sets_that_cannot_be_used_are_refused(films: Path) -> None:
    assert refused("filmz").choices[0] == "films"
    assert refused("../data/films").code == "DATA-MISSING"
    change(films / "labels.csv", split=lambda i: "train")
    assert refused("films").code == "INIT-SPLIT"


REAL = {
    "cxr_multilabel": (None, 14),
    "cxr_multilabel64": (None, 14),
    "cxr_covid": ("label", 3),
    "cxr_pneumonia_paed": ("subtype", 3),
    "ct_covid": ("label", 2),
    "malaria": ("label", 2),
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_sets(cxr_data: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_DATA", str(cxr_data))
    monkeypatch.chdir(tmp_path)
    column, labels = REAL[name]
    recipe, _ = made(name, column=column)
    assert len(recipe.labels.names) == labels
    assert recipe.labels.kind == ("multi-label" if column is None else "single-label")
    assert recipe.distill is not None
    assert 100 <= recipe.calibration.count <= 128
    assert plan_build(Path("model_zoo/mine"), (), ()).steps[0].action == "cannot"


def test_a_table_of_no_data_set_is_refused(cxr_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_DATA", str(cxr_data))
    monkeypatch.chdir(tmp_path)
    assert refused("dicom_samples").code in ("INIT-LABELS", "DATA-COLUMN")


def test_films_in_colour_give_a_recipe_that_takes_colour(films: Path) -> None:
    for file in (films / "images").iterdir():
        colour = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(colour).save(file.with_suffix(".png"))
    (films / "SHA256SUMS").unlink()
    recipe, text = made("films")
    assert recipe.input.channels == 3
    assert "# the films are in colour" in text
