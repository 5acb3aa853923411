"""No package that we run reports to its makers: nothing is left in the user's folder, and no connection is begun."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import CXREDGE, ROOT

VARIABLE = "ORT_DISABLE_TELEMETRY"
USED_AS_A_LIBRARY = """
import cxredge
import onnx
import onnxruntime
from onnx import TensorProto, helper
value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", [value("x")], [value("y")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
session.run(None, {"x": [-1.0, 1.0]})
"""
LEFT_BY_PYTORCH = {"torchinductor_root"}
"""What may stay in the folder for temporary files: an empty folder of PyTorch's."""
CONNECTED = re.compile(r"connect\(.*AF_INET")


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """An environment with empty folders, in which somebody wants the reports."""
    variables = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "CXR_CACHE": str(tmp_path / "cache")}
    for folder in variables.values():
        Path(folder).mkdir()
    return {**{k: v for k, v in os.environ.items() if not k.startswith("XDG_")}, **variables, VARIABLE: "0"}


def connections(command: list[str], surroundings: dict[str, str]) -> list[str]:
    """Run a command to its good end; what it and its processes connected to, where ``strace`` can tell."""
    trace = Path(surroundings["HOME"]).parent / "trace"
    if shutil.which("strace"):
        command = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=connect", *command]
    done = subprocess.run(command, env=surroundings, cwd=ROOT, capture_output=True, text=True, check=False)
    # 3: `doctor` where a machine lacks something
    assert done.returncode in ((0, 3) if command[-1] == "doctor" else (0,)), done.stderr
    return CONNECTED.findall(trace.read_text()) if trace.exists() else []


def left(surroundings: dict[str, str], variable: str) -> set[str]:
    folder = Path(surroundings[variable])
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_program_that_imports_the_package_reports_nothing(surroundings: dict[str, str]) -> None:
    assert connections([sys.executable, "-c", USED_AS_A_LIBRARY], surroundings) == []
    assert left(surroundings, "HOME") == set()
    assert left(surroundings, "TMPDIR") == set()


def test_these_tests_report_nothing() -> None:
    assert os.environ[VARIABLE] == "1"


def test_the_jvms_tests_report_nothing() -> None:
    settings = {
        "pom.xml": f"<{VARIABLE}>1</{VARIABLE}>",
        "core/build.gradle.kts": f'environment("{VARIABLE}", "1")',
        "app/build.gradle.kts": f'environment("{VARIABLE}", "1")',
    }
    for name, setting in settings.items():
        assert setting in (ROOT / "android-app" / name).read_text(), name


@pytest.mark.slow
def test_build_verify_and_predict_report_nothing(tiny: Path, surroundings: dict[str, str], tmp_path: Path) -> None:
    bundle = tmp_path / "dist" / "tiny-0.0.1"
    film = str(bundle / "selftest" / "phantom-0.png")
    for command in (
        ["build", str(tiny), "--out", str(tmp_path / "dist")],
        ["verify", str(bundle)],
        ["bench", str(bundle)],
        ["inspect", str(bundle / "artifacts" / "onnx" / "w8a8.onnx")],
        ["predict", str(bundle), film, "--artifact", "onnx/w8a8"],
        ["doctor"],
    ):
        assert connections([CXREDGE, *command], surroundings) == [], command
        assert left(surroundings, "HOME") == set(), command
        assert left(surroundings, "TMPDIR") <= LEFT_BY_PYTORCH, command
