"""Read a ``.pte`` back: which dtypes its tensors have, inside XNNPACK's delegates too, and what runs outside them."""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from cxredge.errors import EnvironmentProblem
from cxredge.outputs import OUTPUT_NAMES
from cxredge.results import Census, Delegation

DTYPES = {
    "fp32": "float32",
    "pfp32": "float32",
    "fp16": "float16",
    "bf16": "bfloat16",
    "qint8": "int8",
    "qcint8": "int8",
    "qdint8": "int8",
    "qpint8": "int8",
    "quint8": "uint8",
    "qint32": "int32",
    "qcint32": "int32",
    "int32": "int32",
    "qcint4": "int4",
    "qbint4": "int4",
}
"""XNNPACK's ``xnn_datatype_*`` by the width and kind of the stored numbers."""
CONSTANT_OF_FLOAT = "float32"


def inspect_pte(path: Path) -> tuple[Census, Delegation]:
    """Census and delegation of the ``forward`` method, from the file's bytes alone.

    Delegated operators are the nodes of XNNPACK's serialised graphs; the others are the kernels that the program calls.
    Raises EnvironmentProblem TARGET-LOAD when the file cannot be parsed.
    """
    from executorch.exir._serialize._program import deserialize_pte_binary

    try:
        parsed = deserialize_pte_binary(path.read_bytes())
        program = parsed.program
        (plan,) = (p for p in program.execution_plan if p.name == "forward")
    except Exception as error:
        raise EnvironmentProblem("TARGET-LOAD", f"{path} is not a readable .pte: {error}", "build it again") from error

    weights: Counter[str] = Counter()
    activations: Counter[str] = Counter()
    for value in plan.values:
        tensor = value.val
        if type(tensor).__name__ == "Tensor":
            dtype = tensor.scalar_type.name.lower().replace("float", "float32")
            if tensor.data_buffer_idx:
                weights[dtype] += math.prod(tensor.sizes) * _WIDTH.get(dtype, 4)
            else:
                activations[dtype] += 1
    delegated = 0
    for delegate in plan.delegates:
        graph = _graph(program.backend_delegate_data[delegate.processed.index].data)
        delegated += len(graph["xnodes"])
        _count(graph, weights, activations)
    calls = [i.instr_args for chain in plan.chains for i in chain.instructions]
    left = Counter(plan.operators[c.op_index].name for c in calls if type(c).__name__ == "KernelCall")
    dtypes = [plan.values[i].val.scalar_type.name.lower().replace("float", "float32") for i in plan.outputs]
    census = Census(
        weight_bytes=dict(sorted(weights.items())),
        activations=dict(sorted(activations.items())),
        inputs={"image": plan.values[plan.inputs[0]].val.scalar_type.name.lower().replace("float", "float32")},
        outputs=dict(zip(OUTPUT_NAMES, dtypes, strict=True)),
    )
    return census, Delegation(
        delegate="XNNPACK",
        partitions=len(plan.delegates),
        delegated=delegated,
        total=delegated + sum(left.values()),
        left=dict(sorted(left.items())),
    )


_WIDTH = {"byte": 1, "char": 1, "bool": 1, "half": 2, "short": 2, "int": 4, "float32": 4, "long": 8, "double": 8}


def _graph(blob: bytes) -> dict[str, Any]:
    """The XNNGraph of one delegate: a header that says where the flatbuffer lies, then the flatbuffer.

    ``flatc`` and the schema both come with executorch, so what is read is what its runtime reads.
    """
    from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import XNNHeader
    from executorch.exir._serialize._flatbuffer import _run_flatc

    header = XNNHeader.from_bytes(bytes(blob)[: XNNHeader.EXPECTED_LENGTH])
    start = header.flatbuffer_offset
    schema = package_files("executorch.backends.xnnpack.serialization").joinpath("schema.fbs").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "schema.fbs").write_bytes(schema)
        (Path(folder) / "graph.bin").write_bytes(blob[start : start + header.flatbuffer_size])
        arguments = ["--json", "--strict-json", "--raw-binary", "--defaults-json", "-o", folder]
        _run_flatc([*arguments, f"{folder}/schema.fbs", "--", f"{folder}/graph.bin"])
        graph: dict[str, Any] = json.loads((Path(folder) / "graph.json").read_text())
    return graph


def _count(graph: Mapping[str, Any], weights: Counter[str], activations: Counter[str]) -> None:
    constants: list[Mapping[str, Any]] = graph["constant_data"]
    shared: set[int] = set()
    for value in _tensors(graph["xvalues"]):
        dtype = DTYPES.get(value["datatype"].removeprefix("xnn_datatype_"), "unknown")
        index = value["constant_buffer_idx"]
        if not index:
            activations[dtype] += 1
        elif index not in shared:
            shared.add(index)
            weights[dtype] += constants[index]["size"]
    for value in graph["xvalues"]:
        scales = value["xvalue_union"].get("quant_params", {})
        index = scales.get("scale_buffer_idx", 0)
        if 0 < index < len(constants) and index not in shared:
            shared.add(index)
            weights[CONSTANT_OF_FLOAT] += constants[index]["size"]


def _tensors(values: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for value in values:
        union = value["xvalue_union"]
        yield union.get("tensor_value", union)
