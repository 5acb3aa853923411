"""Read a ``.pte``: kernels that the program calls, nodes inside its XNNPACK delegates, and the dtypes of its tensors.

The program's flatbuffer is read by executorch's own schema, but without executorch: importing that takes seconds, and
its reader copies whatever the file says.
"""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path
from typing import Any

from cxredge.errors import printable
from cxredge.modelfile import cost
from cxredge.modelfile.contents import Contents, Tensor, contents, item, operation
from cxredge.modelfile.flatbuffer import packaged_schema
from cxredge.results import Delegation, Operation, TensorInfo
from cxredge.targets.executorch.methods import OUTPUTS_METHOD
from cxredge.targets.executorch.xnnpack import XNNPACK, read_delegate

SCHEMA = ("exir/_serialize/scalar_type.fbs", "exir/_serialize/program.fbs")
BACKEND = "XnnpackBackend"
LEFT = {"aten::mm": 0, "aten::bmm": 0, "aten::addmm": 1, "aten::baddbmm": 1}
"""Which argument is the left matrix."""
LIBRARIES = ("aten::", "dim_order_ops::", "executorch_prim::", "quantized_decomposed::")
"""Kernels of other libraries are not looked into: their MACs are left open."""


def read_pte(path: Path) -> Contents:
    """Contents of the ``forward`` method, from the file's bytes alone. Whatever is wrong with the file is raised.

    Nodes of a delegate stand where the program calls it; a delegate other than XNNPACK is one operator.
    """
    data = path.read_bytes()
    program, segments_at = _program(data)
    plans = {plan["name"]: plan for plan in program["execution_plan"]}
    if "forward" not in plans:
        raise ValueError(f"it has no method forward, only {', '.join(map(printable, plans)) or 'none'}")
    plan = plans["forward"]
    values = [
        _tensor(f"value-{i}", v["val"]) if v["val_type"] == "Tensor" else None for i, v in enumerate(plan["values"])
    ]
    tensors = [t for t in values if t is not None]
    constants = [t for t in tensors if t.stored is not None]
    activations = [t for t in tensors if t.stored is None]
    operations: list[Operation] = []
    for call in (i for chain in plan["chains"] for i in chain["instructions"]):
        if call["instr_args_type"] == "KernelCall":
            operations.append(_kernel(plan, values, call["instr_args"], f"kernel-{len(operations)}"))
        elif call["instr_args_type"] == "DelegateCall":
            delegate = item(plan["delegates"], call["instr_args"]["delegate_index"])
            if delegate["id"] != BACKEND:
                operations.append(_opaque(delegate["id"], f"delegate-{len(operations)}"))
                continue
            given = [item(values, n) for n in call["instr_args"]["args"]]
            blob = _blob(data, program, delegate["processed"], segments_at)
            inside = read_delegate(blob, given, len(operations))
            constants += inside.constants
            activations += inside.activations
            operations += inside.operations
    if any((t.stored or 0) > len(data) for t in constants):
        raise ValueError("it has constants that are larger than the file: they would lie in another")
    left = Counter(o.type for o in operations if o.delegate != XNNPACK)
    delegation = Delegation(
        delegate=XNNPACK,
        partitions=len(plan["delegates"]),
        delegated=len(operations) - left.total(),
        total=len(operations),
        left=dict(sorted(left.items())),
    )
    names = _output_names(plans)
    inputs = _infos(values, plan["inputs"], ["image"] if names else [], "input")
    outputs = _infos(values, plan["outputs"], names, "output")
    return contents(inputs, outputs, constants, activations, operations, delegation)


