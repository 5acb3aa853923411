"""Blocks of code in the pages of docs/, and running them as a reader would: as they stand, in a folder of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from support.command import ROOT, Done

PAGES = (*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md")))


def page(name: str) -> str:
    """The text of ``docs/<name>``."""
    return (ROOT / "docs" / name).read_text()


def blocks(text: str, language: str = "python") -> list[str]:
    """What stands between the fences of ``language``, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


def run_program(program: str, folder: Path) -> Done:
    """Run Python in ``folder``, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)
