"""Starting the installed command as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CXREDGE = str(Path(sys.executable).with_name("cxredge"))


@dataclass(frozen=True)
class Done:
    """A finished command."""

    status: int
    out: str
    err: str


Run = Callable[..., Done]


def run(*arguments: object, cwd: Path = ROOT, timeout: float = 540, **environment: object) -> Done:
    """Run ``cxredge`` with these arguments; keyword arguments are environment variables."""
    done = subprocess.run(
        [CXREDGE, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **{k: str(v) for k, v in environment.items()}},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def must(*arguments: object, cwd: Path = ROOT, **environment: object) -> str:
    """What a command printed that has to end well; its errors go where this process's go. Variables as in ``run``."""
    command, variables = [CXREDGE, *map(str, arguments)], {k: str(v) for k, v in environment.items()}
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
