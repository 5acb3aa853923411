"""Intermediates of an ``.onnx`` file: every float tensor made an output of the graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.targets.onnx.quantizer import CLIPPING, session, with_outputs
from cxredge.targets.tracer import Traced, Tracer


class OnnxTracer(Tracer):
    """Runs the file in ONNX Runtime; of a quantised tensor, it reads the DequantizeLinear behind it."""

    def __init__(self, path: Path) -> None:
        import onnx

        model = onnx.shape_inference.infer_shapes(onnx.load(str(path)))
        nodes = model.graph.node
        floats = {v.name for v in model.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
        floats |= {o.name for o in model.graph.output}
        back = {n.input[0]: n.output[0] for n in nodes if n.op_type == "DequantizeLinear"}
        self._handed = {
            n.input[0]: back[n.output[0]] for n in nodes if n.op_type == "QuantizeLinear" and n.output[0] in back
        }
        readers: dict[str, list[Any]] = {}
        for node in nodes:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        # the quantizer drops a clipping whose range says the same, and its output's name with it
        for name, read_by in readers.items():
            if len(read_by) == 1 and read_by[0].op_type in CLIPPING:
                behind = read_by[0].output[0]
                self._handed[name] = self._handed.get(behind, behind)
        inner = {n.output[0] for n in nodes if n.op_type == "DequantizeLinear"}
        self._names = [
            name for node in nodes for name in node.output if name in floats and name not in inner and name in readers
        ]
        self._fetched = [self._handed.get(name, name) for name in self._names]
        self._session: Any = session(with_outputs(model, dict.fromkeys(self._fetched)))

    def trace(self, image: NDArray[np.float32]) -> Iterator[Traced]:
        """See ``Tracer``."""
        fetched = list(dict.fromkeys(self._fetched))
        found = dict(zip(fetched, self._session.run(fetched, {"image": image}), strict=True))
        for name, behind in zip(self._names, self._fetched, strict=True):
            yield Traced(name, found[behind])
