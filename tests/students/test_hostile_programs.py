"""Programs that lie: pickles, Python in names, guards and sizes, operators that reach out, torn and swollen files.

Every one is a real file of ``torch.export.save`` with one thing in it changed.
"""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cxredge.errors import InputError
from cxredge.recipe_student import Normalise
from cxredge.students.program_file import MAX_BYTES, MAX_ENTRIES, read_program
from cxredge.students.program_student import ProgramStudent
from support.program_networks import SIDE, exported, network

MODEL = "archive/models/model.json"
WEIGHTS = "archive/data/weights/model_weights_config.json"
CONSTANTS = "archive/data/constants/model_constants_config.json"
Files = dict[str, bytes]
Tree = Any
SYMBOL = "Symbol('s77', positive=True, integer=True)"
WORDS = "__import__('os').system('touch {canary}')"


@pytest.fixture(scope="module")
def files() -> Files:
    """A program with a size that depends on the batch, a buffer and a constant."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.plain = network("constants")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            n, c, h, w = x.shape
            found: torch.Tensor = self.plain(x.view(n, 1, c * h, w).repeat(2, 1, 1, 1))[: 2 * n - n]
            return found

    buffer = io.BytesIO()
    torch.export.save(exported(Net().eval()), buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


def packed(files: Files, how: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_json(files: Files, name: str, edit: Callable[[Tree], None]) -> bytes:
    tree = json.loads(files[name])
    edit(tree)
    return packed({**files, name: json.dumps(tree).encode()})


def refused(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read_program(data, "it.pt2")
    assert caught.value.code.startswith("PROGRAM-")
    assert "\n" not in caught.value.cause
    return caught.value


class Calls:
    def __init__(self, words: str) -> None:
        self.words = words

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (self.words,)


def pickled(canary: Path) -> bytes:
    words = WORDS.format(canary=canary)
    buffer = io.BytesIO()
    torch.save(Calls(words), buffer)
    eval(pickle.loads(pickle.dumps(words)))
    assert canary.exists()
    canary.unlink()
    return buffer.getvalue()


def test_unchanged_it_runs(files: Files) -> None:
    program = read_program(packed(files), "it.pt2")
    student = ProgramStudent(Normalise(), program, program.outputs)
    for count in (1, 3):
        assert student(torch.rand(count, 1, SIDE, SIDE))["0"].shape == (count, 2)


@pytest.mark.parametrize("config", [WEIGHTS, CONSTANTS])
def test_pickled_tensors(files: Files, canary: Path, config: str) -> None:
    tree = json.loads(files[config])
    record = next(iter(tree["config"].values()))
    record["use_pickle"] = True
    place = config.rpartition("/")[0] + "/" + record["path_name"]
    error = refused(packed({**files, config: json.dumps(tree).encode(), place: pickled(canary)}))
    assert error.code == "PROGRAM-UNFIT"
    assert not canary.exists()


@pytest.mark.parametrize(
    "name", ["archive/data/sample_inputs/model.pt", "archive/data/weights/model.pt", "archive/data/constants/model.pt"]
)
def test_pickles_beside(files: Files, canary: Path, name: str) -> None:
    """What nothing needs is not even looked at."""
    read_program(packed({**files, name: pickled(canary)}), "it.pt2")
    assert not canary.exists()


@pytest.mark.parametrize("beginning", ["custom_obj_", "opaque_obj_", "weight_"])
def test_objects_among_constants(files: Files, canary: Path, beginning: str) -> None:
    tree = json.loads(files[CONSTANTS])
    next(iter(tree["config"].values()))["path_name"] = f"{beginning}0"
    place = f"archive/data/constants/{beginning}0"
    assert refused(packed({**files, CONSTANTS: json.dumps(tree).encode(), place: pickled(canary)})).code == (
        "PROGRAM-UNFIT"
    )
    assert not canary.exists()


def test_guards_are_not_evaluated(files: Files, canary: Path) -> None:
    def edit(tree: Tree) -> None:
        tree["guards_code"] = [WORDS.format(canary=canary), f"L['x'] and {WORDS.format(canary=canary)}"]

    program = read_program(with_json(files, MODEL, edit), "it.pt2")
    ProgramStudent(Normalise(), program, program.outputs)(torch.rand(1, 1, SIDE, SIDE))
    assert not canary.exists()


def expressions(tree: Tree) -> list[Tree]:
    """Every record of a symbolic size."""
    if isinstance(tree, dict):
        here = [tree] if "expr_str" in tree else []
        return here + [found for value in tree.values() for found in expressions(value)]
    return [found for value in tree for found in expressions(value)] if isinstance(tree, list) else []


@pytest.mark.parametrize(
    "words",
    [
        WORDS,
        f"{SYMBOL}.__class__",
        f"{SYMBOL}**9**9**9",
        f"Pow({SYMBOL}, Integer(999999999))",
        f"Symbol('{WORDS}', positive=True, integer=True)",
        "Symbol('s1', positive=True, integer=True, cls=print)",
        "Integer(999999999999)",
        "Mod(Integer(1), Integer(0))",
        "Integer" * 100,
        "1" * 298 + "!",
        "(" * 999,
        "(" * 999 + "!",
        f"Mul({SYMBOL}, " * 20 + "!",
        f"{SYMBOL}({SYMBOL})",
        "",
        "lambda: 0",
        "s0\n",
    ],
)
def test_sizes_are_no_python(files: Files, canary: Path, words: str) -> None:
    def edit(tree: Tree) -> None:
        found = expressions(tree)
        assert found
        for record in found:
            record["expr_str"] = words.replace("{canary}", str(canary))

    refused(with_json(files, MODEL, edit))
    assert not canary.exists()


BREAKS = ["x): import os", "a\nimport os", "a'", "__import__('os')", "1x", "a b", "é", "", "a" * 300, "../x", "a;b"]


def renamed(data: bytes, old: str, new: str) -> bytes:
    return data.replace(json.dumps(old).encode(), json.dumps(new).encode())


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("old", ["x", "relu", "p_plain_classifier_weight", "plain.classifier.weight"])
def test_names_that_break_out(files: Files, old: str, name: str) -> None:
    """Of the input, of an operator's output, of a parameter: in all places at once, so that they still fit."""
    assert json.dumps(old).encode() in files[MODEL] or old == "relu"
    if (old, name) == ("plain.classifier.weight", "1x"):
        return  # a parameter's name is no Python: those of nn.Sequential begin with digits
    edited = {**files, MODEL: renamed(renamed(files[MODEL], old, name), old + "_", name)}
    refused(packed({**edited, WEIGHTS: renamed(files[WEIGHTS], old, name)}))


