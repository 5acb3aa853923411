"""How many of our functions a reader opens on the way from ``cxredge build`` to each exporter's own call."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.command import Run
from support.tiny_recipe import TINY, write_weights

EXPORTERS = {
    "executorch": ("executorch/exir/program/_program.py", "to_edge_transform_and_lower"),
    "tflite": ("litert_torch/_convert/interface.py", "convert"),
    "coreml": ("coremltools/converters/_converters_entry.py", "convert"),
    "onnx": ("torch/onnx/__init__.py", "export"),
}
MOST = 8

# Python imports this file by its name at the start of every process: a worker then notes its stack when an exporter is
# called, and the build's own process notes where it is at that moment.
SPY = """
import json, os, sys, threading, time

FOLDER, EXPORTERS = os.environ["SPY_FOLDER"], json.loads(os.environ["SPY_EXPORTERS"])

def stack(frame):
    found = []
    while frame is not None:
        found.append([frame.f_code.co_filename, frame.f_code.co_name])
        frame = frame.f_back
    return found[::-1]

def note(name, frames):
    with open(f"{FOLDER}/{name}.part", "w") as file:
        json.dump(frames, file)
    os.replace(f"{FOLDER}/{name}.part", f"{FOLDER}/{name}.json")

def watch(frame, event, argument):
    if event == "call" and frame.f_code.co_name in NAMES:
        for target, (file, name) in EXPORTERS.items():
            own = frame.f_code.co_filename.endswith(file) and frame.f_code.co_name == name
            if own and not os.path.exists(f"{FOLDER}/{target}-worker.json"):
                note(f"{target}-worker", stack(frame.f_back))
                sys.setprofile(None)  # seen what there was to see; the rest need not be slow

NAMES = {name for _, name in EXPORTERS.values()}
os.register_at_fork(after_in_child=lambda: sys.setprofile(watch))

def beside():
    while True:
        for target in EXPORTERS:
            if os.path.exists(f"{FOLDER}/{target}-worker.json") and not os.path.exists(f"{FOLDER}/{target}-build.json"):
                note(f"{target}-build", stack(sys._current_frames()[threading.main_thread().ident]))
        time.sleep(0.02)

if sys.orig_argv[1].endswith("cxredge"):
    threading.Thread(target=beside, daemon=True).start()
"""


def ours(file: Path) -> list[str]:
    """Functions of the package in a stack, outermost first; comprehensions are no functions."""
    frames = json.loads(file.read_text())
    return [
        f"{name.rpartition('/cxredge/')[2]}:{function}"
        for name, function in frames
        if "/cxredge/" in name and not function.startswith("<")
    ]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or not Path("/proc").is_dir(), reason="workers are forked on Linux only")
def test_from_the_command_to_each_exporter_it_is_a_short_straight_walk(
    cxredge: Run, tiny_cache: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "zoo"
    folder.mkdir()
    text = TINY.format(digest=write_weights(folder / "weights.safetensors"))
    # one artifact a target, and a version of its own: whatever else was built from the same cache, these are new
    text = text.replace(
        "onnx: [fp32, w8a8], executorch: [fp32]", "onnx: [fp32], executorch: [fp32], tflite: [fp32], coreml: [fp32]"
    )
    (folder / "model.yaml").write_text(text.replace("version: 0.0.1", "version: 0.0.7"))
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(SPY)
    path = os.pathsep.join(filter(None, [str(spy), os.environ.get("PYTHONPATH")]))
    surroundings = {"PYTHONPATH": path, "SPY_FOLDER": spy, "SPY_EXPORTERS": json.dumps(EXPORTERS)}
    done = cxredge("build", folder, "--out", tmp_path / "dist", CXR_CACHE=tiny_cache, **surroundings)
    assert done.status == 0, done.err
    for target in EXPORTERS:
        build, worker = ours(spy / f"{target}-build.json"), ours(spy / f"{target}-worker.json")
        walk = [*build[build.index("cli/build.py:build") :], *worker]
        assert walk[0] == "cli/build.py:build"
        assert any(name.startswith(f"targets/{target}/") for name in walk), walk
        assert len(walk) <= MOST, f"{target}: {' -> '.join(walk)}"
