"""Read a ``.tflite`` back: dtypes of weights and activations from its flatbuffer, delegation from the interpreter."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from cxredge.errors import EnvironmentProblem
from cxredge.results import Census, Delegation

STORAGE = frozenset({"DEQUANTIZE"})
"""Operators that only unpack stored weights; XNNPACK folds them into the weights of its own operators."""


def inspect_tflite(path: Path) -> tuple[Census, Delegation]:
    """Census and delegation of the main subgraph. Raises EnvironmentProblem TARGET-LOAD."""
    try:
        return _census(path.read_bytes()), _delegation(path)
    except Exception as error:
        raise EnvironmentProblem(
            "TARGET-LOAD", f"{path} is not a readable .tflite: {error}", "build it again"
        ) from error


def _census(data: bytes) -> Census:
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    graph = model.subgraphs[0]
    kinds = {value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
    weights: Counter[str] = Counter()
    activations: Counter[str] = Counter()
    shared: set[int] = set()
    for tensor in graph.tensors:
        buffer = model.buffers[tensor.buffer]
        size = buffer.size if buffer.offset > 1 else 0 if buffer.data is None else len(buffer.data)
        if not size:
            activations[kinds[tensor.type]] += 1
        elif tensor.buffer not in shared:
            shared.add(tensor.buffer)
            weights[kinds[tensor.type]] += size
    signature = model.signatureDefs[0]

    def dtypes(entries: Any) -> dict[str, str]:  # noqa: ANN401 - TensorMapT list of the TFLite schema
        return {e.name.decode(): kinds[graph.tensors[e.tensorIndex].type] for e in entries}

    return Census(
        weight_bytes=dict(sorted(weights.items())),
        activations=dict(sorted(activations.items())),
        inputs=dtypes(signature.inputs),
        outputs=dtypes(signature.outputs),
    )


def _delegation(path: Path) -> Delegation:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain: Any = Interpreter(
        model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    plain.allocate_tensors()
    total = Counter(o["op_name"] for o in plain._get_ops_details())
    fast: Any = Interpreter(model_path=str(path), num_threads=1)
    fast.allocate_tensors()
    # the list keeps delegated operators, before the DELEGATE ones that took them; only the execution plan tells
    details = fast._get_ops_details()
    partitions = [o for o in details if o["op_name"] == "DELEGATE"]
    taken = {int(t) for o in partitions for t in o["outputs"]}
    return _left(plain, partitions, taken, total)


def _left(plain: Any, partitions: Any, taken: set[int], total: Counter[str]) -> Delegation:  # noqa: ANN401
    raise NotImplementedError
