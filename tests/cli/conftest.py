"""Real builds for the command line's tests: the default model once, and a tiny student for all that goes wrong."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
CXREDGE = str(Path(sys.executable).with_name("cxredge"))


@dataclass(frozen=True)
class Done:
    """A finished command."""

    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(scope="session")
def cxredge() -> Run:
    """Run the installed command in the repository's root; keyword arguments are environment variables."""

    def run(*arguments: object, cwd: Path = ROOT, **environment: object) -> Done:
        done = subprocess.run(
            [CXREDGE, *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **{k: str(v) for k, v in environment.items()}},
            capture_output=True,
            text=True,
            timeout=540,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def built(cxredge: Run, shared: Path) -> Path:
    """The default model, built whole into a folder of its own (kept stages of an earlier build are used)."""
    out = shared / "dist"
    with (shared / "dist.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests' other process waits for the first one's build
        if not out.exists():
            done = cxredge("build", "model_zoo/phantom", "--out", out)
            assert done.status == 0, done.out + done.err
    (host,) = (p for p in out.iterdir() if not p.name.endswith(("-android", "-ios")))
    return host


TINY = """\
recipe: 1
name: tiny
version: 0.0.1
licence: Apache-2.0
card:
  summary: A student with random weights, for tests.
  intended_use: Tests.
  limitations: [It was never trained.]
student: {{backbone: timm/mobilenetv2_035, novelty_rank: 4}}
weights: {{file: weights.safetensors, sha256: "{digest}"}}
input: {{channels: 1, height: 64, width: 64, fit: pad}}
labels: {{names: [Cardiomegaly, Effusion, Consolidation, Nodule, Pneumothorax]}}
operating_points:
  Cardiomegaly: {{logit: 0.0, rule: none}}
  Effusion: {{logit: 0.0, rule: none}}
  Consolidation: {{logit: 0.0, rule: none}}
  Nodule: {{logit: 0.0, rule: none}}
  Pneumothorax: {{logit: 0.0, rule: none}}
novelty: {{threshold: 1000.0, rule: none}}
data: {{source: phantom, seed: 3, patients: {{train: 2, val: 60, test: 12}}}}
calibration: {{split: val, count: 100}}
evaluation: {{split: test, count: 12}}
targets: {{onnx: [fp32, w8a8], executorch: [fp32]}}
primary: executorch/fp32
bundles: {{android: [executorch/fp32]}}
gates:
  fp32: {{logit_max_abs: 0.01}}
  w8a8: {{logit_sqnr_db: 1}}
"""


def write_weights(path: Path, spoil: Callable[[dict], None] | None = None) -> str:
    """Random weights with settled batch statistics; returns their sha256."""
    import torch
    from safetensors.torch import save_file

    from cxredge.files import sha256_file
    from cxredge.students.base import Student
    from cxredge.students.timm_backbone import TimmBackbone

    torch.manual_seed(0)
    backbone = TimmBackbone("timm/mobilenetv2_035", 1, 64, 64)
    student = Student(backbone, backbone.features, 5, 4).train()
    with torch.no_grad():
        for _ in range(30):
            student(torch.rand(8, 1, 64, 64) * 255)
        student.novelty.fit(torch.rand(50, backbone.features))
    tensors = {k: v.contiguous() for k, v in student.state_dict().items()}
    if spoil is not None:
        spoil(tensors)
    save_file(tensors, path)
    return sha256_file(path)


MAKER, READER = "backbone.net.blocks.0.0.conv_pw", "backbone.net.blocks.1.0.conv_pw"


def plant(tensors: dict[str, Any]) -> None:
    """One channel between MAKER and READER becomes 1000 times as large, and what reads it takes that back: the same
    function, which INT8 cannot hold."""
    for name in ("weight", "bias"):
        tensors[f"backbone.net.blocks.0.0.bn2.{name}"][0] *= 1000
    tensors[f"{READER}.weight"][:, 0] /= 1000


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of one run of the tests have in common."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return tmp_path_factory.getbasetemp().parent
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def tiny_cache(shared: Path) -> Path:
    """Kept stages that the tiny recipes share, so that phantoms are drawn once."""
    return shared / "tiny-cache"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A recipe folder that a test may spoil."""
    folder = tmp_path / "zoo" / "tiny"
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(TINY.format(digest=write_weights(folder / "weights.safetensors")))
    return folder
