"""Rewriting an exported graph where an exporter stumbles over a spelling; the values are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.fx import Graph, Node


def called(graph: Graph, like: Node, operator: Any, *given: Any) -> Node:
    """A call of ``operator`` (of ATen) before ``like``, with the module and source line of that, and its own value."""
    from torch.fx import map_arg

    with graph.inserting_before(like):
        node = graph.call_function(operator, given)
    node.meta = dict(like.meta)
    node.meta["val"] = operator(*map_arg(given, lambda source: source.meta["val"]))
    return node


def sliced(graph: Graph, like: Node, source: Node, axis: int, start: int, stop: int) -> Node:
    """Cells ``start`` to ``stop`` of an axis, in the place of ``like``."""
    import torch

    return called(graph, like, torch.ops.aten.slice.Tensor, source, axis, start, stop)


def needless(expand: Node) -> bool:
    """Whether all that read the expanded tensor would expand it themselves, for the sake of their other input."""
    import torch

    aten = torch.ops.aten
    broadcasting = (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor)

    def other(user: Node) -> bool:
        shape = user.meta["val"].shape
        return any(n.meta["val"].shape == shape for n in user.all_input_nodes if n is not expand)

    return all(user.target in broadcasting and other(user) for user in expand.users)


def replaced(graph: Graph, node: Node, by: Any) -> None:
    """``by`` for ``node``, which goes."""
    node.replace_all_uses_with(by)
    graph.erase_node(node)


def whole_windows(graph: Graph, node: Node) -> None:
    """An ``aten.adaptive_max_pool2d`` whose windows are alike as the plain pool that it is; any other is left alone."""
    import torch

    (source, counts), sizes = node.args[:2], node.all_input_nodes[0].meta["val"].shape[-2:]
    # the places of the maxima are given as well, and mostly not read
    for unread in [user for user in node.users if not user.users]:
        graph.erase_node(unread)
    parts = {user.args[1]: user for user in node.users}
    if set(parts) != {0} or any(size % count for size, count in zip(sizes, counts, strict=True)):  # type: ignore[arg-type]
        return
    windows = [size // count for size, count in zip(sizes, counts, strict=True)]  # type: ignore[arg-type]
    replaced(graph, parts[0], called(graph, parts[0], torch.ops.aten.max_pool2d.default, source, windows, windows))
    graph.erase_node(node)
