"""Intermediates of an ML Program, tapped from the evaluator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.mlprogram import load
from cxredge.targets.coreml.convert import HALF_SUFFIX
from cxredge.targets.tracer import Traced, Tracer


class CoreMLTracer(Tracer):
    """Of a quantised tensor, it reads the dequantize behind it. Names are without coremltools' mark of float16."""

    source = "the artifact itself, evaluated operator by operator with all its tensors kept"

    def __init__(self, path: Path) -> None:
        self._program = load(path)
        maker = {name: node for node in self._program.graph.nodes for name, _ in node.outputs}
        self._names: dict[str, str] = {}
        """Under which name a value stands, where that is not its own."""
        for node in self._program.graph.nodes:
            if node.type == "dequantize":
                (packed,) = node.arguments["input"]
                if packed in maker and maker[packed].type == "quantize":
                    (self._names[node.outputs[0][0]],) = maker[packed].arguments["input"]

    def trace(self, image: NDArray[np.float32]) -> Iterator[Traced]:
        """See ``Tracer``."""
        found: list[Traced] = []

        def tap(name: str, array: NDArray[Any]) -> None:
            if array.dtype in (np.float16, np.float32):
                plain = self._names.get(name, name).removesuffix(HALF_SUFFIX)
                found.append(Traced(plain, array.astype(np.float32), array.dtype == np.float16))

        self._program({"image": image}, tap)
        yield from found
