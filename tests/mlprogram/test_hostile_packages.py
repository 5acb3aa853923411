"""Damaged packages: every one is refused by code or runs, in one process, in bounded memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("seed", "cases"), [(0, 300), pytest.param(1, 2000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_damaged_packages(seed: int, cases: int, packages: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlprogram.fuzz", str(packages), str(tmp_path), str(seed), str(cases)],
        cwd=TESTS,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"see {tmp_path}\n{done.stderr[-4000:]}"
    outcomes = json.loads(done.stdout)
    assert sum(outcomes.values()) == cases
    # the damage is of all kinds: much is refused, for every reason, and much still runs
    assert set(outcomes) >= {"ran", *(f"MLPROGRAM-{c}" for c in ("PACKAGE", "SYNTAX", "TYPE", "VALUE", "WEIGHTS"))}
    assert outcomes["ran"] > cases / 20
