"""The student as ``torch.export`` gives it, in the spelling that XNNPACK's tools read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from cxredge.aten import arguments, pair
from cxredge.recipe_input import InputSpec
from cxredge.targets.spelling import called, needless, replaced, sliced, whole_windows

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Graph, Node

    from cxredge.students.base import Student


def export(student: Student, spec: InputSpec) -> ExportedProgram:
    """The exported student, with ``spell_out`` done to it.

    A kernel that is still computed from parameters (``plain_kernels`` says which are) becomes a constant: the delegate
    takes no other.
    """
    import torch
    from executorch.exir.passes.constant_prop_pass import constant_prop_pass

    from cxredge.quantize.kernels import kernel_of

    with torch.no_grad():
        program = torch.export.export(student, (torch.zeros(1, spec.channels, spec.height, spec.width),))
        if any(kernel is not None and kernel.op == "call_function" for kernel in map(kernel_of, program.graph.nodes)):
            program = constant_prop_pass(program)
        if any(_written_through(node) for node in program.graph.nodes):
            # an observer or quantisation on such a view makes a copy of it, and the copy is what is written to
            program = program.run_decompositions({})
        spell_out(program.graph)
        program.graph_module.recompile()
    return program


def spell_out(graph: Graph) -> None:
    """Write what executorch 1.4.1 stumbles over as it likes it; the values are the same.

    - The parts of a split or chunk, and what select takes, become slices, which the delegate has.
    - A slice that begins before the first value begins at it: the serialiser would take the negative number.
    - Slices of everything, and other aliases, are left out.
    - A pool without a stride gets the one that it has then, its window: the partitioner looks for the argument. An
      average of whole windows says so: the delegate has no other.
    - An adaptive maximum of windows that are alike is a plain one.
    - Softplus and Mish are written in operators that the delegate has: cut in parts around theirs, INT8 does not run.
    - A mean over rows and columns keeps them, and drops them after; a tensor is not expanded before a product or sum.
    """
    import torch

    aten = torch.ops.aten
    splits = (aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default, aten.unbind.int)
    for node in list(graph.nodes):
        if node.target in splits:
            _split(graph, node, arguments(node))
        elif node.target is aten.select.int:
            given = arguments(node)
            size = given["self"].meta["val"].shape[given["dim"]]
            replaced(graph, node, _taken(graph, node, given["self"], given["dim"], given["index"] % size))
        elif node.target is aten.slice.Tensor:
            _clamp(graph, node, arguments(node))
        elif node.target is aten.alias.default:
            replaced(graph, node, node.args[0])
        elif node.target is aten.adaptive_max_pool2d.default:
            whole_windows(graph, node)
        elif node.target in (aten.max_pool2d.default, aten.avg_pool2d.default):
            _pool(node, arguments(node))
        elif node.target is aten.mean.dim:
            _mean(graph, node, arguments(node))
        elif node.target in (aten.expand.default, aten.expand_as.default) and needless(node):
            replaced(graph, node, node.args[0])
        elif node.target in (aten.softplus.default, aten.mish.default, aten.mish_.default):
            _softplus(graph, node, arguments(node))
    graph.eliminate_dead_code()


def spell_gates(program: ExportedProgram) -> ExportedProgram:
    """Write h-sigmoid as clamp(x + 3, 0, 6) / 6 with floats.

    Executorch's own spelling has whole numbers, and two copies of them to float for each, which no delegate takes.

    To be done behind the quantisation, so that it goes on in float between two INT8 tensors. One that writes into what
    is read by another name stays.
    """
    import torch

    aten, graph = torch.ops.aten, program.graph
    for node in list(graph.nodes):
        alone = node.target is aten.hardsigmoid_.default and len(node.args[0].users) == 1
        if alone or node.target is aten.hardsigmoid.default:
            raised = called(graph, node, aten.add.Tensor, node.args[0], 3.0)
            clipped = called(graph, node, aten.hardtanh.default, raised, 0.0, 6.0)
            replaced(graph, node, called(graph, node, aten.mul.Tensor, clipped, 1 / 6))
    program.graph_module.recompile()
    return program


def _written_through(node: Node) -> bool:
    """Whether ``node`` writes into a view, a slice for one, of what is read by its own name afterwards."""
    from torch._ops import OpOverload
    from torch.fx import Node

    source = node.args[0] if node.args else None
    return (
        isinstance(node.target, OpOverload)
        and isinstance(source, Node)
        and isinstance(source.target, OpOverload)
        and source.target.is_view
        and node.target._schema.is_mutable
    )


def _split(graph: Graph, split: Node, given: dict[str, Any]) -> None:
    """Each part of ``split``, or of unbind, on its own. Their sizes are read from what it gives."""
    import torch

    source, axis, parts = given["self"], given["dim"], split.meta["val"]
    single = split.target is torch.ops.aten.unbind.int
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + (1 if single else part.shape[axis]))
    for getitem in list(split.users):
        number: Any = getitem.args[1]
        number %= len(parts)
        if single:
            replaced(graph, getitem, _taken(graph, getitem, source, axis, number))
        else:
            replaced(graph, getitem, sliced(graph, getitem, source, axis, starts[number], starts[number + 1]))


def _taken(graph: Graph, like: Node, source: Node, axis: int, place: int) -> Node:
    """One place of an axis, without the axis."""
    import torch

    piece = sliced(graph, like, source, axis, place, place + 1)
    return called(graph, like, torch.ops.aten.reshape.default, piece, list(like.meta["val"].shape))


def _clamp(graph: Graph, node: Node, given: dict[str, Any]) -> None:
    source, axis, step = given["self"], given["dim"], given["step"]
    size: int = source.meta["val"].shape[axis]
    start, stop, _ = slice(given["start"], given["end"]).indices(size)
    if (start, stop, step) == (0, size, 1):
        replaced(graph, node, source)
    else:
        node.args = (source, axis, start, stop, *([] if step == 1 else [step]))


def _pool(node: Node, given: dict[str, Any]) -> None:
    given["stride"] = list(given["stride"] or given["kernel_size"])
    if "count_include_pad" in given:
        sizes = given["self"].meta["val"].shape[-2:]
        spans = zip(sizes, *(pair(given[name]) for name in ("padding", "kernel_size", "stride")), strict=True)
        if all((size + 2 * padding - kernel) % stride == 0 for size, padding, kernel, stride in spans):
            given["ceil_mode"] = False
        if not any(given["padding"]):
            given["count_include_pad"] = False
    node.args, node.kwargs = tuple(given.values()), {}


def _mean(graph: Graph, node: Node, given: dict[str, Any]) -> None:
    import torch

    rank = given["self"].meta["val"].ndim
    if given["keepdim"] or rank != 4 or {axis % rank for axis in given["dim"] or ()} != {2, 3}:
        return
    kept = called(graph, node, torch.ops.aten.mean.dim, given["self"], [2, 3], True)
    replaced(graph, node, called(graph, node, torch.ops.aten.view.default, kept, list(node.meta["val"].shape)))


def _softplus(graph: Graph, node: Node, given: dict[str, Any]) -> None:
    """max(x, 0) + log(1 + exp(-|x|)), which does not overflow; Mish is x times its tanh."""
    import torch

    aten = torch.ops.aten
    x, beta = given["self"], given.get("beta", 1)

    made = partial(called, graph, node)
    scaled = x if beta == 1 else made(aten.mul.Tensor, x, beta)
    small = made(aten.exp.default, made(aten.neg.default, made(aten.abs.default, scaled)))
    curve = made(aten.log.default, made(aten.add.Tensor, small, 1.0))
    soft = made(aten.add.Tensor, made(aten.relu.default, scaled), curve)
    if "beta" in given:
        replaced(graph, node, soft if beta == 1 else made(aten.mul.Tensor, soft, 1 / beta))
    else:
        replaced(graph, node, made(aten.mul.Tensor, x, made(aten.tanh.default, soft)))