@pytest.mark.parametrize("name", [word for word in BREAKS if word not in ("", "1x")])
def test_module_names_that_break_out(files: Files, name: str) -> None:
    def call(tree: Tree) -> None:
        tree["graph_module"]["module_call_graph"][1]["fqn"] = name

    refused(with_json(files, MODEL, call))

    def stack(tree: Tree) -> None:
        for node in tree["graph_module"]["graph"]["nodes"]:
            node["metadata"]["nn_module_stack"] = f"L__self__,,torch.nn.Module;{name},{name},torch.nn.Module"

    # modules are not needed to compute: operators in names that are none are the network's own
    program = read_program(with_json(files, MODEL, stack), "it.pt2")
    student = ProgramStudent(Normalise(), program, program.outputs)
    assert student(torch.rand(1, 1, SIDE, SIDE))["0"].shape == (1, 2)
    assert not any(name in other for other, _ in student.named_modules())


TARGETS = [
    "torch.ops.aten.from_file.default",
    "torch.ops.aten.rand.default",
    "torch.ops.aten.set_.source_Storage",
    "torch.ops.aten.resize_.default",
    "torch.ops.aten.mul.__class__",
    "torch.ops.aten.mul.overloads",
    "torch.ops.aten.mul",
    "torch.ops.aten.mul.None",
    "torch.ops.aten._foobar.default",
    "torch.ops.prim.device.default",
    "torch.ops.prims.add.default",
    "torch.ops.higher_order.cond",
    "torch.ops.higher_order.wrap_with_set_grad_enabled",
    "torch.ops.loaded_libraries.clear",
    "torch.ops.quantized.linear.default",
    "torch.ops.load_library",
    "torch.load",
    "torch.hub.load",
    "torch.sym_int",
    "torch.ops.aten.add.Tensor\nimport os",
    "torch.ops.aten.mul.Tensor.__init__",
    "_operator.attrgetter",
    "_operator.pow",
    "_operator.methodcaller",
    "_operator.add.__self__.__import__",
    "builtins.eval",
    "os.system",
    "",
    "#hop_dispatch",
]


@pytest.mark.parametrize("target", TARGETS)
def test_operators_off_the_list(files: Files, target: str) -> None:
    def edit(tree: Tree) -> None:
        node = next(n for n in tree["graph_module"]["graph"]["nodes"] if n["target"] == "torch.ops.aten.mul.Tensor")
        node["target"] = target

    error = refused(with_json(files, MODEL, edit))
    assert error.code in ("PROGRAM-OPERATOR", "PROGRAM-DAMAGED")
    if error.code == "PROGRAM-OPERATOR" and target:
        assert "in module plain at program_networks.py:" in error.cause


