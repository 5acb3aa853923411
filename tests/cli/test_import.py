"""A network that was trained elsewhere, from its checkpoint to a bundle, as commands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cxredge.bundle.bundle import open_bundle
from cxredge.cli.output import say_wrapped
from cxredge.files import sha256_file
from cxredge.recipe_file import load_recipe
from cxredge.recipe_student import ProgramSpec
from cxredge.students import build_student
from support.command import Run

LABELS = "Cardiomegaly,Effusion,Consolidation,Nodule,Pneumothorax,Fracture"
CODE = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 4, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU()
        )
        self.fc = nn.Linear(16, num_classes)

    def forward(self, x):
        return self.fc(self.body(x).mean((2, 3)))

def transform():
    from torchvision import transforms as t
    return t.Compose([t.Resize((64, 64)), t.ToTensor(), t.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
"""


def place(folder: Path) -> Path:
    """A folder with a checkpoint and the code of its network."""
    import torch

    (folder / "tiny_net.py").write_text(CODE)
    space: dict[str, object] = {"__name__": "tiny_net"}
    exec(CODE, space)
    torch.manual_seed(0)
    net = space["Tiny"](6)  # type: ignore[operator]
    torch.save({"state_dict": {f"module.{key}": value for key, value in net.state_dict().items()}}, folder / "tiny.pth")
    return folder


COMMAND = ("import", "tiny.pth", "--code", "tiny_net.py:Tiny", "--labels", LABELS, "--size", "64")
WHOLE = (*COMMAND, "--data", "phantom", "--normalise", "imagenet")


