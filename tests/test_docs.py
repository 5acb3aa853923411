"""The README's commands, word for word, on a film that is not there by accident: a phantom as DICOM."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DAY = re.search(r"## A day's work\n\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
COMMANDS = [line.split("#")[0].strip() for line in DAY.group(1).splitlines()] if DAY else []
# train for most of an hour, or build everything twice: tests/distill and tests/bundle run them small
LONG = ("cxredge distill", "cxredge rebuild-check")


@pytest.mark.slow
@pytest.mark.timeout(3600)  # the report examines everything, for minutes
def test_the_readmes_day_works(tmp_path: Path) -> None:
    assert len(COMMANDS) == 18
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CXR_CACHE": str(ROOT / "build" / "cache"),
    }
    shutil.copytree(ROOT / "model_zoo", tmp_path / "model_zoo")
    write_film(tmp_path / "film.dcm")
    for command in COMMANDS:
        if command.startswith(LONG):
            continue
        done = subprocess.run(shlex.split(command), cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        allowed = (0, 3) if command == "cxredge doctor" else (0,)
        assert done.returncode in allowed, f"{command}\n{done.stdout}{done.stderr}"
        assert done.stdout, command
    assert (tmp_path / "report.html").stat().st_size > 100_000
    assert "<testsuites" in (tmp_path / "gates.xml").read_text()
    assert (tmp_path / "out.png").stat().st_size > 10_000
    assert (tmp_path / "films" / "labels.csv").is_file()


def write_film(path: Path) -> None:
    from cxredge.phantoms.render import render, sample_patients
    from cxredge.recipe import PhantomData
    from cxredge.vectors.films import dicom

    film = sample_patients(PhantomData(source="phantom", seed=5, patients={"test": 1}))[0]
    path.write_bytes(dicom(render(film).grey, bits=8))
