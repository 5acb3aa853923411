"""A program of one operator, made in memory: about a millisecond a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.mlprogram.graph import Constant, Graph, Node
from cxredge.mlprogram.program import Program
from cxredge.mlprogram.types import TensorType

Array = NDArray[Any]


def evaluate(
    kind: str,
    tensors: Mapping[str, Any],
    values: Mapping[str, Any] | None = None,
    results: Sequence[Any] = (),
    constants: Mapping[str, Any] | None = None,
    dtypes: Mapping[str, str] | None = None,
) -> list[Array]:
    """Results of the operator ``kind``, through a whole ``Program``.

    tensors: run-time arguments, an array or a list of them. constants: the same, as constants of the program (these may
    be infinite, an input may not). values: Python arguments; an int becomes int32, a float float32. results: declared
    type of each result, as a ``TensorType`` or as an array (the expected one) that has it. dtypes: declared dtype of an
    argument (or, by ``"0"``, ``"1"``, of a result) where it is not the array's own (int4 in int8, say).
    """
    spelled = dtypes or {}
    graph = Graph(Path("one.mlpackage"), "CoreML8", {}, tuple(f"out{i}" for i in range(len(results))))
    arguments: dict[str, tuple[str, ...]] = {}
    inputs: dict[str, Array] = {}
    for key, given in {**tensors, **(constants or {})}.items():
        names = []
        for i, array in enumerate(given if isinstance(given, (list, tuple)) else [given]):
            name = f"{key}_{i}"
            names.append(name)
            array = np.asarray(array)
            declared = TensorType(spelled.get(key, str(array.dtype)), array.shape)
            if key in tensors:
                graph.inputs[name], inputs[name] = declared, array
            else:
                graph.constants[name] = Constant(declared, array)
        arguments[key] = tuple(names)
    for key, value in (values or {}).items():
        graph.constants[key], arguments[key] = constant(value, spelled.get(key)), (key,)
    declared_results = [
        r if isinstance(r, TensorType) else TensorType(spelled.get(str(i), str(r.dtype)), r.shape)
        for i, r in enumerate(map(_array_or_type, results))
    ]
    graph.nodes.append(Node(kind, f"a_{kind}", arguments, tuple(zip(graph.outputs, declared_results, strict=True))))
    made = Program(graph)(inputs)
    return [made[name] for name in graph.outputs]


def constant(value: Any, dtype: str | None = None) -> Constant:
    """A constant as a converter writes it: a string, a boolean, int32 or float32, a scalar or a vector."""
    if isinstance(value, str):
        return Constant(TensorType("string", ()), value)
    array = np.asarray(value)
    if not isinstance(value, (np.ndarray, np.generic)):
        array = array.astype(
            {"i": np.int32, "f": np.float32 if array.size else np.int32, "b": np.bool_}[array.dtype.kind]
        )
    return Constant(TensorType(dtype or str(array.dtype), array.shape), array)


def _array_or_type(result: Any) -> Any:
    return result if isinstance(result, TensorType) else np.asarray(result)