@pytest.fixture(scope="module")
def imported(cxredge: Run, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which it was imported, and what was said."""
    folder = place(tmp_path_factory.mktemp("import"))
    transform = ("--original-transform", "tiny_net.py:transform")
    done = cxredge(*WHOLE, *transform, cwd=folder, CXR_CACHE=tiny_cache)
    assert done.status == 0, done.out + done.err
    return folder, done.out


def test_what_was_written(imported: tuple[Path, str]) -> None:
    folder, said = imported
    zoo = folder / "model_zoo" / "tiny"
    assert {entry.name for entry in zoo.iterdir()} == {"student.pt2", "model.yaml", "import.json"}
    recipe = load_recipe(zoo)
    assert recipe.weights.sha256 == sha256_file(zoo / "student.pt2")
    assert recipe.labels.not_judged == ("Fracture",)
    assert isinstance(recipe.student, ProgramSpec)
    assert (recipe.student.heatmap, recipe.student.normalise.repeat) == ("exact", 3)
    proof = recipe.student.original
    assert proof.max_abs < 1e-5
    assert proof.flips == 0
    assert proof.films > 100
    assert proof.whole_flips is not None
    record = json.loads((zoo / "import.json").read_text())
    assert record["student_sha256"] == recipe.weights.sha256
    assert record["found"]["read"]["prefix"] == "module."
    assert len(record["answers"]) == proof.films
    for text in ((zoo / name).read_bytes() for name in ("model.yaml", "import.json", "student.pt2")):
        assert str(folder).encode() not in text
    student = build_student(recipe, zoo / "student.pt2")
    assert {name.split(".")[0] for name, _ in student.named_parameters()} == {"backbone", "head"}
    assert "next:\n  cxredge plan model_zoo/tiny" in said
    assert "the films tell nothing of: Fracture; it is exported and not judged" in said
    assert (
        f"on {proof.films} films of test of {record['data']}, as its own preprocessing is tried on test alone" in said
    )
    assert "of the largest logit, and 0.001 is allowed)" in said
    assert "the original behind its own preprocessing, and behind ours" in said
    assert proof.splits == ("test",)
    assert re.search(r"found, and ordinary films taken for it, of 60 test films: inverted \d+%, \d\.\d%; ", said)


def test_plan_takes_it(imported: tuple[Path, str], cxredge: Run, tiny_cache: Path) -> None:
    folder, _ = imported
    done = cxredge("plan", "model_zoo/tiny", cwd=folder, CXR_CACHE=tiny_cache)
    assert done.status == 0, done.out + done.err
    assert "executorch/w8a8" in done.out


def test_it_is_there_already(imported: tuple[Path, str], cxredge: Run, tiny_cache: Path) -> None:
    folder, _ = imported
    before = {file.name: sha256_file(file) for file in (folder / "model_zoo" / "tiny").iterdir()}
    done = cxredge(*WHOLE, cwd=folder, CXR_CACHE=tiny_cache)
    assert done.status == 2
    assert "[IMPORT-EXISTS]" in done.err
    assert {file.name: sha256_file(file) for file in (folder / "model_zoo" / "tiny").iterdir()} == before


def test_a_dry_run(cxredge: Run, tmp_path: Path) -> None:
    place(tmp_path)
    before = {entry.name for entry in tmp_path.iterdir()}
    done = cxredge(*COMMAND, "--normalise", "imagenet", "--dry-run", cwd=tmp_path)
    assert done.status == 0, done.err
    assert {entry.name for entry in tmp_path.iterdir()} - before <= {"__pycache__"}
    assert "the films tell nothing" not in done.out, "no films are named"
    for words in (
        "prefix taken off the keys: module.",
        "a grey film is given three times",
        "\none output: 6 logits a film\n",
        "heatmap: exact",
        "--data",
    ):
        assert words in done.out


DRY = (*COMMAND, "--normalise", "imagenet", "--dry-run")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((*WHOLE, "--name", "Tiny Net"), "IMPORT-NAME"),
        ((*DRY, "--name", "Tiny Net"), "IMPORT-NAME"),
        ((*DRY, "--name", "taken"), "IMPORT-EXISTS"),
        ((*DRY, "--data", "nosuchset"), "DATA-MISSING"),
        ((*DRY[:5], "Nodule,Pleural Effusion", *DRY[6:]), "LABELS-NAME"),
        ((*DRY[:5], "Nodul,Effusion", *DRY[6:], "--data", "phantom"), "LABELS-SPELLING"),
        ((*WHOLE, "--input", "mean=1,2,3"), "IMPORT-INPUT"),
        ((*COMMAND, "--normalise", "unit", "--input", "range=0..255"), "IMPORT-INPUT"),
        ((*COMMAND, "--input", "mean=1,2,3", "--input", "mean=1,2,4"), "IMPORT-INPUT"),
    ],
)
def test_what_is_refused_before_the_network_is_touched(
    cxredge: Run, tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    (tmp_path / "tiny.pth").write_bytes(b"no weights at all")
    (tmp_path / "tiny_net.py").write_text("raise SystemExit('it was run')")
    (tmp_path / "model_zoo" / "taken").mkdir(parents=True)
    done = cxredge(*arguments, cwd=tmp_path, CXR_DATA=tmp_path)
    assert done.status == 2, done.out + done.err
    assert f"[{code}]" in done.err


def test_a_dry_run_refuses_another_number_of_outputs(cxredge: Run, tmp_path: Path) -> None:
    place(tmp_path)
    (tmp_path / "tiny_net.py").write_text(CODE.replace("16, num_classes", "16, 6"))
    done = cxredge(*DRY[:5], "Nodule,Effusion", *DRY[6:], "--data", "phantom", cwd=tmp_path)
    assert done.status == 2, done.out + done.err
    assert "[IMPORT-LABELS]: the network has 6 outputs, and 2 labels are named" in done.err


def test_the_package_is_a_command_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cxredge", "import", "nothing"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "error [" in done.stderr


def test_lines_are_broken_between_words_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "/a/" + "b" * 90
    text = f"  one {'word ' * 20}then {path}\nshort"
    say_wrapped(text)
    assert capsys.readouterr().out == f"{text}\n"
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    say_wrapped(text)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if path not in line) <= 60
    assert [line[:6] for line in lines[:2]] == ["  one ", "      "]
    assert [line for line in lines if path in line] == [f"      {path}"]
    assert " ".join(line.strip() for line in lines) == " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("import", "tiny.pth", "--code", "tiny_net.py:Tiny", "--data", "phantom"), "IMPORT-LACKS"),
        (COMMAND, "IMPORT-LACKS"),
        ((*WHOLE, "--name", "../tiny"), "IMPORT-NAME"),
        ((*WHOLE[:1], "none.pth", *WHOLE[2:]), "PATH-READ"),
        ((*WHOLE, "--arch", "timm/resnet18"), "IMPORT-CODE"),
        ((*COMMAND[:-1], "4x4", "--data", "phantom"), "IMPORT-INPUT"),
        ((*WHOLE, "--input", "range=1..x"), "IMPORT-INPUT"),
        ((*WHOLE[:5], "Fracture", *WHOLE[6:]), "LABELS-NONE"),
        ((*WHOLE[:5], "Nodule,Nodule", *WHOLE[6:]), "LABELS-NAME"),
    ],
)
def test_nothing_is_written_where_it_fails(cxredge: Run, tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    place(tmp_path)
    done = cxredge(*arguments, cwd=tmp_path, CXR_CACHE=tmp_path / "cache")
    assert done.status == 2, done.out + done.err
    assert f"[{code}]" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "model_zoo").exists()


@pytest.mark.slow
def test_its_bundle(imported: tuple[Path, str], cxredge: Run, tiny_cache: Path, tmp_path: Path) -> None:
    """Built, verified, timed and explained: the float32 student is the program, under its own name."""
    folder, _ = imported
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    (zoo / "student.pt2").write_bytes((folder / "model_zoo" / "tiny" / "student.pt2").read_bytes())
    text = (folder / "model_zoo" / "tiny" / "model.yaml").read_text()
    head, _ = text.split("targets:\n")
    (zoo / "model.yaml").write_text(
        f"{head.rstrip()}\n  chance: allowed\n"  # its weights are random
        "targets: {onnx: [fp32, w8a8], executorch: [fp32]}\nprimary: executorch/fp32\n"
        + "bundles: {android: [executorch/fp32]}\ngates: {fp32: {logit_max_abs: 0.01}, w8a8: {logit_sqnr_db: 1}}\n"
    )
    done = cxredge("build", zoo, "--out", tmp_path / "dist", CXR_CACHE=tiny_cache)
    assert done.status == 0, done.out + done.err
    assert "model.yaml still says EDIT in licence, card.intended_use, card.limitations: write them" in done.err
    host, android = tmp_path / "dist" / "tiny-1.0.0", tmp_path / "dist" / "tiny-1.0.0-android"
    opened = open_bundle(host)
    assert sha256_file(host / "reference" / "student.pt2") == opened.record.recipe.weights.sha256
    assert {entry.name for entry in (host / "reference").iterdir()} == {"student.pt2"}
    assert not (android / "reference").exists()
    for arguments in (
        ("verify", host),
        ("verify", android, "--reference", host),
        ("bench", host),
        ("explain", host),
    ):
        done = cxredge(*arguments, CXR_CACHE=tiny_cache)
        assert done.status == 0, (arguments, done.out + done.err)
