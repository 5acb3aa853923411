from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from cxredge.cli.distill import distill as command
from cxredge.cli.phantom import phantom
from cxredge.cli.thresholds import thresholds
from cxredge.data.data_sets import open_data
from cxredge.distill.checkpoint import CheckpointFile, fingerprint
from cxredge.distill.evaluate import answers, measured
from cxredge.distill.record import DistillResults
from cxredge.distill.run import distill
from cxredge.distill.splits import load_splits
from cxredge.errors import EnvironmentProblem, InputError
from cxredge.files import sha256_file
from cxredge.images.preprocess import preprocess_films
from cxredge.recipe_file import load_recipe
from cxredge.stages import cache_folder
from cxredge.students import build_student
from cxredge.vocabulary import QUALITY_KINDS

Write = Callable[[Path], Path]


def test_one_run_from_end_to_end(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    values["quality"] = {"thresholds": dict.fromkeys(QUALITY_KINDS, 0.0), "rule": "not trained yet"}
    place = write_recipe(tmp_path / "tiny")
    result = distill(place, tmp_path / "work")

    recipe = load_recipe(place)
    assert recipe.weights.sha256 == sha256_file(place / "weights.safetensors") == result.weights_sha256
    assert (place / "model.yaml").read_text().startswith("# a comment that stays\n")
    student = build_student(recipe, place / "weights.safetensors")
    assert load_file(place / "weights.safetensors")["head.weight"].dtype == torch.float16
    films = load_splits(recipe, open_data(recipe.data, recipe.labels, cache_folder()), ("open",)).test
    again = measured(recipe, films.targets.numpy(), answers(student, films, "Measuring"))
    assert again == result.student.test  # figures are of the weights as they were written
    assert student.novelty is not None
    assert bool(student.novelty.axes.any())
    assert bool(student.novelty.excess.any())
    for point in recipe.operating_points.values():
        assert "youden" in point.rule or "too few" in point.rule
    assert recipe.novelty.rule.startswith("99th percentile on val")
    assert student.quality is not None
    assert recipe.quality is not None
    assert recipe.quality.rule.startswith("above val, ")
    assert result.quality is not None
    assert result.quality.films == result.splits["test"].films

    assert DistillResults.model_validate_json((place / "results.json").read_bytes()) == result
    assert "phantoms" in result.statement
    assert result.chance is not None
    assert result.chance.films == result.splits["test"].films
    assert [label.label for label in result.chance.labels] == list(recipe.labels.names)
    old = json.loads((place / "results.json").read_bytes())
    del old["chance"]  # as older versions wrote it
    assert DistillResults.model_validate(old).chance is None
    assert len(result.teacher.losses) == result.teacher.epochs == 2
    assert len(result.student.losses) == result.student.epochs == 3
    assert sum(result.licence_used.values()) == sum(s.films for s in result.splits.values())
    assert result.splits["train"].patients == 20
    assert result.versions.keys() >= {"python", "torch", "timm", "numpy"}

    # ended trainings are only measured again: every file comes out the same
    before = {p.name: p.read_bytes() for p in place.iterdir()}
    distill(place, tmp_path / "work")
    assert {p.name: p.read_bytes() for p in place.iterdir()} == before


def test_thresholds_are_chosen_again_without_training(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path
) -> None:
    values["distill"]["teacher"]["epochs"] = values["distill"]["epochs"] = 1
    place = write_recipe(tmp_path / "tiny")
    distill(place, tmp_path / "work")
    first = (place / "model.yaml").read_bytes()
    weights = (place / "weights.safetensors").read_bytes()
    done = CliRunner().invoke(thresholds, [str(place)])
    assert done.exit_code == 0, done.output
    # the same student, films and rules: the same thresholds, and those without enough films stay
    assert (place / "model.yaml").read_bytes() == first
    assert "novelty" in done.output

    # a student from elsewhere: no distill section, its own rule, points that mean nothing yet
    recipe = load_recipe(place)
    del values["distill"]
    values["weights"]["sha256"] = recipe.weights.sha256
    values["operating_rules"] = {"default": {"kind": "sensitivity", "floor": 0.9}}
    write_recipe(place)
    done = CliRunner().invoke(thresholds, [str(place)])
    assert done.exit_code == 0, done.output
    after = load_recipe(place)
    assert any(p.rule.startswith("sensitivity >= 0.9 on val") for p in after.operating_points.values())
    assert after.novelty == recipe.novelty
    for label, point in after.operating_points.items():
        assert point.rule == "not trained yet" or f"{point.logit:g}" in done.output, label
    assert (place / "weights.safetensors").read_bytes() == weights


def asked(place: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Softmax of the likeliest class on every film of a split, and whether it is the film's own."""
    recipe = load_recipe(place)
    student = build_student(recipe, place / "weights.safetensors")
    films = open_data(recipe.data, recipe.labels, place).films(split)
    images = preprocess_films([film.path for film in films], recipe.input, "Reading")
    with torch.no_grad():
        chances = torch.softmax(student(torch.from_numpy(images).float())["logits"].double(), 1).numpy()
    return chances.max(1), chances.argmax(1) == np.stack([film.targets for film in films]).argmax(1)


def test_exclusive_classes_from_end_to_end(
    class_recipe: Callable[[], Path], values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    values["distill"]["teacher"].update(epochs=8)
    values["distill"].update(epochs=16, alpha=0.9)
    place = class_recipe()
    done = CliRunner().invoke(command, [str(place)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "share of films whose class has the greatest logit" in done.output
    recipe = load_recipe(place)
    result = DistillResults.model_validate_json((place / "results.json").read_bytes())
    assert set(result.student.test.labels) == {"dark", "grey", "bright"}
    # the student that was written, asked again without the code that measured it
    chances, right = asked(place, "test")
    assert result.student.test.accuracy == pytest.approx(right.mean(), abs=1e-4)
    chances, right = asked(place, "val")
    assert recipe.least_margin is not None
    sure = chances >= 1 / (1 + np.exp(-recipe.least_margin.log_odds))
    reached = " not reached" if not sure.any() else ""
    assert recipe.least_margin.rule.replace(" by 3 answers or more", "") == (
        f"accuracy >= 0.8{reached} on val, 30 films, {sure.sum()} answered, {right[sure].sum()} right"
    )

    # chosen again by another rule, without training; the printed row is what is written
    values["margin_rule"] = {"kind": "answered", "floor": 0.5}
    values["weights"]["sha256"] = recipe.weights.sha256
    file = class_recipe() / "model.yaml"
    done = CliRunner().invoke(thresholds, [str(place)])
    assert done.exit_code == 0, done.output
    after = load_recipe(file)
    assert after.least_margin is not None
    assert after.least_margin.rule.startswith("answered >= 0.5 on val, 30 films")
    header, margin, novelty = done.output.splitlines()
    assert header.split() == ["label", "before", "now", "rule"]
    assert margin.startswith("least margin")
    assert margin.split()[2:] == ["0", f"{after.least_margin.log_odds:g}", *after.least_margin.rule.split()]
    assert novelty.startswith("novelty")


def test_a_changed_recipe_does_not_resume(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    values["distill"]["teacher"]["epochs"] = values["distill"]["epochs"] = 1
    place = write_recipe(tmp_path / "tiny")
    first = distill(place, tmp_path / "work")
    values["distill"]["temperature"] = 4.0
    write_recipe(place)
    with pytest.raises(InputError) as caught:
        distill(place, tmp_path / "work")
    assert caught.value.code == "DISTILL-CHECKPOINT"
    assert distill(place, tmp_path / "work", fresh=True).weights_sha256 != first.weights_sha256


def test_a_recipe_may_choose_its_losses(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    """Attention and nothing else: the student's maps come to be the teacher's."""
    values["input"].update(height=96, width=96)  # maps of 3 x 3
    values["distill"]["teacher"]["epochs"] = 1
    values["distill"].update(epochs=4, losses=[{"loss": "attention", "parameters": {"of": "cam"}}])
    result = distill(write_recipe(tmp_path / "tiny"), tmp_path / "work")
    first, _, third, _ = result.student.losses  # the fourth epoch is on larger films, whose maps are larger
    assert 0 < third < 0.8 * first < 2
    recipe = load_recipe(tmp_path / "tiny")
    assert recipe.distill is not None
    assert [term.loss for term in recipe.distill.terms] == ["attention"]
    values["distill"]["losses"] = [{"loss": "atention"}]
    with pytest.raises(InputError) as caught:
        distill(write_recipe(tmp_path / "tiny"), tmp_path / "work", fresh=True)
    assert (caught.value.code, caught.value.choices[0]) == ("LOSS-UNKNOWN", "attention")
    assert (tmp_path / "work" / "tiny" / "student.pt").is_file()  # said before anything was dropped or trained


def test_a_trained_teacher_is_loaded(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    values["distill"]["teacher"]["epochs"] = values["distill"]["epochs"] = 1
    first = distill(write_recipe(tmp_path / "teacher"), tmp_path / "work")
    place = write_recipe(tmp_path / "pupil")
    (place / "teacher.safetensors").write_bytes((tmp_path / "teacher" / "weights.safetensors").read_bytes())
    values["name"] = "pupil"
    teacher = {"backbone": values["distill"]["teacher"]["backbone"]}
    teacher["weights"] = {"file": "teacher.safetensors", "sha256": first.weights_sha256}
    values["distill"]["teacher"] = {**teacher, "labels": list(values["labels"]["names"])}
    write_recipe(place)
    result = distill(place, tmp_path / "work")
    assert result.teacher.epochs == 0
    assert result.teacher.test == first.student.test
    assert not (tmp_path / "work" / "pupil" / "teacher.pt").exists()
    # one whose labels are others, or in another order, is taken by name alone
    for labels in (["Heart", "Effusion"], ["Effusion", "Nodule"]):
        values["distill"]["teacher"] = {**teacher, "labels": labels}
        write_recipe(place)
        with pytest.raises(InputError) as caught:
            distill(place, tmp_path / "other")
        assert caught.value.code == "DISTILL-TEACHER-LABELS"
        assert not (tmp_path / "other").exists()


def test_too_few_films_for_the_novelty_score(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    values["student"]["novelty_rank"] = 60
    with pytest.raises(InputError) as caught:
        distill(write_recipe(tmp_path / "tiny"), tmp_path / "work")
    assert caught.value.code == "DISTILL-FEW"
    assert not (tmp_path / "work" / "tiny").exists()  # said before any training


def test_no_section_no_training(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    del values["distill"]
    with pytest.raises(InputError) as caught:
        distill(write_recipe(tmp_path / "tiny"), tmp_path / "work")
    assert caught.value.code == "DISTILL-RECIPE"


def test_absent_imagenet_weights_stop_it(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import util

    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *_: None if name.startswith("efficientnet") else find(name))
    values["student"]["backbone"] = "timm/efficientnet_lite0"
    values["distill"]["pretrained"] = "efficientnet-lite0"
    with pytest.raises(EnvironmentProblem) as caught:
        distill(write_recipe(tmp_path / "tiny"), tmp_path / "work")
    assert caught.value.code == "PRETRAINED-MISSING"
    assert not (tmp_path / "work" / "tiny").exists()  # said before the teacher is trained


def test_command(write_recipe: Write, values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values["distill"]["teacher"]["epochs"] = values["distill"]["epochs"] = 1
    write_recipe(tmp_path / "tiny")
    for option in ([], ["--fresh"]):
        done = CliRunner().invoke(command, ["tiny", *option])
        assert done.exit_code == 0, done.output
        assert "nothing here says anything about people" in done.output.lower()
    assert (tmp_path / "build" / "distill" / "tiny" / "student.pt").is_file()


# a shell that runs tests in the background may have them ignore SIGINT, which a child inherits
CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from cxredge.cli.main import main
sys.argv = ["cxredge", "distill", "tiny"]
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_stop_keeps_the_last_step(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path, number: int, status: int
) -> None:
    values["distill"]["teacher"]["epochs"] = 8
    expected = distill(write_recipe(tmp_path / "expected"), tmp_path / "work")

    place = write_recipe(tmp_path / "tiny")
    recipe = (place / "model.yaml").read_bytes()
    checkpoint = tmp_path / "build" / "distill" / "tiny" / "teacher.pt"
    env = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    child = subprocess.Popen([sys.executable, "-c", CHILD], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 120
    while not checkpoint.exists() and child.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert child.returncode == status, said
    assert number == signal.SIGKILL or "goes on from there" in said
    assert "Traceback" not in said
    assert [p.name for p in place.iterdir()] == ["model.yaml"]
    assert (place / "model.yaml").read_bytes() == recipe
    state = CheckpointFile(checkpoint, fingerprint(load_recipe(place), torch.get_num_threads(), "teacher")).load()
    assert state is not None
    assert (0, 0) < (len(state["history"]), state["step"]) < (8, 0), "some of it"
    assert number == signal.SIGKILL or not list(checkpoint.parent.glob(".*"))

    resumed = distill(place, tmp_path / "build" / "distill")
    assert resumed.weights_sha256 == expected.weights_sha256
    scores = [json.loads((p / "results.json").read_text())["student"]["test"] for p in (place, tmp_path / "expected")]
    assert scores[0] == scores[1]


def test_training_films_may_leave_findings_open(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uncertain cells by policy, empty ones by none: what is ignored might as well be anything."""
    data = tmp_path / "data" / "ours"
    CliRunner().invoke(phantom, [str(data), "--patients", "16"], catch_exceptions=False)
    (data / "SHA256SUMS").unlink()
    monkeypatch.setenv("CXR_DATA", str(data.parent))
    header, *lines = (line.split(",") for line in (data / "labels.csv").read_text().splitlines())
    split, effusion = header.index("split"), header.index("Effusion")
    train = [line for line in lines if line[split] == "train"]
    true = [line[effusion] for line in train]

    def trained(cells: dict[int, str], **labels: Any) -> DistillResults:
        for at, line in enumerate(train):
            line[effusion] = cells.get(at, true[at])
        (data / "labels.csv").write_text("\n".join(",".join(line) for line in (header, *lines)) + "\n")
        values["labels"] = {"kind": "multi-label", "names": ["Cardiomegaly", "Effusion"], **labels}
        return distill(write_recipe(tmp_path / "tiny"), tmp_path / "work", fresh=True)

    values["data"] = {"source": "folder", "name": "ours"}
    values["distill"].update(epochs=1, losses=[{"loss": "hard"}, {"loss": "dist"}], licence_classes=["open"])
    values["distill"]["teacher"]["epochs"] = 1
    told = trained({})
    assert told.splits["train"].untold == {}
    assert "untold" not in told.model_dump()["splits"]["train"]
    # -1 that counts as what was there, and as nothing
    places = [at for at, cell in enumerate(true) if cell == "1"][:3]
    ones = trained(dict.fromkeys(places, "-1"), uncertain={"labels": {"Effusion": "ones"}})
    assert ones.weights_sha256 == told.weights_sha256
    ignored = trained(dict.fromkeys(places, "-1"), uncertain={"default": "ignore"})
    assert ignored.weights_sha256 != told.weights_sha256
    assert ignored.splits["train"].untold == {"Effusion": 3}
    assert ignored.splits["train"].positives["Effusion"] == true.count("1") - 3
    assert all(np.isfinite(x) for x in (*ignored.student.losses, *ignored.teacher.losses))
    empty = trained(dict.fromkeys(places, ""), unlabelled="ignore")
    assert empty.weights_sha256 == ignored.weights_sha256

    with pytest.raises(InputError) as caught:
        trained(dict.fromkeys(range(len(true)), ""), unlabelled="ignore")
    assert caught.value.code == "DISTILL-UNTOLD"
    for cell, words in (("0", "none has Effusion"), ("1", "all have Effusion")):
        with pytest.raises(InputError, match=words) as caught:
            trained(dict.fromkeys(range(len(true)), cell))
        assert caught.value.code == "DISTILL-ONE-SIDED"
