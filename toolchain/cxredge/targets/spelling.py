"""Rewriting an exported graph where an exporter stumbles over a spelling; the values are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.fx import Graph, Node


def sliced(graph: Graph, like: Node, source: Node, axis: int, start: int, stop: int) -> Node:
    """Cells ``start`` to ``stop`` of an axis, in the place of ``like``."""
    import torch

    with graph.inserting_before(like):
        node = graph.call_function(torch.ops.aten.slice.Tensor, (source, axis, start, stop))
    return described(node, like)


def described(node: Node, like: Node) -> Node:
    """``node`` with the module, source line and value of the operator that it stands for."""
    from torch.fx import map_arg

    node.meta = dict(like.meta)
    values = map_arg(node.args, lambda source: source.meta["val"])
    node.meta["val"] = node.target(*values)  # type: ignore[operator]  # an operator of ATen
    return node


def pair(value: list[int]) -> tuple[int, int]:
    """One number for both sides, or two."""
    return value[0], value[-1]


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
