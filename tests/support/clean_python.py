"""An installation as users make it: no lock, no overrides, no repository around."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from support.command import ROOT, Done

UV = str(Path(sys.executable).with_name("uv"))


def build_wheel(folder: Path) -> Path:
    """The wheel of the tree as it is."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def resolve(wheel: Path, *options: str, **variables: str) -> Ended:
    """What an installer would take for the wheel, one ``name==version`` a line; read from metadata alone."""
    command = [
        UV,
        "pip",
        "compile",
        "--no-config",
        "--quiet",
        "--no-annotate",
        "--no-header",
        "--python-version",
        "3.11",
    ]
    return outside([*command, *options, "-"], wheel.parent, asked=f"cxredge @ {wheel.as_uri()}\n", **variables)


def install(wheel: Path, place: Path) -> Path:
    """A new environment at ``place`` that holds the wheel and what it asks for. Returns its Python."""
    outside([UV, "venv", "--no-config", "--quiet", "--python", sys.executable, str(place)], wheel.parent).must()
    python = place / "bin" / "python"
    outside([UV, "pip", "install", "--no-config", "--quiet", "--python", str(python), str(wheel)], wheel.parent).must()
    _share_bytecode(place)
    return python


class Ended(Done):
    """A command that ended."""

    def must(self) -> str:
        """What it printed. Raises AssertionError where it failed."""
        assert self.status == 0, self.out[-2000:] + self.err[-4000:]
        return self.out


def outside(command: Sequence[str | Path], folder: Path, asked: str = "", **variables: str) -> Ended:
    """Run a command in ``folder`` without what tests and the repository set."""
    ours = ("PYTHON", "CXR", "VIRTUAL_ENV")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment | variables, input=asked, capture_output=True, text=True,
        timeout=540, check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


def _share_bytecode(place: Path) -> None:
    """Give the new environment this one's bytecode, of sources that are the same file: saves a minute of compiling.

    uv links both environments' sources to its cache, so that even their times agree, by which Python takes bytecode or
    leaves it.
    """
    here = Path(sysconfig.get_path("purelib"))
    there = place / "lib" / here.parent.name / here.name
    for folder, _, files in os.walk(here):
        goal = there / Path(folder).relative_to(here)
        if not folder.endswith("__pycache__") or not goal.parent.is_dir():
            continue
        goal.mkdir(exist_ok=True)
        for file in files:
            with suppress(OSError):
                os.link(Path(folder) / file, goal / file)