ARGUMENTS: list[tuple[str, Tree]] = [
    ("as_operator", "os.system"),
    ("as_custom_obj", {"name": "x", "class_fqn": "os.system"}),
    ("as_graph", {"name": "g", "graph": {}}),
    ("as_complex", {"real": 1.0, "imag": 1.0}),
    ("as_string", "__import__('os')"),
    ("as_string", "a" * 80),
    ("as_nothing", 1),
    ("as_device", {"type": "cuda", "index": 0}),
    ("as_device", {"type": "cpu;import os", "index": None}),
    ("as_tensor", {"name": "x): import os"}),
    ("as_tensor", {"name": "nobody"}),
    ("as_int", 2**70),
    ("as_floats", ["a"]),
    ("as_sym_float", {"as_float": 1.0}),
]


@pytest.mark.parametrize(("kind", "value"), ARGUMENTS)
def test_arguments(files: Files, kind: str, value: Tree) -> None:
    def edit(tree: Tree) -> None:
        node = next(n for n in tree["graph_module"]["graph"]["nodes"] if n["target"] == "torch.ops.aten.mul.Tensor")
        node["inputs"][1]["arg"] = {kind: value}

    data = with_json(files, MODEL, edit)
    try:
        program = read_program(data, "it.pt2")
    except InputError as error:
        assert error.code.startswith("PROGRAM-")
        return
    with pytest.raises((RuntimeError, TypeError, ValueError, OverflowError)):
        ProgramStudent(Normalise(), program, program.outputs)(torch.rand(1, 1, SIDE, SIDE))


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": [{"as_int": 1 << 30}, {"as_int": 8}]},
        {"sizes": [{"as_int": -2}, {"as_int": 8}]},
        {"sizes": [{"as_int": 2}, {"as_int": 1 << 62}]},
        {"sizes": [{"as_int": 2**70}, {"as_int": 8}]},
        {"sizes": [{"as_int": "2"}, {"as_int": 8}]},
        {"sizes": [{"as_expr": {"expr_str": "s0", "hint": None}}, {"as_int": 8}]},
        {"strides": [{"as_int": -8}, {"as_int": 1}]},
        {"strides": [{"as_int": 1 << 39}, {"as_int": 1 << 39}]},
        {"strides": [{"as_int": 8}]},
        {"storage_offset": {"as_int": 9}},
        {"storage_offset": {"as_int": -1}},
        {"storage_offset": {"as_int": 1 << 39}},
        {"dtype": 9999},
        {"dtype": 8},
        {"device": {"type": "cuda", "index": 0}},
        {"device": {"type": "meta", "index": None}},
    ],
)
def test_tensors_out_of_bounds(files: Files, change: Tree) -> None:
    def edit(tree: Tree) -> None:
        tree["config"]["plain.classifier.weight"]["tensor_meta"].update(change)

    refused(with_json(files, WEIGHTS, edit))


def test_tensors_that_are_not_there(files: Files) -> None:
    def drop(tree: Tree) -> None:
        del tree["config"]["plain.classifier.weight"]

    refused(with_json(files, WEIGHTS, drop))

    def astray(tree: Tree) -> None:
        tree["config"]["plain.classifier.weight"]["path_name"] = "weight_../../etc"

    refused(with_json(files, WEIGHTS, astray))
    config = json.loads(files[WEIGHTS])["config"]
    place = "archive/data/weights/" + config["plain.classifier.weight"]["path_name"]
    for held in (b"", files[place][:-1], files[place][:4]):
        refused(packed({**files, place: held}))
    refused(packed({name: data for name, data in files.items() if name != place}))


def test_forms_of_the_archive(files: Files) -> None:
    refused(b"")
    refused(b"PK\x03\x04")
    assert "compressed" in refused(packed(files, zipfile.ZIP_DEFLATED)).cause
    assert "two programs" in refused(packed({**files, "other/models/model.json": files[MODEL]})).cause
    buffer = io.BytesIO(packed(files))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(MODEL, files[MODEL])
    assert "two names" in refused(buffer.getvalue()).cause
    assert str(MAX_ENTRIES)[:2] in refused(packed({f"a/{i}": b"" for i in range(MAX_ENTRIES + 1)})).cause
    whole = packed(files)
    for end in (len(whole) - 1, len(whole) // 2, 100):
        refused(whole[:end])
    assert refused(packed({n: d for n, d in files.items() if n != MODEL})).code == "PROGRAM-DAMAGED"


def test_an_archive_that_says_it_is_huge(files: Files) -> None:
    """Its directory tells a size, and nothing is unpacked to see."""
    data = bytearray(packed({**files, "archive/extra/huge": b"x"}))
    place = data.rindex(b"archive/extra/huge") - 46
    assert data[place : place + 4] == b"PK\x01\x02"
    data[place + 24 : place + 28] = (MAX_BYTES + 1).to_bytes(4, "little")
    assert f"{MAX_BYTES:,}" in refused(bytes(data)).cause


def test_names_that_lead_elsewhere(files: Files, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    extra = {"archive/../../x": b"x", "/etc/x": b"x", "archive/extra/..": b"x"}
    read_program(packed({**files, **extra}), "it.pt2")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": {"major": 99, "minor": 0}, "torch_version": "9.9.0"}, "torch 9.9.0, in version 99"),
        ({"schema_version": {"major": None, "minor": 0}}, "version None"),
        ({"schema_version": 8}, "is no whole program"),
        ({"opset_version": {"aten": 99}}, "another set of operators"),
        ({"opset_version": {"aten": 10, "mine": 1}}, "another set of operators"),
        ({"torch_version": 3, "opset_version": {}}, "another set of operators"),
    ],
)
def test_other_versions(files: Files, change: Tree, said: str) -> None:
    error = refused(with_json(files, MODEL, lambda tree: tree.update(change)))
    assert error.code == ("PROGRAM-VERSION" if "whole" not in said else "PROGRAM-DAMAGED")
    assert said in error.cause


