"""Data, labels and files are looked at before PyTorch is imported: it is blocked here, and refusals are the same."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cxredge.cli.phantom import phantom
from cxredge.distill.ready import ready_to_train
from cxredge.errors import InputError

Write = Callable[[Path], Path]
PROGRAM = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "timm", "sklearn", "scipy"):
            raise RuntimeError(f"{name} is imported")
sys.meta_path.insert(0, Block())
from cxredge.cli.main import main
main()
"""


@pytest.fixture
def ask(tmp_path: Path, values: dict[str, Any], write_recipe: Write) -> Callable[[str], str]:
    """Runs a command on the recipe ``values`` beside the data set ``ours``, with PyTorch out of reach."""
    films = tmp_path / "data" / "ours"
    CliRunner().invoke(phantom, [str(films), "--patients", "8"], catch_exceptions=False)
    (films / "SHA256SUMS").unlink()
    values["data"] = {"source": "folder", "name": "ours"}
    values["distill"]["licence_classes"] = ["open"]
    place = tmp_path / "tiny"

    def asked(command: str) -> str:
        write_recipe(place)
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM, command, str(place)],
            env={**os.environ, "CXR_DATA": str(tmp_path / "data"), "CXR_CACHE": str(tmp_path / "cache")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (2, 3), done.stderr
        return done.stderr.partition("[")[2].partition("]")[0]

    return asked


def changed(table: Path, column: str, value: str) -> None:
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*rows[0]])
        writer.writeheader()
        writer.writerows([{**row, column: value} for row in rows])


def test_films_that_are_not_there(
    ask: Callable[[str], str], values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "data"))
    values["student"]["novelty_rank"] = 2
    table = tmp_path / "data" / "ours" / "labels.csv"
    whole = table.read_text()
    changed(table, "licence_class", "unspecified")
    assert ask("distill") == "DISTILL-LICENCE"
    table.write_text(whole)
    changed(table, "split", "train")
    assert ask("distill") == "DATA-SPLIT-EMPTY"
    table.write_text(whole)
    values["labels"]["names"] = ["Cardiomegaly", "Effusions"]
    values["operating_points"] = {}
    assert ask("distill") == "DATA-COLUMN"
    assert ask("thresholds") == "RECIPE-UNTRAINED"
    values["labels"]["names"] = ["Cardiomegaly", "Effusion"]
    values["student"]["novelty_rank"] = 60
    assert ask("distill") == "DISTILL-FEW"
    values["student"]["novelty_rank"] = 2
    trained = values["distill"]["teacher"]
    loaded = {"weights": {"file": "teacher.safetensors", "sha256": "a" * 64}, "labels": ["Cardiomegaly", "Effusion"]}
    values["distill"]["teacher"] = {"backbone": trained["backbone"], **loaded}
    assert ask("distill") == "WEIGHTS-MISSING"
    with pytest.raises(InputError, match="no weights of the teacher") as caught:
        ready_to_train(tmp_path / "tiny", tmp_path / "work")
    assert caught.value.fix.endswith("in the weights of this teacher")
    values["distill"]["teacher"]["labels"] = ["Cardiomegaly", "Nodule"]
    assert ask("distill") == "DISTILL-TEACHER-LABELS"
    values["distill"]["teacher"] = trained
    values["distill"]["pretrained"] = "efficientnet-lite9"
    assert ask("distill") == "PRETRAINED-UNKNOWN"
    shutil.rmtree(tmp_path / "data" / "ours" / "images")
    assert ask("distill") == "DATA-FILE"
    values["weights"]["sha256"] = "a" * 64
    assert ask("thresholds") == "DATA-FILE"
    shutil.rmtree(tmp_path / "data" / "ours")
    assert ask("distill") == ask("thresholds") == "DATA-MISSING"
