"""Names in a converted model: litert-torch writes every class on the way into each tensor's, hundreds of bytes long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxredge.aten import kind_of
from cxredge.quantize.units import module_of
from cxredge.targets.tflite.metadata import pack, unpack

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from cxredge.students.base import Student

NORMS = frozenset({"group_norm", "instance_norm", "layer_norm"})
"""ATen's norms by statistics of one image."""
CURVES = frozenset({"celu", "elu", "log_sigmoid", "mish", "selu", "softplus"})
"""Activations that TFLite has no operator for."""


@dataclass(frozen=True)
class TensorOrigin:
    """One operator of the model, and the modules that it was made of."""

    output: str
    """Short name of its first output."""
    calls: tuple[str, ...]
    """Modules by the attributes on the way to their call (``backbone/blocks/6/0/conv_pw``), the one whose result it
    gives first. Behind them the converter also lists modules that merely had the same constant."""
    weighted: bool
    """Whether it is a convolution or fully connected."""


def shorten_names(data: bytes) -> tuple[bytes, tuple[TensorOrigin, ...]]:
    """The model in ``data`` with every tensor named by module path (``backbone/blocks/6/0/conv_pw;2``), inlined.

    The names are unique and in the order of the tensors, and what the calibration records is what the file holds.
    Also returns where the operators come from, which the short names no longer tell.
    """
    from ai_edge_litert.schema_py_generated import BuiltinOperator as Kind

    model = unpack(data)
    weighted = (Kind.CONV_2D, Kind.DEPTHWISE_CONV_2D, Kind.FULLY_CONNECTED, Kind.TRANSPOSE_CONV)
    taken: set[str] = set()
    origins = []
    for graph in model.subgraphs:
        long = [tensor.name.decode() for tensor in graph.tensors]
        for tensor, was in zip(graph.tensors, long, strict=True):
            name = short = shorten(was)
            number = 1
            while short in taken:
                short, number = f"{name}~{number}", number + 1
            taken.add(short)
            tensor.name = short.encode()
        for operator in graph.operators:
            first = int(operator.outputs[0])
            kind = model.operatorCodes[operator.opcodeIndex].builtinCode
            calls = tuple(_call(part.partition(";")[0]) for part in long[first].split(";;"))
            origins.append(TensorOrigin(graph.tensors[first].name.decode(), calls, kind in weighted))
    return pack(model, len(data)), tuple(origins)


def shorten(name: str) -> str:
    """Module path of the last operator that ``name`` lists, with its number; names without a path stay.

    ``a.B/c.Student_student/d.E_backbone/f.ReLU6_act;;a.B/c.Student_student/d.E_backbone/g.Conv2d_stem;2`` (operators
    fused into one stand behind each other) becomes ``backbone/stem;2``.
    """
    last = [part for part in name.split(";;") if "/" in part or "." in part]
    path, _, number = (last[-1] if last else name).partition(";")
    if "/" not in path:
        return name
    short = _call(path) or "student"
    return f"{short};{number}" if number else short


def _call(path: str) -> str:
    """The attributes in ``path``: the wrapper, the student, then <class>_<attribute> for every module on the way."""
    return "/".join(part.rsplit(".", 1)[-1].partition("_")[2] or part for part in path.split("/")[2:])


def kept_outputs(
    origins: tuple[TensorOrigin, ...], student: Student, program: ExportedProgram, kept: frozenset[str]
) -> list[str]:
    """First outputs of the operators that are made of modules ``kept``: what they give, or what they multiply with.

    program: the exported ``student``.
    """
    calls = {}
    for node in program.graph.nodes:
        # a name leaves out what is passed by without a call (timm's net behind forward_features)
        stack = [str(path).rpartition(".")[2] for path, _ in node.meta.get("nn_module_stack", {}).values()]
        calls["/".join(stack[1:])] = module_of(node)
    shapes = {name: tensor.ndim for name, tensor in student.named_parameters(remove_duplicate=False)}
    wanted = {call for call, module in calls.items() if module in kept}
    convolutions = {call for call in wanted if shapes.get(f"{calls[call]}.weight", 0) > 1}
    return [
        origin.output
        for origin in origins
        if origin.calls[0] in wanted or (origin.weighted and not convolutions.isdisjoint(origin.calls))
    ]


def float_modules(program: ExportedProgram) -> frozenset[str]:
    """Modules of an exported student that call, without a kernel, a norm or activation that is taken apart.

    Eight bits do not hold a variance and its root, or an exponential and its logarithm.
    """
    from cxredge.quantize.kernels import kernel_of

    nodes = [node for node in program.graph.nodes if node.op == "call_function"]
    apart = {module_of(node) for node in nodes if kind_of(node).removesuffix("_") in NORMS | CURVES}
    return frozenset(apart - {module_of(node) for node in nodes if kernel_of(node) is not None})
