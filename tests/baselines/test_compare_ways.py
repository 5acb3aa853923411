from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from baselines.conftest import tiny
from click.testing import CliRunner, Result

from cxredge.baselines.baselines_record import FILE, WAYS, BaselinesRecord, digest_of_recipe
from cxredge.baselines.compare_ways import baselines
from cxredge.baselines.possible import check_possible, replaces
from cxredge.cli.baselines import baselines as command
from cxredge.distill.ready import ready_to_train
from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.recipe_file import load_recipe
from cxredge.zoo.entry_card import card_of
from cxredge.zoo.reading import read_entry
from support.training_recipe import write_values

Write = Callable[[Path], Path]
Run = tuple[Path, Result, BaselinesRecord]
OPTIONS = ("--folds", "2")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One comparison of all ways over two folds, by the command, in the folder where it ran."""
    root = tmp_path_factory.mktemp("run")
    values = tiny()
    values["distill"].update(epochs=2, views=1)
    values["distill"]["teacher"]["epochs"] = 1
    write_values(values, root / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        done = CliRunner().invoke(command, ["tiny", *OPTIONS], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        yield root, done, BaselinesRecord.model_validate_json((root / "tiny" / FILE).read_bytes())


def test_every_way_is_trained_and_measured_on_the_same_films(run: Run) -> None:
    root, done, record = run
    assert tuple(way.way for way in record.ways) == WAYS
    assert (record.films, record.patients, record.folds, record.seeds) == (87, 48, 2, (5,))
    assert record.labels == ("Cardiomegaly", "Effusion")
    assert record.recipe_sha256 == digest_of_recipe(load_recipe(root / "tiny"))
    teacher, distilled, hard, pruned, quantised = record.ways
    assert distilled.parameters == hard.parameters
    assert abs(pruned.parameters - distilled.parameters) <= 0.05 * distilled.parameters
    assert teacher.bytes == 4 * teacher.parameters
    assert teacher.parameters < quantised.bytes < 0.3 * teacher.bytes
    assert distilled.bytes == hard.bytes < quantised.bytes
    assert len({way.auc for way in record.ways}) == 5, "five models, five answers"
    for way in record.ways:
        assert way.auc is not None
        assert 0 < way.auc < 1
        assert way.accuracy is None
        assert (way.auc_difference is None) == (way is distilled)
    assert "phantoms" in record.statement
    # INT8 is near the network that it was made of
    assert teacher.auc is not None
    assert quantised.auc == pytest.approx(teacher.auc, abs=0.1)
    for word in (*WAYS, record.finding, "2 folds of patients", "87 films of 48 patients"):
        assert word in done.stdout
    assert "fold 2 of 2: pruned" in done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines[:6])) <= 80


def kept(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted((root / "build" / "baselines").rglob("*"))
        if path.is_file()
    }


def test_what_was_trained_is_not_trained_again(run: Run) -> None:
    root, _, record = run
    before, file = kept(root), root / "tiny" / FILE
    written = file.read_bytes()
    ways = {f"build/baselines/tiny/5-{fold}of2/{way.replace(' ', '-')}" for fold in (1, 2) for way in WAYS}
    assert {name.rpartition("/")[0] for name in before if name.endswith("answers.safetensors")} == ways
    assert sum(name.endswith(".pt") for name in before) == 8
    file.unlink()
    done = CliRunner().invoke(command, ["tiny", *OPTIONS, "--json"], catch_exceptions=False)
    assert (kept(root), file.read_bytes()) == (before, written)
    assert BaselinesRecord.model_validate_json(done.stdout) == record
    assert "epoch" not in done.stderr

    # answers that are lost are asked for again, of the model that is there
    place = root / "build" / "baselines" / "tiny" / "5-1of2" / "pruned" / "answers.safetensors"
    place.unlink()
    done = CliRunner().invoke(command, ["tiny", *OPTIONS], catch_exceptions=False)
    assert "student: 2 of 2 epochs are in the checkpoint" in done.stderr
    assert (kept(root), file.read_bytes()) == (before, written)


def test_a_card_says_it(run: Run) -> None:
    root, _, record = run
    card = card_of(read_entry(root / "tiny"))
    _, _, section = card.partition("## Beside other ways to make it small\n")
    assert f"**{record.finding}**" in section
    assert section.count("| quantised teacher |") == 1
    assert "\\" not in section
    assert ".\n\n| way | parameters |" in section
    text = (root / "tiny" / "model.yaml").read_text()
    try:
        (root / "tiny" / "model.yaml").write_text(text.replace("epochs: 2", "epochs: 3"))
        card = card_of(read_entry(root / "tiny"))
    finally:
        (root / "tiny" / "model.yaml").write_text(text)
    assert "of another recipe, and is left out" in card
    assert record.finding not in card
    (root / "tiny" / FILE).write_text(broken := json.dumps({"name": "tiny"}))
    with pytest.raises(InputError, match="ZOO-FILE"):
        read_entry(root / "tiny")
    done = CliRunner().invoke(command, ["tiny", *OPTIONS])
    assert isinstance(done.exception, InputError)
    assert done.exception.code == "OUTPUT-FOREIGN"
    assert (root / "tiny" / FILE).read_text() == broken


def refused(place: Path, work: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        baselines(place, work, **options)
    assert not work.exists(), "said before any training"
    return caught.value.code


def test_what_cannot_be_compared_is_refused_before_any_training(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, work = write_recipe(tmp_path / "tiny"), tmp_path / "work"
    assert refused(place, work, folds=49) == "BASELINES-FOLDS"
    assert refused(place, work, folds=2, test_films=100) == "BASELINES-TEST-FILMS"
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert refused(place, work) == "BASELINES-PROCESSES"
    monkeypatch.delenv("WORLD_SIZE")
    values["data"]["patients"] = {"train": 20, "val": 1, "test": 1}
    write_recipe(place)
    assert refused(place, work) == "BASELINES-LABELS"
    (place / "t.safetensors").write_bytes(b"")
    weights = {"file": "t.safetensors", "sha256": sha256_bytes(b"")}
    backbone = values["distill"]["teacher"]["backbone"]
    values["distill"]["teacher"] = {"backbone": backbone, "weights": weights, "labels": list(values["labels"]["names"])}
    write_recipe(place)
    assert refused(place, work, folds=2) == "BASELINES-TEACHER"
    del values["distill"]
    write_recipe(place)
    assert refused(place, work) == "DISTILL-RECIPE"


def test_only_places_that_are_written_are_looked_at(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path
) -> None:
    """A teacher's file where ``distill`` would put the student: ``baselines`` writes nothing there."""
    values["distill"]["teacher"] = {
        "backbone": values["distill"]["teacher"]["backbone"],
        "weights": {"file": "weights.safetensors", "sha256": sha256_bytes(b"")},
        "labels": list(values["labels"]["names"]),
    }
    place, work = write_recipe(tmp_path / "tiny"), tmp_path / "work"
    (place / "weights.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="OUTPUT-IS-INPUT"):
        ready_to_train(place, work)
    check_possible(place, work, 1, 1, 100)
    values["distill"]["teacher"]["weights"]["file"] = FILE
    write_recipe(place)
    (place / FILE).write_bytes(b"")
    with pytest.raises(InputError, match=r"OUTPUT-IS-INPUT.*baselines\.json would be written over"):
        check_possible(place, work, 1, 1, 100)


def test_that_a_comparison_of_another_size_is_replaced_is_said(run: Run, tmp_path: Path) -> None:
    _, _, record = run
    goal = tmp_path / FILE
    goal.write_text(record.model_dump_json())
    assert replaces(goal, 1, 2, record.films) is None
    assert replaces(tmp_path / "none.json", 1, 1, 60) is None
    said = replaces(goal, 1, 1, 60)
    assert said is not None
    assert "is of 1 seed, 2 folds and 87 films measured; at its end this run, of 1 seed, the recipe's own split" in said


@pytest.mark.slow
def test_a_teacher_no_larger_than_the_student_is_not_pruned(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path
) -> None:
    values["distill"]["teacher"].update(backbone="cxredge/ct_cnn", epochs=1)
    values["student"]["backbone"] = "cxredge/ct_cnn"
    values["distill"].update(epochs=1)
    record = baselines(write_recipe(tmp_path / "tiny"), tmp_path / "work")
    assert [way.way for way in record.ways] == [way for way in WAYS if way != "pruned"]
    assert "no more than the student's" in record.not_run["pruned"]
    assert (record.folds, record.films, record.patients) == (1, 27, 14)
    # too few patients for an interval, enough films for a figure
    difference = record.of("hard labels").auc_difference
    assert difference is not None
    assert difference.low is None
    assert "patients, 10 are needed" in str(difference.too_few)
    assert "without an interval" in record.finding

    # another recipe does not go on from these trainings
    values["distill"]["temperature"] = 4.0
    write_recipe(tmp_path / "tiny")
    with pytest.raises(InputError) as caught:
        baselines(tmp_path / "tiny", tmp_path / "work")
    assert caught.value.code == "DISTILL-CHECKPOINT"
    other = baselines(tmp_path / "tiny", tmp_path / "work", fresh=True)
    assert other.recipe_sha256 != record.recipe_sha256
    assert other.of("distilled").auc != record.of("distilled").auc
    assert other.of("hard labels").auc == record.of("hard labels").auc, "nobody's temperature"
