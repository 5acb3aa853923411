"""What the films of a set are used for in an imported recipe, and what is refused before any is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxredge.data.data_sets import DataSet
from cxredge.data.film import Film
from cxredge.errors import InputError
from cxredge.importing.plan import Found, Read
from cxredge.recipe_data import FolderData
from cxredge.recipe_decision import Labels
from cxredge.recipe_input import InputSpec
from cxredge.recipe_student import Normalise
from cxredge.workflows.imported_recipe import judged, uses_of


def films(folder: Path, **counts: int) -> DataSet:
    (folder / "film.png").touch()
    return DataSet(
        "drawn",
        tuple(
            Film(f"{split}{i}.png", folder / "film.png", f"{split}-patient{i}x", split, np.zeros(2, np.float32))
            for split, count in counts.items()
            for i in range(count)
        ),
    )


def test_ranges_come_from_val_where_it_has_enough_films(tmp_path: Path) -> None:
    found = uses_of(films(tmp_path, train=20, val=140, test=30), transform=False, novelty=True)
    assert (found.calibration, found.count, found.evaluation, found.remark) == ("val", 128, "test", None)


@pytest.mark.parametrize(("test", "words"), [(127, "the 127 test films"), (300, "128 of the 300 test films")])
def test_else_from_test_and_it_is_said(tmp_path: Path, test: int, words: str) -> None:
    found = uses_of(films(tmp_path, train=20, val=94, test=test), transform=True, novelty=True)
    assert (found.calibration, found.count, found.evaluation) == ("test", min(128, test), "val")
    assert found.remark == (
        f"val has 94 films, and a build calibrates on 100 or more: INT8 ranges come from {words}, and artifacts are "
        "judged on val, on which the thresholds were chosen too"
    )


@pytest.mark.parametrize(
    ("counts", "transform", "novelty", "code", "words"),
    [
        ((20, 99, 99), False, True, "IMPORT-FEW", "fewer than 100 films in val and in test"),
        ((20, 140, 99), True, True, "IMPORT-FEW", "99 films in test, and --original-transform"),
        ((19, 140, 99), False, True, "IMPORT-NOVELTY", "19 films in train, and a novelty score"),
    ],
)
def test_too_few_films_are_refused_before_one_is_read(
    tmp_path: Path, counts: tuple[int, int, int], transform: bool, novelty: bool, code: str, words: str
) -> None:
    train, val, test = counts
    with pytest.raises(InputError) as caught:
        uses_of(films(tmp_path, train=train, val=val, test=test), transform, novelty)
    assert caught.value.code == code
    assert words in caught.value.cause


def test_a_recipe_whose_splits_change_places_says_so_everywhere(tmp_path: Path) -> None:
    """In its comments and the card's limits; figures against chance are of the films that a build judges it on."""
    shown = films(tmp_path, train=20, val=94, test=127)
    random = np.random.default_rng(0)
    answers = {
        f"{split}.{name}": logits
        for split, count in (("val", 94), ("test", 127))
        for logits in [random.normal(size=(count, 2)).astype(np.float32)]
        for name in ("original", "logits")
    }
    found = Found(
        read=Read(
            form="state dict", file="a.pth", sha256="0" * 64, entry="", prefix="", keys=1, network="timm/resnet18"
        ),
        input=InputSpec(channels=1, height=64, width=64, fit="squash"),
        normalise=Normalise(),
        outputs=("0",),
        output="0",
        count=2,
        probability=None,
        heatmap="none",
        why="drawn",
        parameters=1,
        novelty_rank=None,
        labels=None,
    )
    data = FolderData(source="folder", name="drawn", label_column="kind")
    labels = Labels(kind="single-label", names=("a", "b"))
    written = judged("mine", None, found, data, labels, shown, answers, b"a program")
    assert (written.recipe.calibration.split, written.recipe.evaluation.split) == ("test", "val")
    assert written.remark is not None
    assert any(written.remark[1:] in line for line in written.recipe.card.limitations)
    comments = " ".join(line.strip("# ") for line in written.text.splitlines() if line.lstrip().startswith("#"))
    assert written.remark in comments
    assert "that thresholds were chosen on, too" in comments
    assert written.record.chance.films == 94
    proof = written.record.proof
    assert (proof.films, proof.splits, proof.flips) == (221, ("val", "test"), 0)
    assert "On 221 films of val and test the logits" in proof.words
    assert written.largest_logit == np.abs(np.concatenate([answers["val.logits"], answers["test.logits"]])).max()
