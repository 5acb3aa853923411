"""Several processes that share one training, as ``torchrun`` starts them, over the loopback interface."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cxredge.distill.checkpoint import CheckpointFile, fingerprint
from cxredge.distill.run import distill
from cxredge.recipe_file import load_recipe

Write = Callable[[Path], Path]
HERE = Path(__file__).parent


def torchrun(*command: str, cwd: Path) -> subprocess.Popen[str]:
    runner = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*runner, *command], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    """With batch norm's statistics frozen: 2 x 8 films against 1 x 16."""
    run = torchrun(str(HERE / "one_step.py"), str(tmp_path / "two.pt"), cwd=tmp_path)
    said, _ = run.communicate(timeout=120)
    assert run.returncode == 0, said
    subprocess.run([sys.executable, str(HERE / "one_step.py"), str(tmp_path / "one.pt")], check=True, timeout=120)
    one, two = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert len(one) > 20
    assert max(float(gradient.abs().max()) for gradient in one.values()) > 0.01
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, rtol=0, atol=1e-6, msg=name)


@pytest.mark.slow
def test_two_processes_distil_within_noise_of_one(write_recipe: Write, values: dict[str, Any], tmp_path: Path) -> None:
    values["data"]["patients"]["train"] = 60
    values["distill"].update(epochs=8, batch=16, micro_batch=8, views=2)
    alone = distill(write_recipe(tmp_path / "alone"), tmp_path / "work")
    assert alone is not None
    write_recipe(tmp_path / "tiny")
    run = torchrun("-m", "cxredge", "distill", "tiny", cwd=tmp_path)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said
    assert said.count("student: epoch 1 of 8") == 1, "one process speaks"
    assert "training with 2 processes on cpu, float32" in said
    recipe = load_recipe(tmp_path / "tiny")
    assert recipe.trained
    rows = [line.split(",") for line in (tmp_path / "build/distill/tiny/student.csv").read_text().splitlines()]
    losses = [float(row[1]) for row in rows[1:]]
    # the same films in the same groups; the teacher differs, by the running statistics that it answers with
    assert losses == pytest.approx(alone.student.losses, abs=0.15)
    assert alone.processes == "1 process on cpu, float32"


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_training_and_leaves_its_checkpoint(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path
) -> None:
    values["distill"]["teacher"]["epochs"] = 40
    write_recipe(tmp_path / "tiny")
    run = torchrun("-m", "cxredge", "distill", "tiny", cwd=tmp_path)
    checkpoint = tmp_path / "build/distill/tiny/teacher.pt"
    limit = time.monotonic() + 120
    while not checkpoint.exists() and run.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    workers = subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True, check=True).stdout.split()
    assert len(workers) >= 2
    os.kill(int(workers[-1]), signal.SIGKILL)
    said, _ = run.communicate(timeout=120)
    assert run.returncode != 0
    # the other one sees it, or torchrun ends it first; neither is a fault of ours
    assert "INTERNAL" not in said, said
    assert "error [DISTILL-PROCESSES]" in said or "stopped; kept" in said, said
    state = CheckpointFile(checkpoint, fingerprint(load_recipe(tmp_path / "tiny"), 1, "teacher")).load()
    assert state is not None
    assert (len(state["history"]), state["step"]) > (0, 0)
    assert (tmp_path / "tiny" / "model.yaml").is_file()
    assert not (tmp_path / "tiny" / "weights.safetensors").exists()
