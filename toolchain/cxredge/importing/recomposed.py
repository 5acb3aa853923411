"""Operators that a decomposition made of layers (``run_decompositions``), as the layers' own operators again.

What is done to layers, here and in a build, knows them as linear layers, convolutions and batch norms.
"""

from __future__ import annotations

from operator import getitem
from typing import Any

import torch
from torch.fx import Node

from cxredge.aten import arguments, kind_of

SIDES = {3: torch.ops.aten.conv1d.default, 4: torch.ops.aten.conv2d.default}
"""Convolutions by the dimensions of their kernel."""
NORM = "_native_batch_norm_legit_no_training"
TURNS = frozenset({"t", "permute", "transpose"})
PARTS = TURNS | {"addmm", "mm", "convolution", NORM}
"""Operators that may be left without a reader. None of them writes into a tensor."""


def recompose(exported: Any) -> None:
    """Rewrite the graph of an ExportedProgram in place: it computes the same."""
    graph = exported.graph_module.graph
    for node in list(graph.nodes):
        found = _layer(node) if node.op == "call_function" else None
        if found is None:
            continue
        old, target, args = found
        with graph.inserting_before(old):
            new = graph.call_function(target, args)
        new.meta = dict(old.meta)
        old.replace_all_uses_with(new)
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and not node.users and (node.target is getitem or kind_of(node) in PARTS):
            graph.erase_node(node)


def _layer(node: Node) -> tuple[Node, Any, tuple[Any, ...]] | None:
    """The node that a layer's operator replaces, that operator, and what it is given."""
    aten, kind = torch.ops.aten, kind_of(node)
    if node.target is getitem:
        return _norm(node)
    if kind not in ("addmm", "mm", "convolution"):
        return None
    given = arguments(node)
    if kind == "convolution":
        sides = SIDES.get(given["weight"].meta["val"].ndim)
        if sides is None or given["transposed"]:
            return None
        keys = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        return node, sides, tuple(given[key] for key in keys)
    image, kernel, bias = (
        (given["mat1"], given["mat2"], given["self"]) if kind == "addmm" else (given["self"], given["mat2"], None)
    )
    weight = _turned(kernel)
    plain = given.get("beta", 1) == given.get("alpha", 1) == 1 and (bias is None or bias.meta["val"].ndim == 1)
    return (node, aten.linear.default, (image, weight, bias)) if weight is not None and plain else None


def _turned(kernel: Node) -> Node | None:
    """The matrix whose rows are ``kernel``'s columns; None where ``kernel`` is no turned one."""
    if kernel.op != "call_function" or kind_of(kernel) not in TURNS:
        return None
    given = arguments(kernel)
    source: Node = given["self"]
    if source.meta["val"].ndim != 2:
        return None
    order = [given["dim0"] % 2, given["dim1"] % 2] if "dim0" in given else [d % 2 for d in given.get("dims", [1, 0])]
    turned = sorted(order) == [0, 1] if "dim0" in given else order == [1, 0]
    return source if turned else None


def _norm(node: Node) -> tuple[Node, Any, tuple[Any, ...]] | None:
    """The first output of a batch norm in evaluation."""
    norm = node.args[0]
    if not isinstance(norm, Node) or kind_of(norm) != NORM or node.args[1] != 0:
        return None
    given = arguments(norm)
    read = tuple(given[key] for key in ("input", "weight", "bias", "running_mean", "running_var"))
    return node, torch.ops.aten.batch_norm.default, (*read, False, given["momentum"], given["eps"], False)
