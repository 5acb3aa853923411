"""The student as ``torch.export`` gives it, in the spelling that XNNPACK's tools read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cxredge.recipe import InputSpec

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Graph, Node

    from cxredge.students.base import Student


def export(student: Student, spec: InputSpec) -> ExportedProgram:
    """The exported student, with ``spell_out`` done to it."""
    import torch

    with torch.no_grad():
        program = torch.export.export(student, (torch.zeros(1, spec.channels, spec.height, spec.width),))
        spell_out(program.graph)
        program.graph_module.recompile()
    return program


def spell_out(graph: Graph) -> None:
    """Write what executorch 1.4.1 stumbles over as it likes it; the values are the same.

    - The parts of a split or chunk, and what select takes, become slices, which the delegate has.
    - A slice that begins before the first value begins at it: the serialiser would take the negative number.
    - Slices of everything, and other aliases, are left out.
    - A pool without a stride gets the one that it has then, its window: the partitioner looks for the argument.
    """
    import torch

    aten = torch.ops.aten
    splits = (aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default, aten.unbind.int)
    pools = (aten.max_pool2d.default, aten.avg_pool2d.default)
    for node in list(graph.nodes):
        if node.target in splits:
            _as_slices(graph, node)
        elif node.target is aten.select.int:
            source, axis, place = node.args
            size = source.meta["val"].shape[axis]
            _replace(graph, node, _taken(graph, node, source, axis, place % size))
        elif node.target is aten.slice.Tensor:
            _clamp(graph, node)
        elif node.target is aten.alias.default:
            _replace(graph, node, node.args[0])
        elif node.target in pools and (len(node.args) < 3 or not node.args[2]):
            node.args = (*node.args[:2], list(node.args[1]), *node.args[3:])
    graph.eliminate_dead_code()


def _as_slices(graph: Graph, split: Node) -> None:
    """Each part of ``split`` on its own. Its sizes are read from what it gives."""
    import torch

    source: Any = split.args[0]
    axis = split.args[2] if len(split.args) > 2 else split.kwargs.get("dim", 0)
    single = split.target is torch.ops.aten.unbind.int
    if single:
        axis = split.args[1] if len(split.args) > 1 else split.kwargs.get("dim", 0)
    starts = [0]
    for part in split.meta["val"]:
        starts.append(starts[-1] + (1 if single else part.shape[axis]))
    for getitem in list(split.users):
        place: Any = getitem.args[1]
        with graph.inserting_before(getitem):
            if single:
                part = _taken(graph, getitem, source, axis, place % (len(starts) - 1))
            else:
                place %= len(starts) - 1
                part = _slice(graph, getitem, source, axis, starts[place], starts[place + 1])
        _replace(graph, getitem, part)


def _slice(graph: Graph, like: Node, source: Node, axis: Any, start: int, stop: int) -> Node:
    import torch

    with graph.inserting_before(like):
        node = graph.call_function(torch.ops.aten.slice.Tensor, (source, axis, start, stop))
    return _described(node, like)


def _taken(graph: Graph, like: Node, source: Node, axis: Any, place: int) -> Node:
    """One place of an axis, without the axis."""
    import torch

    piece = _slice(graph, like, source, axis, place, place + 1)
    shape = list(like.meta["val"].shape)
    with graph.inserting_before(like):
        node = graph.call_function(torch.ops.aten.view.default, (piece, shape))
    return _described(node, like)


def _described(node: Node, like: Node) -> Node:
    """``node`` with the module, source line and value of the operator that it stands for."""
    from torch.fx import map_arg

    node.meta = dict(like.meta)
    arguments = map_arg(node.args, lambda source: source.meta["val"])
    node.meta["val"] = node.target(*arguments)  # type: ignore[operator]  # an operator of ATen
    return node


def _clamp(graph: Graph, node: Node) -> None:
    """See ``spell_out``; slices with their last argument, the stride, keep it."""
    source, axis, start, stop, *stride = (*node.args, *(0, None, 2**63 - 1)[len(node.args) - 1 :])
    size: int = source.meta["val"].shape[axis]
    start, stop, _ = slice(start, stop).indices(size)
    if (start, stop) == (0, size) and stride in ([], [1]):
        _replace(graph, node, source)
    else:
        node.args = (source, axis, start, stop, *stride)


def _replace(graph: Graph, node: Node, by: Node) -> None:
    node.replace_all_uses_with(by)
    graph.erase_node(node)
