"""Read a ``.onnx``: its nodes as stored, dtypes of constants and activations, and how ONNX Runtime splits it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cxredge.modelfile import cost
from cxredge.modelfile.contents import Contents, Tensor, contents, operation
from cxredge.modelfile.cost import Shape, stored_bytes
from cxredge.results import Delegation, Operation

STANDARD = ("", "ai.onnx")
"""Domains whose operators the formulas know; of others (a file's own functions too) the MACs are left open."""
NOT_LOOKED_INTO = {"If", "Loop", "Scan", "SequenceMap", "RNN", "LSTM", "GRU", "Einsum", "Attention", "DeformConv"}
WEIGHT = {"Conv": 1, "ConvInteger": 1, "ConvTranspose": 1, "QLinearConv": 3}
LEFT = {"Gemm": 0, "MatMul": 0, "MatMulInteger": 0, "QLinearMatMul": 0}
"""Which input is the weight, or the left matrix."""


def read_onnx(path: Path) -> Contents:
    """Contents of the main graph, bodies of control flow left closed. Whatever is wrong with the file is raised."""
    import onnx

    model = onnx.load_model_from_string(path.read_bytes())
    for constant in model.graph.initializer:
        if onnx.external_data_helper.uses_external_data(constant):
            raise ValueError(f"the values of {constant.name} lie in another file")
    onnx.checker.check_model(model)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    constants = [_constant(c) for c in model.graph.initializer]
    inputs, outputs, inner = (
        [_tensor(value) for value in values] for values in (model.graph.input, model.graph.output, inferred.value_info)
    )
    # older files list their initializers among the inputs
    known = {t.name: t for t in (*inner, *inputs, *outputs, *constants)}
    return contents(
        [t.info() for t in inputs],
        [t.info() for t in outputs],
        constants,
        inner,
        [_operation(node, known) for node in model.graph.node],
    )


def _constant(constant: Any) -> Tensor:
    dtype, shape = _dtype(constant.data_type), tuple(constant.dims)
    size = stored_bytes(dtype, shape)
    if size is None:
        size = sum(len(s) for s in constant.string_data)
    elif constant.HasField("raw_data") and size != len(constant.raw_data):
        raise ValueError(f"{constant.name} has {len(constant.raw_data)} bytes for {size}")
    elif not constant.HasField("raw_data") and size > constant.ByteSize() * 16:
        raise ValueError(f"{constant.name} has fewer values than its shape")
    return Tensor(constant.name, dtype, shape, size)


def _tensor(value: Any) -> Tensor:
    kind = value.type.tensor_type
    shape: Shape = None
    if kind.HasField("shape"):
        # some writers say -1 for a dimension that is open
        shape = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None for d in kind.shape.dim)
    return Tensor(value.name, _dtype(kind.elem_type) if kind.elem_type else None, shape)


def _operation(node: Any, known: dict[str, Tensor]) -> Operation:
    def tensors(names: Iterable[str]) -> list[Tensor]:
        return [known.get(name, Tensor(name, None, None)) for name in names]

    # an optional input that is left out has the empty name
    read, made = tensors(node.input), tensors(filter(None, node.output))
    name = node.name or (made[0].name if made else "")
    return operation(name, node.op_type, [t for t in read if t.name], made, _macs(node, read, made))


def _macs(node: Any, read: list[Tensor], made: list[Tensor]) -> int | None:
    kind = node.op_type
    if node.domain not in STANDARD or kind in NOT_LOOKED_INTO:
        return None
    if kind == "ConvTranspose":
        return cost.transposed_convolution(read[0].shape, read[1].shape, 1)
    if kind in WEIGHT:
        return cost.convolution(made[0].shape, read[WEIGHT[kind]].shape, 1)
    if kind in LEFT:
        turned = kind == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)
        return cost.matrix_product(made[0].shape, read[LEFT[kind]].shape, 0 if turned else -1)
    return 0


def _dtype(number: int) -> str:
    import onnx

    return str(onnx.helper.tensor_dtype_to_np_dtype(number))


def onnx_delegation(path: Path) -> Delegation:
    """ONNX Runtime's graph after its own optimisation.

    The CPU provider is the only delegate here and takes every node or refuses to load: ``left`` is then empty, and
    ``delegated`` counts the nodes that are really run.
    """
    import tempfile

    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder) / "optimised.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(optimised)
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        nodes = len(onnx.load(str(optimised)).graph.node)
    return Delegation(delegate="CPUExecutionProvider", partitions=1, delegated=nodes, total=nodes)
