"""What a distillation says: how long it takes, what a stop keeps, and what its figures mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cxredge.distill.checkpoint import CheckpointFile
from cxredge.distill.remaining import Remaining, lasting
from cxredge.distill.run import distill
from cxredge.distill.splits import Films, Splits
from cxredge.distill.telling import kept, statement
from cxredge.recipe import Recipe
from cxredge.recipe_file import load_recipe

Write = Callable[[Path], Path]


def test_what_is_left_is_told_by_what_epochs_took() -> None:
    left = Remaining({"teacher": [1.0, 1.0], "student": [0.5, 0.5, 2.0]})
    assert left.seconds() is None
    left.ended("teacher", 10.0)
    assert left.seconds() == pytest.approx(10 + 30), "the student is taken to go as fast"
    left.ended("teacher", 10.0)
    left.ended("student", 20.0)
    assert left.seconds() == pytest.approx(100), "four times as slow as it was taken to be"
    left.ended("student", 20.0)
    left.ended("student", 80.0)
    assert left.seconds() == 0
    again = Remaining({"teacher": [1.0, 1.0], "student": [1.0]})
    again.skip("teacher", 1)
    again.ended("teacher", 3.0)
    assert again.seconds() == pytest.approx(3)


def test_durations_are_in_words() -> None:
    assert [lasting(s) for s in (0.2, 89, 600, 3900)] == ["0 s", "89 s", "10 min", "1 h 05 min"]


def stopped(place: Path, work: Path, monkeypatch: pytest.MonkeyPatch, after: int, fresh: bool = False) -> None:
    """A distillation that Ctrl-C ends before the first step behind ``after`` whole epochs of one training."""
    from cxredge.distill import training

    right, epochs = training.Training._epoch, 0

    def counting(self: Any, *arguments: Any) -> None:
        nonlocal epochs
        if epochs == after:
            raise KeyboardInterrupt
        epochs += 1
        right(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training.Training, "_epoch", counting)
        with pytest.raises(KeyboardInterrupt):
            distill(place, work, fresh)


def test_a_stop_says_what_is_true(
    write_recipe: Write,
    values: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values["targets"]["executorch"] = ["fp32", "w8a8"]
    values["gates"]["w8a8"] = {"flip_rate": 0.5}
    place = write_recipe(tmp_path / "tiny")
    before = (place / "model.yaml").read_bytes()
    stopped(place, tmp_path / "work", monkeypatch, after=0)
    said = capsys.readouterr().err
    assert "before the first step had ended: nothing is kept" in said
    assert "`cxredge build` will refuse this recipe [CALIBRATION-FEW]" in said
    assert not (tmp_path / "work").exists()
    stopped(place, tmp_path / "work", monkeypatch, after=3)
    said = capsys.readouterr().err
    first = next(line for line in said.splitlines() if line.startswith("teacher: epoch 1 of 2"))
    assert "; training ends in about " in first
    assert "val AUC " in first or "no AUC on val" in first
    assert "teacher 2 of 2 epochs, student 1 of 3 epochs; the same command goes on" in said
    stopped(place, tmp_path / "work", monkeypatch, after=1, fresh=True)
    said = capsys.readouterr().err
    assert "teacher 1 of 2 epochs; the same command without --fresh goes on" in said
    assert (place / "model.yaml").read_bytes() == before
    recipe = load_recipe(place)
    assert recipe.distill is not None
    strange = {
        role: CheckpointFile(tmp_path / "work" / "tiny" / f"{role}.pt", "another") for role in ("teacher", "student")
    }
    assert "nothing is kept" in kept(recipe.distill, strange, fresh=False)


def splits(source: str | None) -> Splits:
    films = Films(
        torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.zeros(3, 2), ("a", "a", "b"), ("1", "2", "3"), "0" * 64
    )
    return Splits(films, films, films, {}, {}, source)


def test_where_labels_come_from_is_said_only_if_the_data_set_says_it(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path
) -> None:
    phantom = load_recipe(write_recipe(tmp_path))
    assert statement(phantom, splits("reports")).startswith("Trained and measured on phantoms")
    values["data"] = {"source": "folder", "name": "ours"}
    recipe: Recipe = load_recipe(write_recipe(tmp_path))
    assert statement(recipe, splits(None)).startswith("Measured on 3 films of 2 patients. ")
    assert "whose labels come from reports. " in statement(recipe, splits("reports"))
    values["card"]["groups"] = "fields of view"
    apart: Recipe = load_recipe(write_recipe(tmp_path))
    assert statement(apart, splits(None)).startswith("Measured on 3 films of 2 fields of view. ")
