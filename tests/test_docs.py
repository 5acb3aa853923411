"""The README's commands, word for word, on a film that is not there by accident: a phantom as DICOM; and that pages
name only what is there, and each page stands in the README."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import ROOT
from support.field_logs import LOG
from support.films import write_phantom_dicom
from support.pages import PAGES, blocks

README = (ROOT / "README.md").read_text()
(DAY,) = blocks(README.partition("## A day's work\n")[2].partition("\n## ")[0], "sh")
COMMANDS = [line.split("#")[0].strip() for line in DAY.splitlines()]
# train for most of an hour, or build everything twice: tests/distill, tests/baselines and tests/bundle run them small
LONG = ("cxredge distill", "cxredge baselines", "cxredge rebuild-check")


@pytest.mark.slow
@pytest.mark.timeout(3600)  # the report examines everything, for minutes
def test_the_readmes_day_works(tmp_path: Path, cxr_data: Path) -> None:
    assert len(COMMANDS) == 25
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CXR_CACHE": str(ROOT / "build" / "cache"),
        "CXR_DATA": str(cxr_data),
    }
    shutil.copytree(ROOT / "model_zoo", tmp_path / "model_zoo")
    write_phantom_dicom(tmp_path / "film.dcm")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "phone.json").write_text(json.dumps(LOG))
    for command in COMMANDS:
        if command.startswith(LONG):
            continue
        done = subprocess.run(shlex.split(command), cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        allowed = (0, 3) if command == "cxredge doctor" else (0,)
        assert done.returncode in allowed, f"{command}\n{done.stdout}{done.stderr}"
        assert done.stdout, command
    assert (tmp_path / "report.html").stat().st_size > 100_000
    assert "<testsuites" in (tmp_path / "gates.xml").read_text()
    assert "<testsuites" in (tmp_path / "own.xml").read_text()
    assert (tmp_path / "out.png").stat().st_size > 10_000
    assert (tmp_path / "films" / "labels.csv").is_file()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_readmes_own_student_is_imported(tmp_path: Path, cxr_data: Path) -> None:
    """Word for word, with weights that were never trained: the import proves them, and the build keeps no gates."""
    import torch
    from torchvision.models import mobilenet_v2

    torch.manual_seed(0)
    network = mobilenet_v2(num_classes=3)
    torch.save(
        {"epoch": 1, "state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, tmp_path / "best.pth"
    )
    (block,) = blocks(README.partition("## Your own student\n")[2].partition("\n## ")[0], "sh")
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CXR_CACHE": str(ROOT / "build" / "cache"),
        "CXR_DATA": str(cxr_data),
    }
    told = [
        subprocess.run(shlex.split(line), cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        for line in block.splitlines()
    ]
    assert told[0].returncode == 0, told[0].stderr
    assert "0 of 336 decisions differ" in told[0].stdout
    assert "no better than chance" in told[0].stdout
    assert (told[1].returncode, "better_than_chance" in told[1].stdout) == (1, True), told[1].stdout + told[1].stderr


PLACE = re.compile(r"(?<![\w./-])(?:toolchain|tests|docs|benchmarks|android-app|ios-app|model_zoo)/[\w./-]*\w/?")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
# made by commands: git ignores them
MADE = re.compile(
    r"android-app/app/src/main/assets/|android-app/app/target/|ios-app/CXRApp/Model/|model_zoo/.*model\.auto|model_zoo/(?:best$|mine)"
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_names_only_what_is_there(path: Path) -> None:
    text = path.read_text()
    named = {f"{place}/" if (ROOT / place).is_dir() else place for place in PLACE.findall(text)}
    assert [place for place in sorted(named) if not MADE.match(place) and not (ROOT / place).exists()] == []
    assert [link for link in LINK.findall(text) if not (path.parent / link).exists()] == []


def test_the_readme_lists_every_page() -> None:
    listed = set(LINK.findall(README))
    wanted = {path.relative_to(ROOT).as_posix() for path in PAGES} - {"README.md"}
    assert wanted - listed == set()


def test_the_readme_has_every_room() -> None:
    package = ROOT / "toolchain" / "cxredge"
    rooms = {folder.parent.name for folder in package.glob("*/__init__.py")}
    assert len(rooms) > 15
    listed = re.findall(r"^\| (`\w+/`(?:, `\w+/`)*) \|", README, re.M)
    assert {room for cell in listed for room in re.findall(r"`(\w+)/`", cell)} == rooms
