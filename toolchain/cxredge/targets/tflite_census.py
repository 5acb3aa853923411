"""Read a ``.tflite`` back: dtypes of weights and activations from its flatbuffer, delegation from the interpreter."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from cxredge.errors import EnvironmentProblem
from cxredge.results import Census, Delegation


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

    def dtypes(entries: Any) -> dict[str, str]:
        return {e.name.decode(): kinds[graph.tensors[e.tensorIndex].type] for e in entries}

    return Census(
        weight_bytes=dict(sorted(weights.items())),
        activations=dict(sorted(activations.items())),
        inputs=dtypes(signature.inputs),
        outputs=dtypes(signature.outputs),
    )


def _delegation(path: Path) -> Delegation:
    """Which operators XNNPACK took, from the interpreter that LiteRT makes by default.

    Its list names every operator and, behind them, one DELEGATE for each partition. A partition took what its outputs
    are computed from, back to its inputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter: Any = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    details: list[Any] = interpreter._get_ops_details()
    operators = [o for o in details if o["op_name"] != "DELEGATE"]
    partitions = [o for o in details if o["op_name"] == "DELEGATE"]
    maker = {int(t): number for number, o in enumerate(operators) for t in o["outputs"]}
    taken: set[int] = set()
    for partition in partitions:
        given = {int(t) for t in partition["inputs"]}
        wanted = [int(t) for t in partition["outputs"]]
        while wanted:
            number = maker.get(tensor) if (tensor := wanted.pop()) not in given else None
            if number is not None and number not in taken:
                taken.add(number)
                wanted.extend(int(t) for t in operators[number]["inputs"])
    left = Counter(o["op_name"] for number, o in enumerate(operators) if number not in taken)
    return Delegation(
        delegate="XNNPACK",
        partitions=len(partitions),
        delegated=len(taken),
        total=len(operators),
        left=dict(sorted(left.items())),
    )
