"""Files from anywhere: inspected, or refused by code, within bounds of time and memory."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from cxredge.errors import EnvironmentProblem, InputError
from cxredge.results import Inspection
from cxredge.targets.base import Target
from cxredge.trees import TooManyFiles, remove_tree
from cxredge.workflows import inspect as inspection
from cxredge.workflows.inspect import inspect_file
from support.bundles import V2
from support.deep_folder import deepen
from support.lowering import Lowered

FUZZ = """
import random, resource, signal, sys
from pathlib import Path
from cxredge.targets import get_target
# no runtime may load the file, and none is needed
for runtime in ("torch", "onnxruntime", "ai_edge_litert.interpreter", "executorch.extension", "executorch.exir"):
    sys.modules[runtime] = None
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
target, place, random, turns = get_target(sys.argv[1]), Path(sys.argv[2]), random.Random(5), int(sys.argv[3])
refused = read = 0
for file in sys.argv[4:]:
    whole = Path(file).read_bytes()
    target.read(Path(file))
    for turn in range(turns):
        data = bytearray(whole)
        if turn % 4 == 0:
            data = data[:random.randrange(len(data))]
        elif turn % 4 == 1:
            at = random.randrange(len(data) - 4)
            data[at : at + 4] = random.choice([b"\\xff" * 4, b"\\0" * 4, b"\\xff\\xff\\xff\\x7f"])
        else:
            # the structure lies at the ends, the weights between
            reach = min(3000, len(data))
            start = random.choice([0, len(data) - reach])
            for _ in range(random.randrange(1, 9)):
                data[start + random.randrange(reach)] = random.randrange(256)
        place.write_bytes(data)
        # a hang ends the process
        signal.alarm(300)
        try:
            target.read(place)
            read += 1
        except Exception:
            refused += 1
print(refused, read)
"""


@pytest.mark.parametrize("count", [480, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_are_refused_within_bounds(lowered: Lowered, count: int, tmp_path: Path) -> None:
    place = tmp_path / f"damaged{lowered.target.suffix}"
    files = [str(lowered.folder / a.file) for a in lowered.artifacts.values()]
    turns = -(-count // len(files))
    command = [sys.executable, "-c", FUZZ, lowered.target.name, str(place), str(turns), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    refused, read = map(int, done.stdout.split())
    print(f"{lowered.target.name}: {refused} damaged files refused, {read} read")
    assert refused + read == turns * len(files)
    assert refused > count / 4


def test_an_inspection_is_of_the_file(lowered: Lowered) -> None:
    for artifact in lowered.artifacts.values():
        found = inspect_file(lowered.folder / artifact.file)
        assert (found.file, found.format, found.bytes) == (artifact.file, lowered.target.name, artifact.bytes)
        assert (found.sha256, found.census) == (artifact.sha256, artifact.census)
        assert found.operations == lowered.target.read(lowered.folder / artifact.file).operations
        assert Inspection.model_validate_json(found.model_dump_json()) == found


def code(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        inspect_file(path)
    return caught.value.code


def test_refusals(lowered: Lowered, tmp_path: Path) -> None:
    suffix, whole = lowered.target.suffix, (lowered.folder / lowered.artifacts["fp32"].file).read_bytes()
    assert code(tmp_path / f"missing{suffix}") == "INSPECT-MISSING"
    (tmp_path / f"folder{suffix}").mkdir()
    assert code(tmp_path / f"folder{suffix}") == "INSPECT-MISSING"
    for name, data in (("empty", b""), ("text", b"not a model\n" * 99), ("cut", whole[: len(whole) * 9 // 10])):
        (tmp_path / f"{name}{suffix}").write_bytes(data)
        assert code(tmp_path / f"{name}{suffix}") == "INSPECT-FILE", name


def test_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "film.png").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        inspect_file(tmp_path / "film.png")
    assert caught.value.code == "INSPECT-FORMAT"
    assert {".pte", ".tflite", ".onnx"} <= set(caught.value.choices)


def test_a_bundle_names_its_model_files(tmp_path: Path) -> None:
    bundle = V2 / "bundle"
    with pytest.raises(InputError) as caught:
        inspect_file(bundle)
    assert caught.value.code == "INSPECT-FORMAT"
    assert "is a bundle" in caught.value.cause
    assert all(Path(choice).is_file() and Path(choice).is_relative_to(bundle) for choice in caught.value.choices)
    assert caught.value.choices
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="no model file"):
        inspect_file(tmp_path)


def bomb(copies: int) -> bytes:
    """A .tflite of a few bytes a copy that stands for ``copies`` squared tensors."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    builder = flatbuffers.Builder(64)

    def vector(start, offset: int) -> int:  # type: ignore[no-untyped-def]
        start(builder, copies)
        for _ in range(copies):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    schema.TensorStart(builder)
    tensors = vector(schema.SubGraphStartTensorsVector, schema.TensorEnd(builder))
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graphs = vector(schema.ModelStartSubgraphsVector, schema.SubGraphEnd(builder))
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def wide_onnx(shape: list[int]) -> bytes:
    """A ``.onnx`` whose only operator reads and makes tensors of this shape."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("in", "out")]
    graph = helper.make_graph([helper.make_node("Relu", ["in"], ["out"])], "graph", ends[:1], ends[1:])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


def wide_tflite(shape: list[int]) -> bytes:
    """A ``.tflite`` with one tensor of this shape, its input and output."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph, tensor = schema.ModelT(), schema.SubGraphT(), schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = b"in", shape, 0
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [tensor], [0], [0], []
    model.subgraphs, model.buffers, model.operatorCodes = [graph], [schema.BufferT()], []
    builder = flatbuffers.Builder(64)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("shape", [[2**62] * 300, [2**62] * 20, [2**31] * 3, [1] * 65, [0, *[2**62] * 2]])
