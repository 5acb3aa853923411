"""A process that may open few files is refused before it begins, or its own limit is raised."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cxredge.cli.limits import FILES
from support.bundles import V2

SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from cxredge.cli.main import main
sys.argv[1:] = sys.argv[3:]
main()
"""
MODEL = V2 / "bundle" / "artifacts" / "tflite" / "w8a8.tflite"


def inspect(soft: int, hard: int, model: Path = MODEL) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", LIMITED, str(soft), str(hard), "inspect", str(model)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("limit", [4, 5, 6, 7, 20, FILES - 1])
def test_too_few_files_are_the_machines_fault(limit: int) -> None:
    done = inspect(limit, limit)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error [LIMIT-FILES]: this process may open {limit} files at most")
    assert done.stderr.count("\n") == 2


@pytest.mark.parametrize("soft", [4, 7, FILES])
def test_a_limit_that_may_be_raised_is_raised(soft: int) -> None:
    done = inspect(soft, HARD)
    assert done.returncode == 0, done.stderr
    assert done.stdout == inspect(SOFT, HARD).stdout
