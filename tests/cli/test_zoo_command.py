"""``cxredge zoo`` as a person runs it: in a folder with a zoo, and where something of it is damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cxredge.zoo.entry import ZooModel
from support.command import ROOT, Run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("phantom", "pneumonia-paed"):
        (tmp_path / "model_zoo" / name).mkdir(parents=True)
        for file in ("model.yaml", "results.json"):
            shutil.copy(ROOT / "model_zoo" / name / file, tmp_path / "model_zoo" / name)
    return tmp_path


def test_it_lists_the_zoo_of_the_folder_that_it_runs_in_and_writes_cards(folder: Path, cxredge: Run) -> None:
    done = cxredge("zoo", "--cards", cwd=folder)
    assert done.status == 0, done.err
    header, *rows = done.out.splitlines()
    assert header.startswith("model ")
    assert [row.split()[0] for row in rows] == ["phantom", "pneumonia-paed"]
    cards = [f"model_zoo/{name}/CARD.md" for name in ("phantom", "pneumonia-paed")]
    assert done.err.splitlines() == [f"written: {card}" for card in cards]
    assert all((folder / card).is_file() for card in cards)
    done = cxredge("zoo", "model_zoo/phantom", "--json", cwd=folder)
    assert [ZooModel.model_validate(tree).name for tree in json.loads(done.out)] == ["phantom"]


def test_refusals_have_codes(folder: Path, cxredge: Run) -> None:
    for arguments, code in (
        (("zoo", "nowhere"), "PATH-READ"),
        (("zoo", "--built", "dist"), "ZOO-BUILT"),
    ):
        done = cxredge(*arguments, cwd=folder)
        assert (done.status, f"[{code}]" in done.err, done.out) == (2, True, ""), done.err
    (folder / "model_zoo" / "phantom" / "results.json").write_text("{")
    done = cxredge("zoo", cwd=folder)
    assert (done.status, "[ZOO-FILE]: model_zoo/phantom/results.json" in done.err) == (2, True), done.err
