"""Read what ExecuTorch hands to XNNPACK: the serialised graph inside a ``.pte``."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cxredge.modelfile import cost
from cxredge.modelfile.contents import Tensor, item, operation
from cxredge.modelfile.flatbuffer import packaged_schema
from cxredge.results import Operation

XNNPACK = "XNNPACK"
SCHEMA = "backends/xnnpack/serialization/schema.fbs"
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
SCALES = "float32"
"""Dtype of quantisation scales that lie beside the weights."""
NO_VALUE = 0xFFFFFFFF
"""In place of an input that is left out."""


@dataclass(frozen=True)
class Inside:
    """One delegate's graph: constants and activations each once, and its nodes in order."""

    constants: list[Tensor]
    activations: list[Tensor]
    operations: list[Operation]


def read_delegate(blob: bytes, given: Sequence[Tensor | None], before: int) -> Inside:
    """Read one delegate's data: a header that says where the flatbuffer lies, then the flatbuffer.

    given: the arguments of the program's call, which the graph's external values stand for. before: how many operators
    come before; nodes have no names and go by their number.
    """
    magic, _, start, size = struct.unpack_from("<4x4sHII", blob)
    if magic != b"XH00":
        raise ValueError("a delegate's data does not begin as XNNPACK's does")
    graph = packaged_schema("executorch", SCHEMA).read(blob[start : start + size], "XNNGraph")
    constants: dict[int, Tensor] = {}
    activations: list[Tensor] = []
    tensors: dict[int, Tensor] = {}
    for entry in graph["xvalues"]:
        value = entry["xvalue_union"]
        base = value.get("tensor_value", value)
        tensor = _tensor(base, graph["constant_data"])
        if tensor.stored is None:
            activations.append(tensor)
        else:
            constants.setdefault(base["constant_buffer_idx"], tensor)
        outside = item(given, base["external_id"]) if base["external_id"] != NO_VALUE else None
        tensors[base["id_out"]] = tensor if outside is None else replace(tensor, stored=outside.stored)
    for entry in graph["xvalues"]:
        value = entry["xvalue_union"]
        index = (value.get("quant_params") or {}).get("scale_buffer_idx", 0)
        if 0 < index < len(graph["constant_data"]):
            scales = Tensor(f"scales-{index}", SCALES, None, graph["constant_data"][index]["size"])
            constants.setdefault(index, scales)
            # an operator reads the scales with the weights that they belong to
            number = value["tensor_value"]["id_out"]
            tensors[number] = replace(tensors[number], stored=(tensors[number].stored or 0) + (scales.stored or 0))
    nodes = [_operation(i, node, tensors) for i, node in enumerate(graph["xnodes"], before)]
    return Inside(list(constants.values()), activations, nodes)


def _tensor(base: dict[str, Any], data: Sequence[dict[str, Any]]) -> Tensor:
    dtype = DTYPES.get(base["datatype"].removeprefix("xnn_datatype_"), "unknown")
    index = base["constant_buffer_idx"]
    # 0 stands for no constant
    return Tensor(f"value-{base['id_out']}", dtype, tuple(base["dims"]), item(data, index)["size"] if index else None)


def _operation(number: int, node: dict[str, Any], tensors: dict[int, Tensor]) -> Operation:
    """One node. XNNPACK's values are channels-last, its filters begin or end with the output channels."""
    kind, fields = node["xnode_union_type"], node["xnode_union"]
    ids = {name: value for name, value in fields.items() if name.endswith("_id") and value != NO_VALUE}
    read = {name: tensors[i] for name, i in ids.items() if not name.startswith("output")}
    made = [tensors[i] for name, i in ids.items() if name.startswith("output")]
    macs: int | None = 0
    if kind in ("XNNConv2d", "XNNDepthwiseConv2d", "XNNFullyConnected"):
        macs = cost.convolution(made[0].shape, read["filter_id"].shape, -1)
    elif kind == "XNNConvTranspose2d":
        macs = cost.transposed_convolution(read["input1_id"].shape, read["filter_id"].shape, -1)
    elif kind == "XNNBatchMatrixMultiply":
        macs = cost.matrix_product(made[0].shape, read["input1_id"].shape)
    elif kind == "XNNScaledDotProductAttention":
        macs = None
    return operation(f"node-{number}", kind, read.values(), made, macs, XNNPACK)
