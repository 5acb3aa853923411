"""Reading a program: what it declares, and every lie about it that can be told."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.mlprogram import graph, load, read_graph
from cxredge.mlprogram.types import MAX_ELEMENTS, MAX_RANK, TensorType
from mlprogram.built import NUMBERS, const, empty, node, relu, row, saved, typed, value
from mlprogram.test_weights import file

Change = Callable[[Any, Any, Any], Any]


def code(model: Any, folder: Path, weights: bytes | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_graph(saved(model, folder, weights))
    return caught.value.code.removeprefix("MLPROGRAM-")


def test_what_a_program_declares(tmp_path: Path) -> None:
    model, _, block = relu()
    const(block, "unused", [1, 2, 3])
    made = read_graph(saved(model, tmp_path))
    assert made.opset == "CoreML7"
    assert made.inputs == {"x": TensorType("float32", (1, 4))}
    assert made.outputs == ("y",)
    assert made.nodes == [graph.Node("relu", "y", {"x": ("x",)}, (("y", TensorType("float32", (1, 4))),))]
    assert made.constants["unused"].value.tolist() == [1, 2, 3]  # type: ignore[union-attr]
    assert made.types()["unused"] == TensorType("int32", (3,))


def test_constants_in_place_of_an_argument_get_names(tmp_path: Path) -> None:
    model, _, block = relu()
    del block.operations[:]
    operation = node(block, "leaky_relu", {"x": "x"})
    value(operation.inputs["alpha"].arguments.add().value, 0.5)
    value(operation.attributes["name"], "named")
    made = read_graph(saved(model, tmp_path))
    assert made.nodes[0].name == "named"
    assert made.constants["y.alpha.0"].value == 0.5
    assert load(saved(model, tmp_path))({"x": row(-2, -1, 0, 1)})["y"].tolist() == [[-1, -0.5, 0, 1]]


def blob(block: Any, dtype: str, shape: tuple[int, ...], offset: int = 64, name: str = "weights/weight.bin") -> None:
    operation = block.operations.add(type="const")
    made = operation.attributes["val"]
    typed(made.type, dtype, shape)
    made.blobFileValue.fileName, made.blobFileValue.offset = f"@model_path/{name}", offset
    operation.outputs.add(name="w").type.CopyFrom(made.type)


def test_constants_of_the_weights_file(tmp_path: Path) -> None:
    model, _, block = relu()
    blob(block, "float32", (2, 2))
    made = read_graph(saved(model, tmp_path, bytes(file()))).constants["w"]
    np.testing.assert_array_equal(made.value, np.ones((2, 2), np.float32))
    assert made.blob == "@model_path/weights/weight.bin@64"


@pytest.mark.parametrize("name", ["../../../x", "weights/../../../x", "/etc/passwd", "a\\b", "absent", "", "a\nb"])
def test_weights_outside_the_package(name: str, tmp_path: Path) -> None:
    model, _, block = relu()
    blob(block, "float32", (2, 2), name=name)
    assert code(model, tmp_path, bytes(file())) == "PACKAGE"


def test_weights_that_are_not_below_the_model(tmp_path: Path) -> None:
    model, _, block = relu()
    blob(block, "float32", (2, 2))
    block.operations[-1].attributes["val"].blobFileValue.fileName = "weights/weight.bin"
    assert code(model, tmp_path, bytes(file())) == "SYNTAX"


@pytest.mark.parametrize(("dtype", "shape"), [("float32", (5,)), ("float16", (2, 2)), ("uint1", (128,))])
def test_weights_of_another_type(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    model, _, block = relu()
    blob(block, dtype, shape)
    assert code(model, tmp_path, bytes(file())) == "WEIGHTS"


def input_type(function: Any) -> Any:
    return function.inputs[0].type.tensorType


def retyped(dtype: str, shape: tuple[int, ...] = (1, 4)) -> Change:
    def change(_: Any, function: Any, __: Any) -> None:
        function.inputs[0].type.Clear()
        typed(function.inputs[0].type, dtype, shape)

    return change


def constant(given: Any, **lies: Any) -> Change:
    """A constant whose declared dtype or shape, in both of the places that declare it, is a lie."""

    def change(_: Any, __: Any, block: Any) -> None:
        operation = const(block, "c", given)
        declared = operation.attributes["val"].type
        dtype = lies.get("dtype") or next(n for n, k in NUMBERS.items() if k == declared.tensorType.dataType)
        declared.Clear()
        typed(declared, dtype, lies.get("shape", ()))
        operation.outputs[0].type.CopyFrom(declared)

    return change


LIES: list[tuple[str, str, Change]] = [
    ("no program", "SYNTAX", lambda m, f, b: m.ClearField("mlProgram")),
    ("no block", "SYNTAX", lambda m, f, b: f.__setattr__("opset", "CoreML9")),
    ("no output", "SYNTAX", lambda m, f, b: b.ClearField("outputs")),
    ("an output twice", "SYNTAX", lambda m, f, b: b.outputs.append("y")),
    ("an output of nothing", "SYNTAX", lambda m, f, b: b.outputs.append("z")),
    ("an input twice", "SYNTAX", lambda m, f, b: f.inputs.add().CopyFrom(f.inputs[0])),
    ("a result twice", "SYNTAX", lambda m, f, b: node(b, "relu", {"x": "x"})),
    ("a result as an input", "SYNTAX", lambda m, f, b: node(b, "relu", {"x": "x"}, "x")),
    ("a constant twice", "SYNTAX", lambda m, f, b: [const(b, "c", 1), const(b, "c", 2)]),
    ("a cycle", "SYNTAX", lambda m, f, b: [node(b, "relu", {"x": "q"}, "p"), node(b, "relu", {"x": "p"}, "q")]),
    ("an argument of itself", "SYNTAX", lambda m, f, b: node(b, "relu", {"x": "z"}, "z")),
    ("no result", "SYNTAX", lambda m, f, b: b.operations[0].ClearField("outputs")),
    ("no name", "SYNTAX", lambda m, f, b: node(b, "relu", {"x": "x"}, "")),
    ("no kind", "SYNTAX", lambda m, f, b: node(b, "", {"x": "x"}, "z")),
    ("an escape in a name", "SYNTAX", lambda m, f, b: node(b, "relu", {"x": "x"}, "\x1b[2J")),
    ("a name of a megabyte", "SYNTAX", lambda m, f, b: node(b, "relu", {"x": "x"}, "z" * (1 << 20))),
    ("a const without a value", "SYNTAX", lambda m, f, b: b.operations.add(type="const")),
    ("an argument twice", "SYNTAX", lambda m, f, b: value(b.operations[0].attributes["x"], 1.0)),
    ("an argument of nothing", "TYPE", lambda m, f, b: b.operations[0].inputs["y"].arguments.add()),
    ("no type", "TYPE", lambda m, f, b: f.inputs[0].ClearField("type")),
    ("a list", "TYPE", lambda m, f, b: f.inputs[0].type.listType.SetInParent()),
    ("a state", "TYPE", lambda m, f, b: f.inputs[0].type.stateType.SetInParent()),
    ("no such dtype", "TYPE", lambda m, f, b: input_type(f).__setattr__("dataType", 99)),
    ("another rank", "TYPE", lambda m, f, b: input_type(f).__setattr__("rank", 3)),
    ("a negative rank", "TYPE", lambda m, f, b: input_type(f).__setattr__("rank", -1)),
    ("a flexible axis", "TYPE", lambda m, f, b: input_type(f).dimensions[0].unknown.SetInParent()),
    ("an axis of nothing", "TYPE", lambda m, f, b: input_type(f).dimensions[0].ClearField("constant")),
    *((f"input {d}", "TYPE", retyped(d)) for d in ("float64", "int64", "int4", "uint6", "string", "float8e5m2")),
    ("an empty input", "TYPE", retyped("float32", (0, 4))),
    ("an empty input that is large", "SIZE", retyped("float32", (0, 1 << 63))),
    ("too many axes", "SIZE", retyped("float32", (1,) * (MAX_RANK + 1))),
    ("very many axes", "SIZE", retyped("float32", ((1 << 64) - 1,) * 100_000)),
    ("too many elements", "SIZE", retyped("float32", (MAX_ELEMENTS, 2))),
    ("more elements than 64 bits count", "SIZE", retyped("float32", ((1 << 64) - 1,) * 9)),
    ("a short constant", "TYPE", constant([1, 2], shape=(3,))),
    ("a long constant", "TYPE", constant([1, 2, 3], shape=(2,))),
    ("an empty constant", "TYPE", constant([1], shape=(0,))),
    ("ints as floats", "TYPE", constant([1, 2], shape=(2,), dtype="float32")),
    ("floats as ints", "TYPE", constant([1.0, 2.0], shape=(2,), dtype="int32")),
    ("ints that are too large", "TYPE", constant([1, 70_000], shape=(2,), dtype="int16")),
    ("ints that are negative", "TYPE", constant([1, -1], shape=(2,), dtype="uint16")),
    ("ints as bytes", "TYPE", constant([1, 2], shape=(2,), dtype="int8")),
    ("a string as a number", "TYPE", constant("a", dtype="int32")),
    ("two strings", "TYPE", constant(["a", "b"], shape=(2,))),
    ("a constant of no dtype", "TYPE", constant(1, dtype="bfloat16")),
    ("a constant as an output", "TYPE", lambda m, f, b: [const(b, "s", "text"), b.outputs.append("s")]),
    ("a constant of two types", "TYPE", lambda m, f, b: typed(const(b, "c", 1).outputs[0].type, "bool", ())),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "change"), [lie[1:] for lie in LIES], ids=[lie[0] for lie in LIES])
def test_lies(expected: str, change: Change, tmp_path: Path) -> None:
    made = relu()
    change(*made)
    assert code(made[0], tmp_path) == expected


def test_too_many_operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MAX_OPERATIONS", 3)
    model, _, block = relu()
    for i in range(3):
        const(block, f"c{i}", 1)
    assert code(model, tmp_path) == "SIZE"


def test_constants_that_are_too_large_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One blob named often costs nothing in the file."""
    monkeypatch.setattr(graph, "MAX_ALIVE", 9)
    model, _, block = relu()
    for i in range(3):
        blob(block, "float32", (2, 2))
        block.operations[-1].outputs[0].name = f"w{i}"
    assert code(model, tmp_path, bytes(file())) == "SIZE"


def test_dtypes_in_the_model_itself(tmp_path: Path) -> None:
    model, _, block = empty()
    for name, form, numbers in (("float16", "<2e", (0.5, -2)), ("int8", "<2b", (-1, 127)), ("uint32", "<2I", (1, 2))):
        operation = const(block, name, [0])
        made = operation.attributes["val"]
        made.immediateValue.tensor.Clear()
        made.immediateValue.tensor.bytes.values = struct.pack(form, *numbers)
        made.type.Clear()
        operation.outputs[0].type.CopyFrom(typed(made.type, name, (2,)))
    block.outputs.append("int8")
    constants = read_graph(saved(model, tmp_path)).constants
    assert {name: c.value.tolist() for name, c in constants.items()} == {  # type: ignore[union-attr]
        "float16": [0.5, -2], "int8": [-1, 127], "uint32": [1, 2],
    }  # fmt: skip