def test_other_machines_and_old_torch(files: Files) -> None:
    error = refused(packed({**files, "archive/byteorder": b"big"}))
    assert (error.code, "order of bytes" in error.cause) == ("PROGRAM-VERSION", True)
    error = refused(packed({"version": b"8.7", "serialized_exported_program.json": b"{}"}))
    assert (error.code, "2.7 or older" in error.cause) == ("PROGRAM-VERSION", True)


@pytest.mark.parametrize(
    "words", [b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"nul", b"NaN", b"\xff", b"9" * 5000, b"[]", b"3"]
)
def test_json_of_other_forms(files: Files, words: bytes) -> None:
    for name in (MODEL, WEIGHTS, CONSTANTS):
        refused(packed({**files, name: words}))


def test_no_limit_is_passed(files: Files) -> None:
    def nodes(tree: Tree) -> None:
        graph = tree["graph_module"]["graph"]
        graph["nodes"] = graph["nodes"] + graph["nodes"][-1:] * 20_001

    assert "20,000 are read" in refused(with_json(files, MODEL, nodes)).cause

    def objects(tree: Tree) -> None:
        tree["graph_module"]["graph"]["custom_obj_values"] = {"x": {"name": "x", "class_fqn": "os.system"}}

    assert "objects" in refused(with_json(files, MODEL, objects)).cause


def places(tree: Tree, found: list[tuple[Tree, Any]]) -> list[tuple[Tree, Any]]:
    """Every value of a tree, by what holds it."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        found.append((tree, key))
        places(value, found)
    return found


VALUES: list[Tree] = [
    None, True, -1, 0, 7, 2**31, 2**63, 1.5, "", "x", "relu", "as_int", "parameter", "s0", [], {}, [1], {"as_int": -1},
    {"as_none": True}, {"as_tensor": {"name": "x"}}, {"as_sym_int": {"as_int": 3}}, "torch.ops.aten.add.Tensor",
]  # fmt: skip


def survives(data: bytes) -> str:
    """What came of it: a code, or what running it ends in."""
    try:
        program = read_program(data, "it.pt2")
        names = program.outputs
    except InputError as error:
        assert error.code.startswith("PROGRAM-")
        return error.code
    try:
        with torch.no_grad():
            ProgramStudent(Normalise(), program, names)(torch.rand(2, 1, SIDE, SIDE))
    except Exception as error:
        return type(error).__name__
    return "runs"


def mutated(files: Files, seed: int) -> bytes:
    choose = random.Random(seed)
    if seed % 4 == 3:
        data = bytearray(packed(files))
        for _ in range(choose.choice((1, 3, 40))):
            data[choose.randrange(len(data))] = choose.randrange(256)
        return bytes(data)
    name = (MODEL, MODEL, WEIGHTS)[seed % 4]
    tree = json.loads(files[name])
    for _ in range(choose.choice((1, 1, 2, 5))):
        holder, key = choose.choice(places(tree, []))
        action = choose.randrange(4)
        if action == 0 and isinstance(holder, dict):
            del holder[key]
        elif action == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(choose.choice(holder)))
        elif action == 2:
            holder[key] = copy.deepcopy(choose.choice([h[k] for h, k in places(tree, [])]))
        else:
            holder[key] = copy.deepcopy(choose.choice(VALUES))
    return packed({**files, name: json.dumps(tree).encode()})


@pytest.mark.parametrize(
    "seeds", [range(120), pytest.param(range(120, 400), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_mutants(files: Files, seeds: range) -> None:
    ends = [survives(mutated(files, seed)) for seed in seeds]
    assert sum(end.startswith("PROGRAM-") for end in ends) > len(ends) // 4
    assert not os.path.exists("canary")