def _program(data: bytes) -> tuple[dict[str, Any], int]:
    """The program, and where its segments begin (0 without)."""
    schema = packaged_schema("executorch", *SCHEMA)
    if data[4:8] != schema.identifier:
        raise ValueError(f"it does not say that it is one ({schema.identifier.decode()})")
    size, segments_at = len(data), 0
    # a program with segments has a second header: magic, its own length, length of the flatbuffer, start of segments
    if data[8:12] == b"eh00":
        _, size, segments_at = struct.unpack_from("<IQQ", data, 12)
    program = schema.read(data[:size], "Program")
    ends = [segments_at + s["offset"] + s["size"] for s in program["segments"]]
    if max(ends, default=0) > len(data):
        raise ValueError(f"it ends at byte {len(data)}, and its segments at byte {max(ends)}")
    return program, segments_at


def _blob(data: bytes, program: dict[str, Any], place: dict[str, Any], segments_at: int) -> bytes:
    """A delegate's own data, which lies in the flatbuffer or in a segment."""
    if place["location"] == "INLINE":
        return bytes(item(program["backend_delegate_data"], place["index"])["data"])
    segment = item(program["segments"], place["index"])
    start = segments_at + segment["offset"]
    return data[start : start + segment["size"]]


def _tensor(name: str, value: dict[str, Any]) -> Tensor:
    dtype, shape = value["scalar_type"].lower(), tuple(value["sizes"])
    dtype = "float32" if dtype == "float" else dtype
    return Tensor(name, dtype, shape, cost.stored_bytes(dtype, shape) if value["data_buffer_idx"] else None)


def _infos(values: list[Tensor | None], numbers: list[int], names: list[str], kind: str) -> list[TensorInfo]:
    """Inputs or outputs, which a program knows by position; what is no tensor has no dtype."""
    found = []
    for i, number in enumerate(numbers):
        tensor = item(values, number)
        name = printable(names[i]) if i < len(names) else f"{kind}-{i}"
        found.append(TensorInfo(name=name, dtype=tensor and tensor.dtype, shape=tensor and tensor.shape))
    return found


def _output_names(plans: dict[str, Any]) -> list[str]:
    """What the constant method ``cxr_outputs`` says; empty for programs of others."""
    if OUTPUTS_METHOD not in plans:
        return []
    plan = plans[OUTPUTS_METHOD]
    value = item(plan["values"], item(plan["outputs"], 0))
    return str(value["val"]["string_val"]).split(",") if value["val_type"] == "String" else []


def _opaque(backend: str, name: str) -> Operation:
    """A delegate whose data only its own backend reads: what it makes and costs stays open."""
    return operation(name, backend, [], [Tensor("", None, None)], None, printable(backend))


def _kernel(plan: dict[str, Any], values: list[Tensor | None], call: dict[str, Any], name: str) -> Operation:
    kind = item(plan["operators"], call["op_index"])["name"]
    # what a kernel gives back is its last argument, and stands among those before as well
    given = [_expanded(plan, values, number) for number in call["args"]]
    made = given[-1] if given else []
    read = [t for group in given for t in group if t not in made]
    return operation(name, kind, read, made, _macs(kind, plan, call["args"], given, made))


def _expanded(plan: dict[str, Any], values: list[Tensor | None], number: int) -> list[Tensor]:
    """The tensors of one argument: itself, or the members of a list; none for numbers."""
    value = item(plan["values"], number)
    numbers = value["val"]["items"] if value["val_type"] == "TensorList" else [number]
    return [t for t in (item(values, n) for n in numbers) if t is not None]


def _macs(
    kind: str, plan: dict[str, Any], args: list[int], given: list[list[Tensor]], made: list[Tensor]
) -> int | None:
    if kind == "aten::convolution":
        (image,), (weight,), (output,) = given[0], given[1], made
        if item(plan["values"], args[6])["val"]["bool_val"]:
            return cost.transposed_convolution(image.shape, weight.shape, 1)
        return cost.convolution(output.shape, weight.shape, 1)
    if kind == "aten::linear":
        return cost.linear(made[0].shape, given[1][0].shape)
    if kind in LEFT:
        return cost.matrix_product(made[0].shape, given[LEFT[kind]][0].shape)
    return 0 if kind.startswith(LIBRARIES) else None
