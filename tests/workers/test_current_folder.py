"""A file of the current folder is never imported in place of a package, by no process that we start."""

from __future__ import annotations

import ast
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from bundle.make_fixture import COMMON, FINDINGS
from cxredge.errors import InputError
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.fork_server_process import FRESH
from cxredge.workers.task import TASK, Task
from cxredge.workflows.doctor import _alone, _Import
from cxredge.workflows.inspect import inspect_file
from cxredge.workflows.rebuild import rebuild
from support.bundles import V2

PACKAGE = Path(__file__).parents[2] / "toolchain" / "cxredge"
IN_PLACE_OF = ("torch", "secrets", "numpy", "click", "pydantic", "flatbuffers")


@pytest.fixture(autouse=True)
def hijacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has files that are called like packages."""
    folder = tmp_path / "current"
    folder.mkdir()
    for name in IN_PLACE_OF:
        (folder / f"{name}.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(folder)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """The file of a task without work."""
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / TASK).write_text(Task(name="none", folder=str(folder), jobs=()).model_dump_json())
    return folder / TASK


def test_a_forked_worker(task: Path) -> None:
    with ForkServer() as server, tempfile.TemporaryFile() as said:
        worker = server.worker(task, said.fileno(), said.fileno(), 1)
        while (status := worker.poll()) is None:
            time.sleep(0.05)
        said.seek(0)
        assert (status, said.read()) == (0, b"")


def test_a_fresh_worker(task: Path) -> None:
    command = [*FRESH, str(task), str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_doctor() -> None:
    assert _alone(_Import("onnx", "runtime", "run onnx", "", "")) is None


def test_inspect() -> None:
    assert inspect_file(V2 / "bundle" / "artifacts" / "tflite" / "w8a8.tflite").operations


def test_rebuild_check(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = COMMON.format(name="fixture", backbone="timm/test_efficientnet", rank=2, side=64, digest="0" * 64) + FINDINGS
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(InputError, match="REBUILD-FAILED"):
        rebuild(tmp_path, (), ())
    said = capfd.readouterr().err
    assert "hijacked" not in said
    assert "error [" in said


def test_every_command_that_starts_python_says_so() -> None:
    """``sys.executable`` is followed by ``-P``, wherever it stands."""
    found = 0
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.executable":
                found += 1
            if isinstance(node, ast.List | ast.Tuple) and [*map(ast.unparse, node.elts[:1])] == ["sys.executable"]:
                assert ast.unparse(node.elts[1]) == "'-P'", f"{path}:{node.lineno}"
                found -= 1
    assert found == 0, "sys.executable stands outside of a command"
