"""From the student to a float ``.tflite``: litert-torch's own steps, its graph spelled as its converter likes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cxredge.aten import arguments, pair
from cxredge.quantize.ranges import CAM
from cxredge.recipe_input import InputSpec
from cxredge.targets.spelling import called, needless, replaced, sliced, whole_windows
from cxredge.targets.tflite.pools import count_border, repeat_border
from cxredge.targets.tflite.quantizer import SIGNATURE

if TYPE_CHECKING:
    import torch
    from torch.fx import Graph, Node

    from cxredge.students.base import Student


def convert(student: Student, spec: InputSpec) -> bytes:
    """The float model. litert-torch has no place between its export and its converter, so its steps are taken here."""
    import torch
    from litert_torch import fx_infra
    from litert_torch._convert import core, litert_converter
    from litert_torch._convert.signature import Signature

    example = torch.zeros(1, spec.height, spec.width, spec.channels)
    signature = Signature(SIGNATURE, _channels_last(student), None, {"image": example})
    program = core.export_torch_signature(signature, run_decompositions=False)
    with torch.no_grad():
        spell_out(program.graph)
    program.graph_module.recompile()
    program = fx_infra.graph_utils.reset_from_node_meta(program)
    program = fx_infra.safe_run_decompositions(program, fx_infra.decomp.pre_convert_decomp(), can_skip=False)
    programs = [core._run_convert_passes(program)]
    return bytes(litert_converter.exported_programs_to_flatbuffer(programs, [signature]).to_bytes())


def _channels_last(student: Student) -> torch.nn.Module:
    """The student with NHWC input and cam, so that no layout operator stands at the input."""
    import torch

    class ChannelsLast(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.student = student

        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            outputs = self.student(image.permute(0, 3, 1, 2))
            return {name: value.permute(0, 2, 3, 1) if name == CAM else value for name, value in outputs.items()}

    return ChannelsLast().eval()


def spell_out(graph: Graph) -> None:
    """Write what litert-torch 0.10.0 stumbles over as it likes it; the values are the same.

    - A tensor is not expanded before a product or sum, and elsewhere its copies are put side by side: turning the
      layout around would tear the shapes apart.
    - A transposed convolution is computed whole and then cut: TFLite's has no padding of its own choice.
    - Pooling over a border: see ``pools``. An adaptive maximum of windows that are alike is a plain one.
    """
    import torch

    aten = torch.ops.aten
    for node in list(graph.nodes):
        if node.target in (aten.expand.default, aten.expand_as.default) and needless(node):
            replaced(graph, node, node.args[0])
        elif node.target in (aten.expand.default, aten.expand_as.default):
            _repeated(graph, node)
        elif node.target is aten.conv_transpose2d.input:
            _transposed(graph, node, arguments(node))
        elif node.target is aten.adaptive_max_pool2d.default:
            whole_windows(graph, node)
        elif node.target is aten.max_pool2d.default:
            repeat_border(graph, node)
        elif node.target is aten.avg_pool2d.default:
            count_border(graph, node)
    graph.eliminate_dead_code()


def _repeated(graph: Graph, node: Node) -> None:
    """Write an expansion of a tensor with an image's axes as what puts its copies side by side."""
    import torch

    x, sizes = node.all_input_nodes[0], node.meta["val"].shape
    if x.meta["val"].ndim != len(sizes) or len(sizes) != 4:
        return
    for axis, (size, wanted) in enumerate(zip(x.meta["val"].shape, sizes, strict=True)):
        if size != wanted:
            x = called(graph, node, torch.ops.aten.cat.default, [x] * wanted, axis)
    replaced(graph, node, x)


def _transposed(graph: Graph, node: Node, given: dict[str, Any]) -> None:
    """Without padding, all that the kernel reaches is given: the padding says how much of it is cut off again.

    Where ``output_padding`` asks for more than that, a row and column of zeros behind the image make it.
    """
    import torch

    paddings, extra = pair(given["padding"]), pair(given["output_padding"])
    if not any((*paddings, *extra)):
        return
    sizes = node.meta["val"].shape[2:]
    if any(more > padding for more, padding in zip(extra, paddings, strict=True)):
        given["input"] = called(graph, node, torch.ops.aten.constant_pad_nd.default, given["input"], [0, 1, 0, 1])
    given |= {"padding": [0, 0], "output_padding": [0, 0]}
    cut = called(graph, node, torch.ops.aten.conv_transpose2d.input, *given.values())
    for axis, (padding, size) in enumerate(zip(paddings, sizes, strict=True), 2):
        cut = sliced(graph, node, cut, axis, padding, padding + size)
    replaced(graph, node, cut)
