"""AI Edge Quantizer with this toolchain's own ranges in place of its moving average of extremes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.ranges import RangeEstimator, films, watched_output
from cxredge.quantize.units import QUANTISED
from cxredge.results import TensorRange
from cxredge.vocabulary import SchemeName

SIGNATURE = "serving_default"
OUTSIDE = rf"^(?!{QUANTISED}[/~;])"
"""Operators whose output tensor is made neither by the student's backbone itself nor by a module in it."""


def _quantizer(source: Path, scheme: SchemeName, kept: Iterable[str]) -> Any:
    from ai_edge_quantizer import qtyping, quantizer, recipe
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    tool = quantizer.Quantizer(str(source))
    operators = qtyping.TFLOperationName
    if scheme == "fp16":
        tool.update_quantization_recipe(
            regex=".*",
            operation_name=operators.ALL_SUPPORTED,
            algorithm_key=AlgorithmName.FLOAT_CASTING,
            op_config=qtyping.OpQuantizationConfig(
                weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
                compute_precision=qtyping.ComputePrecision.FLOAT,
                explicit_dequantize=True,
            ),
        )
    elif scheme == "w8":
        tool.load_quantization_recipe(recipe.weight_only_wi8_afp32())
    else:
        tool.load_quantization_recipe(recipe.static_wi8_ai8())
        # XNNPACK has no int8 hard-swish: each one would cut the delegate in two. A norm that is written out divides by
        # roots, which eight bits round to 0: LiteRT then refuses to divide
        roots = (operators.DIV, operators.SQRT, operators.RSQRT)
        for operator in (operators.INPUT, operators.OUTPUT, operators.HARD_SWISH, *roots):
            tool.update_quantization_recipe(
                regex=".*", operation_name=operator, algorithm_key=AlgorithmName.NO_QUANTIZE
            )
    # later rules win; a rule is held against the names of an operator's outputs, each with a semicolon behind it
    for regex in (OUTSIDE, *(f"^{re.escape(name)};$" for name in kept)):
        tool.update_quantization_recipe(
            regex=regex, operation_name=operators.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
        )
    return tool


def quantise(source: Path, scheme: SchemeName, ranges: Mapping[str, TensorRange] | None, kept: Iterable[str]) -> bytes:
    """``source``'s bytes in ``scheme`` (``fp16``, ``w8``, ``w8a8``); ``ranges`` by tensor name for ``w8a8``.

    kept: names of the operators' outputs that INT8 leaves in float, with the operators.
    """
    tool = _quantizer(source, scheme, kept)
    statistics = None
    if ranges is not None:
        # the calibrator decides which tensors need ranges and in which shape; its one sample's values are replaced
        statistics = tool.calibrate({SIGNATURE: [{"image": _grey(source)}]}, num_threads=1)
        for name, known in statistics.items():
            # of a constant the calibrator has seen all that there is
            if "min" not in known or name not in ranges:
                continue
            known["min"] = np.full_like(known["min"], ranges[name].low)
            known["max"] = np.full_like(known["max"], ranges[name].high)
    return bytes(tool.quantize(statistics, enable_progress_report=False).quantized_model)


def _grey(source: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return np.full(Interpreter(model_path=str(source)).get_input_details()[0]["shape"], 127, np.float32)


def calibrate(source: Path, calibration: CalibrationFilms) -> RangeEstimator:
    """Ranges of every float activation tensor of the float model, by tensor name, and ``watched_output``'s.

    All films go through one interpreter that keeps its intermediate tensors; they are read in place, not copied.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter: Any = Interpreter(model_path=str(source), num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    signature = interpreter._get_full_signature_list()[SIGNATURE]
    unit = watched_output(signature["outputs"])
    image, output = int(signature["inputs"]["image"]), int(signature["outputs"][unit])
    produced = {int(i) for operator in interpreter._get_ops_details() for i in operator["outputs"]} | {image}
    details = interpreter.get_tensor_details()
    watched = [(d["index"], d["name"]) for d in details if d["index"] in produced and d["dtype"] == np.float32]
    estimator = RangeEstimator()
    for film in films(calibration.images):
        interpreter.set_tensor(image, film.transpose(0, 2, 3, 1))
        interpreter.invoke()
        for index, name in watched:
            estimator.update(name, interpreter.tensor(index)())
        estimator.update(unit, interpreter.tensor(output)())
    return estimator
