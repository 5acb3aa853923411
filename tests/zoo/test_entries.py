"""What is read of a zoo's folders, and what a row says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxredge.errors import InputError
from cxredge.recipe_shipping import NO_LICENCE
from cxredge.report.fitted import as_fitted_text
from cxredge.zoo.entry import BuiltArtifact, BuiltFigures
from cxredge.zoo.entry_card import card_of
from cxredge.zoo.reading import read_entry, read_zoo
from cxredge.zoo.rows import HEADER, PAPER, model_of, table

AUC = {"reference": 0.9, "artifact": 0.9, "loss": 0.0, "low": -0.01, "high": 0.012}
PAPER_KEY = """
paper:
  title: A paper on phantoms
  link: https://example.org/paper
  claims: [accuracy 0.96 on films of its own, 6.14 times as fast]
  differs: [No person was imaged here.]
"""


def built(place: Path, change: Callable[[dict[str, Any]], None] = lambda tree: None) -> Path:
    """``parity.json`` as of a build of all of the recipe's artifacts, which kept their gates, in the file's order."""
    recipe = read_entry(place).recipe
    artifacts = [
        BuiltArtifact.model_validate(
            {"name": name, "bytes": 1_000_000 + at, "sha256": f"{at:064x}", "runtime": "a runtime", "flips": at}
            | {"decisions": 100, "logit_sqnr_db": 30.0, "cam_correlation": 0.99, "auc": AUC, "accuracy": None}
            | {"broken": ()}
        ).model_dump(mode="json")
        for at, name in enumerate(recipe.artifacts())
    ]
    tree = {"bundle": "b-1.0.0-0", "weights_sha256": recipe.weights.sha256, "data": "set", "split": "test"}
    tree |= {"films": 20, "patients": 10, "calibration_films": 100, "artifacts": artifacts}
    change(tree)
    (place / "parity.json").write_text(BuiltFigures.model_validate(tree).model_dump_json())
    return place


def test_the_zoo_is_read_by_name_and_a_recipes_folder_alone(zoo: Path) -> None:
    entries = read_zoo(zoo)
    assert [entry.recipe.name for entry in entries] == sorted(path.name for path in zoo.iterdir())
    assert [entry.recipe.name for entry in read_zoo(zoo / "phantom")] == ["phantom"]
    (zoo / ".hidden").mkdir()
    assert len(read_zoo(zoo)) == len(entries)


def test_a_row_has_what_the_files_say(zoo: Path) -> None:
    results = json.loads((zoo / "cxr14-lite0" / "results.json").read_text())
    model = model_of(read_entry(built(zoo / "cxr14-lite0")))
    assert model.test_auc == results["student"]["test"]["macro_auc"]
    assert model.test_interval is not None
    assert model.test_interval.low == results["student_test_interval"]["low"]
    assert model.teacher_test_auc == results["teacher"]["test"]["macro_auc"]
    assert list(model.films) == ["train", "val", "test"]
    assert model.patients["test"] == results["splits"]["test"]["patients"]
    assert (model.parity, model.kept, model.artifacts) == ("kept", 11, 11)
    assert model.int8 is not None
    assert model.int8.artifact == "executorch/w8a8"
    assert model.int8.of_teacher == model.int8.bytes / (4 * results["teacher"]["parameters"])
    header, ((name, learnt, *_, parity, licence),) = table([model])
    assert header == HEADER
    assert (name, parity, licence) == ("cxr14-lite0", "11 of 11 kept", "Apache-2.0")
    assert learnt == "cxr_multilabel: 575 films of 407 patients; 7 labels"


def first_broken(tree: dict[str, Any]) -> None:
    tree["artifacts"][0]["broken"] = ["flip_rate is 0.4, the bound is at most 0"]


def fewer(tree: dict[str, Any]) -> None:
    tree["artifacts"] = [a for a in tree["artifacts"] if a["name"] in ("tflite/fp32", "tflite/w8a8")]


def other_weights(tree: dict[str, Any]) -> None:
    tree["weights_sha256"] = "0" * 64


@pytest.mark.parametrize(
    ("change", "parity", "said", "int8"),
    [
        (first_broken, "broken", "BROKEN: 10 of 11 kept", "executorch/w8a8"),
        (fewer, "in part", "2 of 11 kept", "tflite/w8a8"),
        (other_weights, "of other weights", "of other weights", None),
    ],
)
def test_a_build_counts_for_the_recipes_own_weights_and_artifacts(
    zoo: Path, change: Callable[[dict[str, Any]], None], parity: str, said: str, int8: str | None
) -> None:
    entry = read_entry(built(zoo / "phantom", change))
    model = model_of(entry)
    assert (model.parity, model.int8 and model.int8.artifact) == (parity, int8)
    assert table([model])[1][0][-2] == said
    card = card_of(entry)
    assert said in card
    assert ("BROKEN: flip_rate is 0.4" in card) == (parity == "broken")
    assert ("Nothing is known of a build of these weights" in card) == (parity == "of other weights")


def test_a_model_that_was_never_trained_is_a_row_without_figures(zoo: Path) -> None:
    place = zoo / "phantom"
    for name in ("results.json", "parity.json"):
        (place / name).unlink(missing_ok=True)
    entry = read_entry(place)
    _, (row,) = table([model_of(entry)])
    assert row[1] == "phantoms, seed 20261121; 5 labels"
    assert row[4:8] == ("–", "–", "–", "not built")
    card = card_of(entry)
    assert "**No training is known of these weights:**" in card
    assert "## Scores" not in card
    file = place / "model.yaml"
    file.write_text(file.read_text().replace(entry.recipe.weights.sha256, "0" * 64))
    assert "**Not trained yet.**" in card_of(read_entry(place))


def test_card_and_row_say_what_may_not_be_passed_on_and_what_a_paper_claims(zoo: Path) -> None:
    place = built(zoo / "phantom")
    file = place / "model.yaml"
    text = file.read_text()
    shortcut = "  shortcuts: [The seed gives nothing away.]\nstudent:"
    ship = f'licence: "{NO_LICENCE}"\nship: {{allowed: false, why: a test.}}'
    changed = text.replace("licence: Apache-2.0", ship).replace("\nstudent:", f"\n{shortcut}") + PAPER_KEY
    file.write_text(changed)
    entry = read_entry(place)
    model = model_of(entry)
    assert (model.ships, model.why_not, model.licence) == (False, "a test.", NO_LICENCE)
    header, rows = table([model, model_of(read_entry(zoo / "pneumonia-paed"))])
    assert header == (*HEADER, PAPER)
    assert [row[-2:] for row in rows] == [
        ("none, not passed on", "accuracy 0.96 on films of its own; 6.14 times as fast"),
        ("Apache-2.0", "–"),
    ]
    card = card_of(entry)
    assert "**Not to be passed on**, neither these weights nor a model made of them: a test. Who wants them" in card
    assert "## Known shortcuts\n\n- The seed gives nothing away.\n" in card
    (beside,) = (line for line in card.splitlines() if line.startswith("| accuracy 0.96"))
    found = json.loads((place / "results.json").read_text())
    area, of = found["student"]["test"]["macro_auc"], found["student_test_interval"]
    ours = f"mean AUC on test {area:.3f} [{of['low']:.3f}, {of['high']:.3f}], the teacher's"
    assert beside.startswith(f"| accuracy 0.96 on films of its own | {ours}")
    assert "- No person was imaged here." in card


def test_labels_without_a_score_are_listed_with_the_reason(zoo: Path) -> None:
    file = zoo / "phantom" / "results.json"
    tree = json.loads(file.read_text())
    tree["student"]["test"]["labels"]["Nodule"] = {"auc": None, "positives": 2, "negatives": 238}
    tree["student"]["test"]["labels"]["Nodule"]["note"] = "too few positives (2)"
    tree["student"]["test"]["labels"]["Pneumothorax"] = {"auc": None, "positives": 3, "negatives": 237}
    tree["student"]["test"]["labels_scored"] = 3
    tree["student"]["val_aucs"] = [0.5, None, 0.9]
    file.write_text(json.dumps(tree))
    entry = read_entry(file.parent)
    card = card_of(entry)
    assert "\nNot scored:\n\n- Nodule: too few positives (2)\n- Pneumothorax: 3 positive, 237 negative films\n" in card
    assert "\n| Nodule |" not in card
    assert "(3 of 5 labels)" in card
    assert "▁ █" in card


def test_results_of_other_labels_and_splits_are_shown_as_far_as_they_go(zoo: Path) -> None:
    file = zoo / "phantom" / "results.json"
    tree = json.loads(file.read_text())
    del (
        tree["splits"]["train"],
        tree["splits"]["test"]["positives"]["Nodule"],
        tree["student"]["test"]["labels"]["Nodule"],
    )
    file.write_text(json.dumps(tree))
    entry = read_entry(file.parent)
    assert table([model_of(entry)])[1][0][1] == "phantoms, seed 20261121; 5 labels"
    assert "| test | 240 | 125 | 54 | 58 | 58 | – | 58 |" in card_of(entry)


def test_speed_counts_for_what_was_built(zoo: Path) -> None:
    place = built(zoo / "phantom")
    speed = {"machine": "m", "rounds": 3, "teacher": "t", "teacher_ms": 20.0, "student_ms": 9.0, "artifact_ms": 4.0}
    for digest, said in ((f"{1:064x}", True), ("f" * 64, False)):
        (place / "speed.json").write_text(
            json.dumps(speed | {"artifact": "executorch/w8a8", "artifact_sha256": digest})
        )
        card = card_of(read_entry(place))
        assert ("5.00 times as fast as the teacher" in card) == said
        assert ("Speed against the teacher was not measured" in card) == (not said)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("results.json", "{", "ZOO-FILE"),
        ("results.json", "[]", "ZOO-FILE"),
        ("results.json", '{"name": "phantom"}', "ZOO-FILE"),
        ("parity.json", '{"schema_version": 2}', "ZOO-FILE"),
        ("parity.json", "\xff", "ZOO-FILE"),
        ("speed.json", "null", "ZOO-FILE"),
        ("model.yaml", "recipe: 7", "RECIPE-LACKS"),
        ("model.yaml", None, "RECIPE-MISSING"),
        ("results.json", "of other weights", "ZOO-WEIGHTS"),
    ],
)
def test_a_damaged_folder_is_named(zoo: Path, name: str, text: str | None, code: str) -> None:
    file = zoo / "phantom" / name
    if text is None:
        file.unlink()
    elif text == "of other weights":
        file.write_text(json.dumps(json.loads(file.read_text()) | {"weights_sha256": "0" * 64}))
    else:
        file.write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as caught:
        read_zoo(zoo)
    assert caught.value.code == code
    assert str(file) in caught.value.cause


def test_the_table_is_readable_in_80_columns(zoo: Path) -> None:
    models = [model_of(entry) for entry in read_zoo(zoo)]
    lines = as_fitted_text(*table(models), 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if not line.startswith(" ")] == [model.name for model in models]
    assert sum(line.startswith("  test AUC") for line in lines) == len(models)


def test_an_empty_folder_is_no_zoo(tmp_path: Path) -> None:
    for place, code in ((tmp_path, "ZOO-EMPTY"), (tmp_path / "nowhere", "PATH-READ")):
        with pytest.raises(InputError) as caught:
            read_zoo(place)
        assert caught.value.code == code


def test_a_card_says_how_often_maps_point_into_their_findings(zoo: Path) -> None:
    found = json.loads((zoo / "phantom" / "results.json").read_text())
    student, teacher = (found[role]["pointing"] for role in ("student", "teacher"))
    card = card_of(read_entry(zoo / "phantom"))
    assert f"for {student['all']['share']:.3f} of {student['all']['maps']} maps of the student" in card
    assert f"and {teacher['all']['share']:.3f} of the teacher's" in card
    assert f"Nodule {student['labels']['Nodule']['share']:.3f}" in card
    assert "masks of their findings" not in card_of(read_entry(zoo / "cxr14-lite0"))
