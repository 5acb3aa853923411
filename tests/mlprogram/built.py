"""Packages made from scratch, field by field, so that each field can be made wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from cxredge.mlprogram.schema import DATA_TYPES, parse_model

NUMBERS = {name: number for number, name in DATA_TYPES.items()}
ROW = ("float32", (1, 4))


def empty() -> tuple[Any, Any, Any]:
    """A model, its main function and that function's block."""
    model = parse_model(b"")
    function = model.mlProgram.functions["main"]
    function.opset = "CoreML7"
    return model, function, function.block_specializations["CoreML7"]


def typed(message: Any, dtype: str, shape: tuple[int, ...]) -> Any:
    """Declare ``message``, a ValueType, as a tensor."""
    tensor = message.tensorType
    tensor.dataType, tensor.rank = NUMBERS[dtype], len(shape)
    for size in shape:
        tensor.dimensions.add().constant.size = size
    return message


def value(message: Any, given: Any) -> Any:
    """Fill a Value with a string, a bool, an int, a float, or a list of one of these."""
    values = given if isinstance(given, list) else [given]
    field, dtype = {
        str: ("strings", "string"), bool: ("bools", "bool"), int: ("ints", "int32"), float: ("floats", "float32"),
    }[type(values[0])]  # fmt: skip
    typed(message.type, dtype, (len(values),) if isinstance(given, list) else ())
    getattr(message.immediateValue.tensor, field).values.extend(values)
    return message


def const(block: Any, name: str, given: Any) -> Any:
    """Add a constant."""
    operation = block.operations.add(type="const")
    made = value(operation.attributes["val"], given)
    operation.outputs.add(name=name).type.CopyFrom(made.type)
    return operation


def node(
    block: Any, kind: str, arguments: dict[str, str], name: str = "y", dtype: str = ROW[0], shape: Any = ROW[1]
) -> Any:
    """Add an operator of one result."""
    operation = block.operations.add(type=kind)
    for key, text in arguments.items():
        operation.inputs[key].arguments.add().name = text
    typed(operation.outputs.add(name=name).type, dtype, shape)
    return operation


def relu() -> tuple[Any, Any, Any]:
    """y = relu(x) of four numbers."""
    model, function, block = empty()
    typed(function.inputs.add(name="x").type, *ROW)
    node(block, "relu", {"x": "x"})
    block.outputs.append("y")
    return model, function, block


def saved(model: Any, folder: Path, weights: bytes | None = None) -> Path:
    """Write the package; returns where."""
    place = folder / "built.mlpackage"
    inside = place / "Data" / "com.apple.CoreML"
    (inside / "weights").mkdir(parents=True, exist_ok=True)
    entry = {"id": {"path": "com.apple.CoreML/model.mlmodel"}}
    (place / "Manifest.json").write_text(json.dumps({"itemInfoEntries": entry, "rootModelIdentifier": "id"}))
    (inside / "model.mlmodel").write_bytes(model.SerializeToString())
    if weights is not None:
        (inside / "weights" / "weight.bin").write_bytes(weights)
    return place


def row(*values: float) -> np.ndarray:
    """An input for ``ROW``."""
    return np.array([values], np.float32)
