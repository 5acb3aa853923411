"""ONNX Runtime's QDQ quantizer with this toolchain's own ranges."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.ranges import RangeEstimator, films, watched_output
from cxredge.quantize.units import inside as in_quantised
from cxredge.results import TensorRange

SCOPES_KEY = "pkg.torch.onnx.name_scopes"
"""The exporter's note on a node: a Python list of module names, from the student down, and the operator's own name."""

CLIPPING = ("Clip", "Relu")
"""Operators that the quantizer joins with the one before them."""
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def node_modules(model: Any) -> dict[str, str]:
    """The student's module that calls each node's operator, by node name."""
    modules = {}
    for node in model.graph.node:
        scopes = next((p.value for p in node.metadata_props if p.key == SCOPES_KEY), "[]")
        modules[node.name] = str((["", "", *ast.literal_eval(scopes)])[-2])
    return modules


def made_modules(exported: Any, simplified: Any) -> dict[str, str]:
    """The student's module that each node of ``simplified``, which was made of ``exported``, stems from, by node name.

    A node that the simplifier made itself is of the module that made its output before; one whose output is new as well
    serves the node that reads it.
    """
    modules = node_modules(exported)
    makers = {name: modules[node.name] for node in exported.graph.node for name in node.output}
    found: dict[str, str] = {}
    readers: dict[str, str] = {}
    for node in reversed(simplified.graph.node):
        made = [source[name] for source in (makers, readers) for name in node.output if name in source]
        found[node.name] = modules.get(node.name, next(iter(made), ""))
        readers |= dict.fromkeys(node.input, found[node.name])
    return found


def quantised_nodes(model: Any, modules: Mapping[str, str], kept: frozenset[str]) -> frozenset[str]:
    """Names of the nodes inside ``QUANTISED``, but for those of the modules ``kept``.

    A transposed convolution in groups stays in float: onnxruntime 1.31's quantizer gives its bias the scales of one.
    """
    grouped = {
        node.name
        for node in model.graph.node
        if node.op_type == "ConvTranspose" and any(a.name == "group" and a.i > 1 for a in node.attribute)
    }
    inside = {name for name, module in modules.items() if in_quantised(module) and module not in kept}
    return frozenset(inside - grouped)


def calibrate(model: Any, inside: frozenset[str], calibration: CalibrationFilms) -> RangeEstimator:
    """Ranges of the activations that nodes in ``inside`` read or write, and of ``watched_output``.

    One session gives all of them as extra outputs. A tensor that only a Clip or Relu reads is left out: the quantizer
    takes the range behind the clipping for it.
    """
    constants = {c.name for c in model.graph.initializer}
    nodes = [n for n in model.graph.node if n.name in inside]
    readers: dict[str, list[str]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node.op_type if node.name in inside else "")
    clipped = {name for name, kinds in readers.items() if len(kinds) == 1 and kinds[0] in CLIPPING}
    made = dict.fromkeys(name for node in nodes for name in [*node.input, *node.output])
    watched = [name for name in made if name and name not in constants and name not in clipped]
    unit = watched_output([o.name for o in model.graph.output])
    watched += [unit] if unit not in watched else []
    widened = session(with_outputs(model, watched))
    estimator = RangeEstimator()
    for film in films(calibration.images):
        for name, array in zip(watched, widened.run(watched, {"image": film}), strict=True):
            if array.dtype == np.float32:
                estimator.update(name, array)
    return estimator


def session(model: Any) -> Any:
    """An InferenceSession of a ModelProto, in one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def with_outputs(model: Any, names: Iterable[str]) -> Any:
    """A copy of ``model``, whose shapes are inferred, that has the tensors ``names`` as further outputs."""
    import onnx

    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    known = {o.name for o in wide.graph.output} | {i.name for i in wide.graph.input}
    infos = {v.name: v for v in wide.graph.value_info}
    wide.graph.output.extend(infos[name] for name in names if name not in known)
    return wide


def quantise(model: Any, inside: frozenset[str], ranges: Iterable[TensorRange]) -> Any:
    """``model`` with INT8 weights (per channel, symmetric) and UINT8 activations around the nodes in ``inside``."""
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    data = {r.tensor: TensorData(lowest=np.float32(r.low), highest=np.float32(r.high)) for r in ranges}
    clips = (n for n in model.graph.node if n.op_type in CLIPPING and n.output[0] in data and n.name in inside)
    for node in clips:
        data.setdefault(node.input[0], data[node.output[0]])
    outside = [n.name for n in model.graph.node if n.name not in inside]
    quantizer = QDQQuantizer(
        model,
        True,
        False,
        QuantType.QInt8,
        QuantType.QUInt8,
        TensorsData(CalibrationMethod.MinMax, data),
        [],
        outside,
        sorted({*QLinearOpsRegistry, *QDQRegistry}),
        {},
    )
    quantizer.quantize_model()
    _join_float(quantizer.model.model, inside)
    _shield_float(quantizer.model.model, inside)
    quantizer.model.topological_sort()
    _drop_zero_points(quantizer.model.model)
    return quantizer.model.model


def _join_float(model: Any, inside: frozenset[str]) -> None:
    """Between two nodes in float no tensor is quantised, though a third reader takes it in INT8.

    The quantizer gives all readers of a tensor what comes out of its one QuantizeLinear -> DequantizeLinear pair.
    """
    pairs = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "QuantizeLinear"}
    behind = {n.output[0]: pairs[n.input[0]] for n in model.graph.node if n.input and n.input[0] in pairs}
    quantised = {name for n in model.graph.node if n.name in inside for name in n.output}
    for node in model.graph.node:
        if node.name in inside or node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            continue
        for place, name in enumerate(node.input):
            if name in behind and behind[name] not in quantised:
                node.input[place] = behind[name]


def _shield_float(model: Any, inside: frozenset[str]) -> None:
    """Keep ONNX Runtime from quantising the weights of a node in float that stands between two in INT8.

    Its optimiser WeightBiasQuantization (onnxruntime 1.31) rounds the weights of every DequantizeLinear -> Conv ->
    QuantizeLinear when it loads the file. A sum of one term behind the DequantizeLinear breaks the pattern; an
    Identity or a product with 1 would be optimised away before.
    """
    import onnx

    maker = {name: node for node in model.graph.node for name in node.output}
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    def quantised_behind(node: Any) -> bool:
        for reader in (r for name in node.output for r in readers.get(name, ())):
            if reader.op_type == "QuantizeLinear" or (reader.op_type in CLIPPING and quantised_behind(reader)):
                return True
        return False

    for node in [n for n in model.graph.node if n.name not in inside and n.op_type in WEIGHTED]:
        source = maker.get(node.input[0])
        if source is not None and source.op_type == "DequantizeLinear" and quantised_behind(node):
            shield = f"{node.input[0]}_for_{node.name}"
            model.graph.node.append(onnx.helper.make_node("Sum", [node.input[0]], [shield], name=shield))
            node.input[0] = shield


def _drop_zero_points(model: Any) -> None:
    """Leave out the zero points of constants, all 0: an int32 for every channel of a bias, an int8 of a weight.

    DequantizeLinear takes a missing zero point for 0. The file shrinks by three percent.
    """
    import onnx

    constants = {c.name: c for c in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in constants or len(node.input) < 3:
            continue
        if not onnx.numpy_helper.to_array(constants[node.input[2]]).any():
            node.input.pop()
    used = {name for node in model.graph.node for name in node.input}
    kept = [c for c in model.graph.initializer if c.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
