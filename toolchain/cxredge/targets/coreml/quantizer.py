"""INT8 for Core ML without prediction: ranges come from the evaluator, coremltools' own passes do the rest.

``coremltools.optimize.coreml.linear_quantize_activations`` runs the model on the calibration data, which needs a Mac,
and then applies graph passes that take a table of ranges. These passes run here, inside the one conversion, with
ranges that ``cxredge.mlprogram`` measured on the float16 program.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.mlprogram.graph import Node
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.ranges import RangeEstimator, films, watched_output
from cxredge.results import TensorRange
from cxredge.targets.coreml.convert import Source, Step, hook_error

BEFORE = "compression::insert_prefix_quantize_dequantize_pair"
BEHIND = "compression::insert_suffix_quantize_dequantize_pair"
CLEAN = "common::dequantize_quantize_pair_elimination"
WEIGHTS = "compression::linear_quantize_weights"
RANGES_OPTION = "activation_stats"
"""The passes' own option: {tensor: {"rmin": low, "rmax": high}}."""
JOINED = ("relu", "relu6", "leaky_relu", "tanh", "scaled_tanh", "sigmoid")
"""Activations that the passes join with the convolution or addition before them."""

LEAST_STEP = 2.0**-24
"""Float16's least number: a smaller step of an activation would be stored as 0, which no program may hold."""


def weight_steps(source: Source, kept: frozenset[str]) -> tuple[Step, ...]:
    """INT8 weights, per output channel and symmetric, in the quantised module, but for the modules ``kept``."""
    import coremltools.optimize.coreml as optimize

    every_size = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0)
    return ((WEIGHTS, {"config": _config(every_size, source.outside | source.of(kept))}),)


def activation_steps(source: Source, ranges: Iterable[TensorRange], kept: frozenset[str]) -> tuple[Step, ...]:
    """INT8 activations, per tensor and affine, in the quantised module, but for the modules ``kept``.

    Raises EnvironmentProblem COREML-HOOK when this coremltools' passes take no table of ranges.
    """
    import coremltools.optimize.coreml as optimize
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY

    for name in (BEFORE, BEHIND):
        if name not in PASS_REGISTRY:
            raise hook_error(f"it has no graph pass {name}")
        if not isinstance(getattr(type(PASS_REGISTRY[name]), RANGES_OPTION, None), property):
            raise hook_error(f"its graph pass {name} has no option {RANGES_OPTION}")
    # affine: behind a ReLU a symmetric range would leave half of the steps unused
    affine = optimize.OpLinearQuantizerConfig(mode="linear")
    table = {r.tensor: {"rmin": r.low, "rmax": _upper(r)} for r in ranges}
    plain = source.outside | source.of(kept)
    before = {"config": _config(affine, plain), RANGES_OPTION: table}
    # the pass quantises behind an activation when the operator before it is quantised
    read = {
        name for n in source.half.nodes if n.name in plain and n.type in JOINED for name in chain(*n.arguments.values())
    }
    makers = {node.name for node in source.half.nodes for name, _ in node.outputs if name in read}
    behind = {"config": _config(affine, plain | makers), RANGES_OPTION: table}
    return ((BEFORE, before), (BEHIND, behind), (CLEAN, {}))


def _upper(found: TensorRange) -> float:
    """The range's upper end, high enough for a step that float16 holds; of a tensor that is always 0 as it is."""
    return max(found.high, found.low + 256 * LEAST_STEP) if found.high > found.low else found.high


def _config(inside: Any, outside: frozenset[str]) -> Any:
    """``inside`` for all operators but those named in ``outside``."""
    import coremltools.optimize.coreml as optimize

    return optimize.OptimizationConfig(global_config=inside, op_name_configs=dict.fromkeys(sorted(outside), None))


def calibrate(source: Source, calibration: CalibrationFilms, kept: frozenset[str]) -> RangeEstimator:
    """Ranges of the float16 program's tensors that can be quantised, and of ``watched_output``.

    A tensor that only an activation reads is left out: the passes quantise behind the activation. So is one that is
    made and read by operators of the modules ``kept``.
    """
    graph, plain = source.half, source.of(kept)
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in (name for names in node.arguments.values() for name in names):
            readers.setdefault(name, []).append(node)
    watched = {
        name
        for node in graph.nodes
        if node.name not in source.outside
        for name, kind in node.outputs
        if kind.dtype == "float16"
        and [reader.type in JOINED for reader in readers.get(name, [])] != [True]
        and not plain.issuperset({node.name, *(reader.name for reader in readers.get(name, []))})
    } | {watched_output(source.outputs)}
    estimator = RangeEstimator()

    def tap(name: str, array: NDArray[Any]) -> None:
        if name not in watched:
            return
        if not np.isfinite(array).all():
            raise InputError(
                "CALIBRATION-NAN",
                f"tensor {name} holds NaN or infinity on a calibration film, computed in float16, which ends at 65,504",
                "if the student is whole there in float32, its activations are too large for Core ML: leave coreml out "
                "of the recipe's targets, or train with smaller ones; else check its weights and the films",
            )
        estimator.update(name, array.astype(np.float32))

    program = source.evaluated(graph)
    for film in films(calibration.images):
        program({"image": film}, tap)
    return estimator
