"""Read a ``.tflite``: its operators and dtypes from the flatbuffer; delegation from the interpreter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxredge.errors import printable
from cxredge.modelfile import cost
from cxredge.modelfile.contents import Contents, Tensor, contents, item, operation
from cxredge.results import Delegation, TensorInfo

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D", "FULLY_CONNECTED")
TRANSPOSED = ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE")
"""Operators with their weight as input 1; the transposed ones have the image as input 2."""
NOT_LOOKED_INTO = ("WHILE", "IF", "CALL", "CALL_ONCE", "CUSTOM", "DELEGATE", "STABLEHLO", "LSTM", "RNN", "SVDF")
"""Operators whose MACs are left open if their name ends, or begins, so."""


def read_tflite(path: Path) -> Contents:
    """Contents of the main subgraph, bodies of control flow left closed. Whatever is wrong with the file is raised."""
    from ai_edge_litert import schema_py_generated as schema

    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError("it does not say that it is one")
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    graph = model.subgraphs[0]
    dtypes, kinds = (
        {number: name for name, number in vars(enum).items() if isinstance(number, int)}
        for enum in (schema.TensorType, schema.BuiltinOperator)
    )
    sizes = [_stored(buffer, len(data)) for buffer in model.buffers]
    tensors = [
        Tensor(_text(t.name), dtypes[t.type].lower(), _shape(t), item(sizes, t.buffer) or None) for t in graph.tensors
    ]
    # tensors may share a buffer: it is counted once
    owners = {t.buffer: tensor for t, tensor in reversed(list(zip(graph.tensors, tensors, strict=True)))}

    def pick(numbers: Any) -> list[Tensor]:
        # -1 stands for an optional input that is left out
        return [item(tensors, n) for n in ([] if numbers is None else numbers) if n != -1]

    operations = []
    for op in graph.operators:
        code = item(model.operatorCodes, op.opcodeIndex)
        # the older field holds 127 for operators that came after it
        kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        read, made = pick(op.inputs), pick(op.outputs)
        macs = _macs(kind, op.builtinOptions, read, made)
        shown = _text(code.customCode) if kind == "CUSTOM" else kind
        operations.append(operation(made[0].name if made else "", shown, read, made, macs))
    inputs, outputs = _signature(model, pick(graph.inputs), pick(graph.outputs), tensors)
    constants = [t for t in owners.values() if t.stored is not None]
    activations = [t for t in tensors if t.stored is None]
    return contents(inputs, outputs, constants, activations, operations)


def _signature(
    model: Any, inputs: list[Tensor], outputs: list[Tensor], tensors: list[Tensor]
) -> tuple[list[TensorInfo], list[TensorInfo]]:
    """Inputs and outputs by the names that the first signature gives them; without one, by their tensors' names."""
    if not model.signatureDefs:
        return [t.info() for t in inputs], [t.info() for t in outputs]

    def named(entries: Any) -> list[TensorInfo]:
        found = [(_text(e.name), item(tensors, e.tensorIndex)) for e in entries or []]
        return [TensorInfo(name=printable(name), dtype=t.dtype, shape=t.shape) for name, t in found]

    signature = model.signatureDefs[0]
    return named(signature.inputs), named(signature.outputs)


def _macs(kind: str, options: Any, read: Sequence[Tensor], made: Sequence[Tensor]) -> int | None:
    if kind in WEIGHTED:
        return cost.convolution(made[0].shape, read[1].shape, -1)
    if kind in TRANSPOSED:
        return cost.transposed_convolution(read[2].shape, read[1].shape, -1)
    if kind == "BATCH_MATMUL":
        return cost.matrix_product(made[0].shape, read[0].shape, -2 if options and options.adjX else -1)
    return None if kind.startswith(NOT_LOOKED_INTO) or kind.endswith(NOT_LOOKED_INTO) else 0


def _shape(tensor: Any) -> tuple[int | None, ...]:
    """-1 in the signature's shape is a dimension left open; ``shape`` then holds 1."""
    signature = tensor.shapeSignature
    sizes = tensor.shape if signature is None or not len(signature) else signature
    return tuple(None if size < 0 else int(size) for size in ([] if sizes is None else sizes))


def _stored(buffer: Any, whole: int) -> int:
    if buffer.offset <= 1:
        return 0 if buffer.data is None else len(buffer.data)
    if buffer.offset + buffer.size > whole:
        raise ValueError("a buffer lies outside the file")
    return int(buffer.size)


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else ""


def tflite_delegation(path: Path) -> Delegation:
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
