"""Intermediates of a ``.tflite`` file, from the interpreter that runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.targets.tflite.quantizer import SIGNATURE
from cxredge.targets.tracer import Traced, Tracer


class TFLiteTracer(Tracer):
    """Reads what operators wrote, in place; 8-bit tensors are dequantised by their own scale and zero point."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(
            model_path=str(path), num_threads=1, experimental_preserve_all_tensors=True
        )
        self._interpreter.allocate_tensors()
        self._image = int(self._interpreter._get_full_signature_list()[SIGNATURE]["inputs"]["image"])
        made = dict.fromkeys(int(i) for op in self._interpreter._get_ops_details() for i in op["outputs"])
        details = {d["index"]: d for d in self._interpreter.get_tensor_details()}
        self._details = [details[index] for index in made]

    def trace(self, image: NDArray[np.float32]) -> Iterator[Traced]:
        """See ``Tracer``."""
        self._interpreter.set_tensor(self._image, image.transpose(0, 2, 3, 1))
        self._interpreter.invoke()
        for detail in self._details:
            array = self._interpreter.get_tensor(detail["index"])
            scales = detail["quantization_parameters"]["scales"]
            if array.dtype in (np.int8, np.uint8) and len(scales) == 1:
                zero = np.float32(detail["quantization_parameters"]["zero_points"][0])
                array = (array.astype(np.float32) - zero) * np.float32(scales[0])
            if array.dtype in (np.float32, np.float16):
                yield Traced(detail["name"], array.astype(np.float32), array.dtype == np.float16)
