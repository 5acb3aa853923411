"""PT2E quantisation for XNNPACK with this toolchain's own ranges, in one light pass over the calibration films."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.ranges import CAM, RangeEstimator, films
from cxredge.quantize.units import inside, module_of
from cxredge.recipe_calibration import RangeRule

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import GraphModule

EPSILON = 2**-12
"""Least scale of an activation tensor, as XNNPACK's symmetric configuration has it."""


def quantise(
    program: ExportedProgram, calibration: CalibrationFilms, kept: frozenset[str]
) -> tuple[ExportedProgram, RangeEstimator]:
    """INT8 weights (per output channel, symmetric) and activations (per tensor, affine) inside module ``QUANTISED``,
    but for the operators of the modules ``kept``.

    Returns the exported INT8 program and the ranges by graph node name, with the float cam's as ``CAM``.
    """
    import torch
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    estimator = RangeEstimator()
    example = program.example_inputs[0]
    prepared = prepare_pt2e(program.module(), _quantizer(estimator, calibration.rule, kept))
    _name_observers(prepared)
    threads = torch.get_num_threads()
    # the tensors are small: on a machine of this size a second thread makes the pass six times slower
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            for film in films(calibration.images):
                estimator.update(CAM, prepared(torch.from_numpy(film))["cam"].numpy())
            return torch.export.export(convert_pt2e(prepared), example), estimator
    finally:
        torch.set_num_threads(threads)


def _quantizer(estimator: RangeEstimator, rule: RangeRule, kept: frozenset[str]) -> Any:
    """XNNPACK's quantizer, with our observer for activations; outside ``QUANTISED`` and in ``kept`` all stays float."""
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.observer import UniformQuantizationObserverBase

    class RangeObserver(UniformQuantizationObserverBase):
        """Hands what it sees to the estimator, under the name of the node that it watches."""

        watched = ""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            estimator.update(self.watched, x.detach().numpy())
            return x

        def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
            low, high = estimator.range(self.watched, rule)
            scale, zero = self._calculate_qparams(torch.tensor([low]), torch.tensor([high]))
            return scale, zero

    class PartlyFloat(XNNPACKQuantizer):
        """``set_module_name(name, None)`` is refused by XNNPACKQuantizer, so annotations are taken away afterwards.

        An INT8 head with a float mean behind it would load and then fail at run time: executorch 1.4.1 feeds the mean
        the NCHW copy of the cam that it makes for the output (``Propagating input shapes failed``).
        """

        def annotate(self, model: GraphModule) -> GraphModule:
            annotated: GraphModule = super().annotate(model)
            for node in annotated.graph.nodes:
                module = module_of(node)
                if not inside(module) or module in kept:
                    node.meta.pop("quantization_annotation", None)
            _drop_widows(annotated)
            _join_clamps(annotated)
            return annotated

    config = get_symmetric_quantization_config(is_per_channel=True)
    activation = replace(config.input_activation, observer_or_fake_quant_ctr=RangeObserver.with_args(eps=EPSILON))
    return PartlyFloat().set_global(replace(config, input_activation=activation, output_activation=activation))


def _drop_widows(model: GraphModule) -> None:
    """Leave in float what was to share the scale of an operator that is left in float: pooling behind it, reshapes."""
    from torch.fx import Node
    from torchao.quantization.pt2e.quantizer import SharedQuantizationSpec

    for node in model.graph.nodes:
        annotation = node.meta.get("quantization_annotation")
        if annotation is None:
            continue
        for spec in (annotation.output_qspec, *annotation.input_qspec_map.values()):
            source = spec.edge_or_node if isinstance(spec, SharedQuantizationSpec) else None
            if isinstance(source, Node):
                shared = source.meta.get("quantization_annotation")
                if shared is None or shared.output_qspec is None:
                    node.meta.pop("quantization_annotation", None)


def _join_clamps(model: GraphModule) -> None:
    """Quantise convolution + ReLU6 behind the clamp, as XNNPACKQuantizer does for ReLU only.

    Given: conv -> quantised -> hardtanh -> quantised, two operators, and a range wasted on what the clamp cuts off.
    Result: conv -> hardtanh -> quantised, which XNNPACK runs as one operator.
    """
    import torch
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation

    aten = torch.ops.aten
    for clamp in model.graph.nodes:
        if clamp.target not in (aten.hardtanh.default, aten.hardtanh_.default):
            continue
        convolution = clamp.args[0]
        annotation = convolution.meta.get("quantization_annotation")
        fits = convolution.target in (aten.conv2d.default, aten.convolution.default) and len(convolution.users) == 1
        if not fits or annotation is None or annotation.output_qspec is None:
            continue
        clamp.meta["quantization_annotation"] = QuantizationAnnotation(
            output_qspec=annotation.output_qspec, _annotated=True
        )
        annotation.output_qspec = None


def _name_observers(prepared: GraphModule) -> None:
    modules = dict(prepared.named_modules(remove_duplicate=False))
    for node in prepared.graph.nodes:
        observer = modules.get(str(node.target)) if node.op == "call_module" else None
        # one observer may watch several nodes that must share a scale: it keeps the first one's name
        if observer is not None and getattr(observer, "watched", None) == "":
            observer.watched = node.args[0].name
