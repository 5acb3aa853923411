"""PT2E quantisation for XNNPACK with this toolchain's own ranges, in one light pass over the calibration films."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cxredge.aten import arguments
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.ranges import RangeEstimator, films, watched_output
from cxredge.quantize.units import inside, module_of, output_nodes
from cxredge.recipe_calibration import RangeRule

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import GraphModule, Node

MOVES = frozenset({"channel_shuffle", "clone", "flip", "max_pool2d", "pixel_shuffle", "pixel_unshuffle", "roll"})
"""Operators, beside ATen's views, that give values which they were given."""
EPSILON = 2**-12
"""Least scale of an activation tensor, as XNNPACK's symmetric configuration has it."""


def quantise(
    program: ExportedProgram, calibration: CalibrationFilms, kept: frozenset[str]
) -> tuple[ExportedProgram, RangeEstimator]:
    """INT8 weights (per output channel, symmetric) and activations (per tensor, affine) inside module ``QUANTISED``,
    but for the operators of the modules ``kept``.

    Returns the exported INT8 program and the ranges by graph node name, with ``watched_output``'s.
    """
    import torch
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    estimator, unit = RangeEstimator(), watched_output(output_nodes(program))
    example = program.example_inputs[0]
    prepared = prepare_pt2e(_untied(program.module()), _quantizer(estimator, calibration.rule, kept))
    _name_observers(prepared)
    threads = torch.get_num_threads()
    # the tensors are small: on a machine of this size a second thread makes the pass six times slower
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            for film in films(calibration.images):
                estimator.update(unit, prepared(torch.from_numpy(film))[unit].numpy())
            return torch.export.export(_parted(convert_pt2e(prepared)), example), estimator
    finally:
        torch.set_num_threads(threads)


def _untied(model: GraphModule) -> GraphModule:
    """Give every layer its own copy of a kernel or bias that several read.

    PT2E folds batch norms into it and rounds it once for each of them, and XNNPACK does not load what comes of that.
    """
    import torch

    from cxredge.quantize.kernels import kernel_of

    for node in [n for n in model.graph.nodes if kernel_of(n) is not None]:
        for name in ("weight", "bias"):
            shared = arguments(node)[name]
            if shared is None or shared.op != "get_attr" or len(shared.users) == 1:
                continue
            own = f"_{node.name}_{name}"
            model.register_parameter(own, torch.nn.Parameter(_attribute(model, shared.target).clone(), False))
            with model.graph.inserting_before(node):
                copy = model.graph.get_attr(own)
            copy.meta = dict(shared.meta)
            node.replace_input_with(shared, copy)
    model.recompile()
    return model


def _parted(model: GraphModule) -> GraphModule:
    """Give every operator that is quantised behind its own copy of the dequantisations that it reads.

    PT2E does so for what is annotated only; XNNPACK takes what stands between the two for INT8 all the same. It leaves
    such a dequantisation out, and with it what another part of the program was to read from it: the part then has
    another output in its place, or fails as it runs.
    """
    for node in list(model.graph.nodes):
        if "dequantize_per_tensor" in str(node.target):
            for user in [user for user in node.users if _quantised_behind(user)]:
                if len(node.users) > 1:
                    with model.graph.inserting_before(user):
                        user.replace_input_with(node, model.graph.node_copy(node))
    model.recompile()
    return model


def _quantised_behind(node: Node) -> bool:
    """Whether a quantisation follows, or follows the activation that XNNPACK joins with ``node``."""
    following = [*node.users, *(further for user in node.users for further in user.users)]
    return any(".quantize_per_tensor" in str(user.target) for user in following)


def _attribute(model: GraphModule, target: Any) -> Any:
    from operator import attrgetter

    return attrgetter(str(target))(model)


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
            _share_scales(annotated, kept)
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


def _share_scales(model: GraphModule, kept: frozenset[str]) -> None:
    """Give what only moves values the scale of what it moves: XNNPACK's quantizer does so for a few such operators.

    A slice with a scale of its own would round its values again, and XNNPACK does not load one. The delegate has no
    slice with steps: it stays in float.
    """
    from torch.fx import Node
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, SharedQuantizationSpec

    for node in model.graph.nodes:
        source = node.args[0] if node.args else None
        if not isinstance(source, Node) or not _moves(node) or "quantization_annotation" in node.meta:
            continue
        made = source.meta.get("quantization_annotation")
        module = module_of(node)
        if made is not None and made.output_qspec is not None and inside(module) and module not in kept:
            shared = SharedQuantizationSpec(source)
            node.meta["quantization_annotation"] = QuantizationAnnotation(
                input_qspec_map={source: shared}, output_qspec=shared, _annotated=True
            )


def _moves(node: Node) -> bool:
    import torch

    if not isinstance(node.target, torch._ops.OpOverload) or not isinstance(node.meta.get("val"), torch.Tensor):
        return False
    strided = node.target is torch.ops.aten.slice.Tensor and len(node.args) > 4 and node.args[4] != 1
    return not strided and (node.target.is_view or str(node.target).split(".")[1] in MOVES)


def _name_observers(prepared: GraphModule) -> None:
    modules = dict(prepared.named_modules(remove_duplicate=False))
    for node in prepared.graph.nodes:
        observer = modules.get(str(node.target)) if node.op == "call_module" else None
        # one observer may watch several nodes that must share a scale: it keeps the first one's name
        if observer is not None and getattr(observer, "watched", None) == "":
            observer.watched = node.args[0].name