def test_an_onnx_tensor_that_nothing_could_hold(shape: list[int], tmp_path: Path) -> None:
    (tmp_path / "wide.onnx").write_bytes(wide_onnx(shape))
    with pytest.raises(InputError, match="tensor in has") as caught:
        inspect_file(tmp_path / "wide.onnx")
    assert caught.value.code == "INSPECT-FILE"
    assert len(caught.value.cause) < 400


@pytest.mark.parametrize("shape", [[2**30] * 300, [2**30] * 20, [2**30] * 3, [1] * 65])
def test_a_tflite_tensor_that_nothing_could_hold(shape: list[int], tmp_path: Path) -> None:
    (tmp_path / "wide.tflite").write_bytes(wide_tflite(shape))
    with pytest.raises(InputError, match="tensor in has") as caught:
        inspect_file(tmp_path / "wide.tflite")
    assert caught.value.code == "INSPECT-FILE"


def test_a_large_tensor_is_inspected(tmp_path: Path) -> None:
    (tmp_path / "large.onnx").write_bytes(wide_onnx([2**31, 2**31]))
    assert inspect_file(tmp_path / "large.onnx").inputs[0].shape == (2**31, 2**31)
    (tmp_path / "large.tflite").write_bytes(wide_tflite([1] * 63 + [2**30]))
    assert inspect_file(tmp_path / "large.tflite").inputs[0].shape == (*[1] * 63, 2**30)


@pytest.mark.parametrize("answer", ["", "{}", "nothing", '{"file": "\\ud800"}', "9" * 5000])
def test_an_answer_that_is_none_is_the_files_fault(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnx.py").write_text(f"import os; print({answer!r}, flush=True); os._exit(0)")
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(sys.path)}")
    with pytest.raises(InputError, match="is no inspection") as caught:
        inspect_file(tmp_path / "model.onnx")
    assert caught.value.code == "INSPECT-FILE"


def test_a_parser_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "SECONDS", 3)
    (tmp_path / "bomb.tflite").write_bytes(bomb(20_000))
    with pytest.raises(InputError, match="not done after 3 s") as caught:
        inspect_file(tmp_path / "bomb.tflite")
    assert caught.value.code == "INSPECT-FILE"


def test_code_beside_the_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of downloads is no place to import from."""
    for name in ("onnx", "struct", "cxredge"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')")
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    monkeypatch.chdir(tmp_path)
    assert code(Path("model.onnx")) == "INSPECT-FILE"
    assert not (tmp_path / "ran").exists()


def test_a_parser_that_does_not_import_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "onnx.py").write_text("raise ImportError('broken on purpose')")
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(sys.path)}")
    with pytest.raises(EnvironmentProblem, match="broken on purpose") as caught:
        inspect_file(tmp_path / "model.onnx")
    assert caught.value.code == "INSPECT-PARSER"


class Package(Target):
    """A format whose files are folders."""

    name = "onnx"
    suffix = ".package.zip"
    folder_suffix = ".package"


def test_a_folder_too_deep_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "m.mlpackage"
    folder.mkdir()
    deepen(folder)
    try:
        with pytest.raises(TooManyFiles, match="more than 100 folders"):
            inspection._digest(folder)
    finally:
        remove_tree(folder)


def test_a_target_may_claim_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Package, "__abstractmethods__", frozenset())
    monkeypatch.setattr(inspection, "get_target", lambda name: Package())  # type: ignore[abstract]
    folder = tmp_path / "m.package"
    (folder / "Data").mkdir(parents=True)
    (folder / "Data" / "model").write_bytes(b"abc")
    (folder / "Manifest").write_bytes(b"{}")
    assert inspection._target_of(folder).folder_suffix == ".package"
    assert inspection._target_of(tmp_path / "m.package.zip").suffix == ".package.zip"
    lines = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in (("Data/model", b"abc"), ("Manifest", b"{}"))
    )
    assert inspection._digest(folder) == (hashlib.sha256(lines.encode()).hexdigest(), 5)
    (folder / "link").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="link is a link"):
        inspection._digest(folder)


SIZE = """
import resource, sys
from pathlib import Path
from cxredge.errors import InputError
from cxredge.workflows.inspect import inspect_file
try:
    inspect_file(Path(sys.argv[1]))
except InputError as error:
    # a process begins with its parent's peak in ru_maxrss (Linux keeps it over exec), so its own is read from /proc
    own = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    print(error.code, max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
"""


@pytest.mark.parametrize("name", ["m.onnx", "m.pte", "m.tflite", "m.mlpackage.zip", "m.mlpackage/Data/model.mlmodel"])
def test_what_is_too_large_is_not_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    with (tmp_path / name).open("wb") as stream:
        stream.truncate(8 << 30)
    place = tmp_path / Path(name).parts[0]
    done = subprocess.run([sys.executable, "-c", SIZE, place], capture_output=True, text=True, check=True)
    code, kilobytes = done.stdout.split()
    assert code == "INSPECT-SIZE"
    assert int(kilobytes) < 400_000
