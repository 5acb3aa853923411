"""Where a network's features end and its head begins, in the exported graph."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from cxredge.aten import arguments, kind_of, norm_terms, stored_names, writes
from cxredge.students.heads import ACTIVATIONS, Activation, Affine, Pointwise

_MOVES = """
view reshape flatten squeeze unsqueeze contiguous clone alias detach dropout identity feature_dropout alpha_dropout
_unsafe_view unflatten lift_fresh_copy
"""
MOVES = frozenset(_MOVES.split())
"""Operators behind the pooling that only move numbers, in evaluation."""
TURNS = ("permute", "transpose")
PICKS = ("select", "slice")
"""Operators that take some channels out."""
PROBABILITIES = {
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "_softmax": "softmax",
    "log_softmax": "log-softmax",
    "_log_softmax": "log-softmax",
}


class Graph:
    """The operators of a program between its image and one of its outputs. constants: tensors by placeholder."""

    def __init__(self, exported: Any, output: int) -> None:
        self.exported = exported
        self._names = stored_names(exported)
        self._stored = {**exported.state_dict, **exported.constants}
        graph = exported.graph_module.graph
        (image,) = exported.graph_signature.user_inputs
        self.image: Node = next(node for node in graph.nodes if node.name == image)
        (self.end,) = (node for node in graph.nodes if node.op == "output")
        self.output: Node = self.end.args[0][output]
        self.dependent = self._dependent(graph)

    def _dependent(self, graph: Any) -> dict[Node, int]:
        """Tensors that depend on the image, with their places; sizes of the batch are none."""
        found = {self.image: 0}
        for node in graph.nodes:
            value = node.meta.get("val") if node.op == "call_function" else None
            if isinstance(value, Tensor | list | tuple) and any(n in found for n in node.all_input_nodes):
                found[node] = len(found)
        return found

    def constant(self, node: Any) -> Tensor | None:
        """The tensor behind a placeholder of the state; None for anything else."""
        name = self._names.get(node.name) if isinstance(node, Node) else None
        return None if name is None else self._stored[name].detach()

    def is_stored(self, node: Node) -> bool:
        """Whether it stands for a parameter, a buffer or a constant."""
        return node.name in self._names

    def behind(self, node: Node) -> list[Node]:
        """Who reads it, of those that depend on the image and lie before the output."""
        return [user for user in node.users if user in self.dependent]

    def needed(self, until: Node) -> set[Node]:
        """``until``, and what of ``dependent`` makes it: what it reads, and what is written into that before it."""
        wanted, last = {until}, self.dependent[until]
        for node, place in reversed(list(self.dependent.items())):
            if node in wanted or (place < last and writes(node)):
                wanted.add(node)
                wanted.update(source for source in node.all_input_nodes if source in self.dependent)
        return wanted

    def cuts(self, until: Node) -> list[Node]:
        """Tensors through which all of the image passes on its way to ``until``, in order, ``until`` the last."""
        wanted = self.needed(until)
        order = [node for node in self.dependent if node in wanted]
        place = {node: i for i, node in enumerate(order)}
        batch = str(self.image.meta["val"].shape[0])
        found, open_until = [], 0
        for i, node in enumerate(order):
            if open_until <= i and isinstance(node.meta["val"], Tensor):
                shape = node.meta["val"].shape
                if len(shape) and str(shape[0]) == batch:
                    found.append(node)
            readers = [place[user] for user in node.users if user in place]
            open_until = max([open_until, *readers])
        return found


@dataclass(frozen=True)
class Pooled:
    """A map that is pooled globally, and the layers from there to the logits. map: float32[N, d, h, w]."""

    map: Node
    layers: tuple[nn.Module, ...]


def logits_of(graph: Graph) -> tuple[Node, str | None]:
    """The node of the logits, and what turned them into probabilities, if anything did."""
    node = graph.output
    while True:
        kind = kind_of(node).removesuffix("_") if node.op == "call_function" else ""
        sources = [source for source in node.all_input_nodes if source in graph.dependent]
        if len(sources) != 1 or not _one_a_class(sources[0]):
            return graph.output, None
        if kind in PROBABILITIES and (kind == "sigmoid" or _axis(node) == 1):
            return sources[0], PROBABILITIES[kind]
        if not is_move(node) and not (kind in PICKS and _width(sources[0]) == 1 and _axis(node) == 1):
            return graph.output, None
        node = sources[0]


def _one_a_class(node: Node) -> bool:
    """Whether a tensor is [N], [N, C] or [N, C, 1, 1]."""
    value = node.meta["val"]
    shape = value.shape if isinstance(value, Tensor) else ()
    return len(shape) in (1, 2) or (len(shape) == 4 and tuple(shape[2:]) == (1, 1))


def _width(node: Node) -> int:
    shape = node.meta["val"].shape
    return int(shape[1]) if len(shape) > 1 else 1


def _axis(node: Node) -> int:
    """Of an operator along one axis of its input, counted from the first."""
    given = arguments(node)
    source = given.get("self") or given.get("input")
    assert isinstance(source, Node)
    return int(given["dim"] % source.meta["val"].ndim)


def pooled_head(graph: Graph, logits: Node) -> Pooled | str:
    """The last global mean that everything passes, where all behind it is known; else why there is none, in words."""
    for pool in reversed(graph.cuts(logits)):
        source = _pooled_map(graph, pool)
        if source is not None:
            layers = list(_layers(graph, pool, logits))
            unknown = next((layer for layer in layers if isinstance(layer, str)), None)
            known = [layer for layer in layers if isinstance(layer, nn.Module)]
            return unknown or Pooled(source, tuple(simplified(known)))
    return "the network does not end in a global mean and layers behind it"


def _is_operator(node: Node) -> bool:
    """Whether it is one of ATen, and not the choice of one of several outputs."""
    return node.op == "call_function" and hasattr(node.target, "_schema")


def _pooled_map(graph: Graph, node: Node) -> Node | None:
    """What a global mean reads; None for other operators."""
    if not _is_operator(node):
        return None
    kind, given = kind_of(node), arguments(node)
    source = given.get("self") or given.get("input")
    if not isinstance(source, Node) or source not in graph.dependent:
        return None
    shape = source.meta["val"].shape
    if kind == "adaptive_avg_pool2d" and list(given["output_size"]) == [1, 1]:
        return source
    if kind == "avg_pool2d" and list(given["kernel_size"]) == list(shape[-2:]) and not any(given["padding"]):
        return source
    if kind == "mean" and given.get("dim") is not None:
        axes = {axis % len(shape) for axis in given["dim"]}
        if len(shape) == 4 and axes == {2, 3}:
            return source
        before = (
            source.all_input_nodes[0]
            if kind_of(source).removesuffix("_") in MOVES and source.op == "call_function"
            else None
        )
        if len(shape) == 3 and axes == {2} and before is not None and len(before.meta["val"].shape) == 4:
            flat = before.meta["val"].shape
            return before if flat[1] == shape[1] and flat[2] * flat[3] == shape[2] else None
    return None


def is_move(node: Node) -> bool:
    """Whether an operator only moves numbers, in evaluation."""
    kind = kind_of(node).removesuffix("_")
    if kind == "slice":
        given = arguments(node)
        return not given["start"] and given["end"] in (None, sys.maxsize) and given["step"] == 1
    return kind in MOVES


def _layers(graph: Graph, pool: Node, logits: Node) -> Iterator[nn.Module | str]:
    """Layers from ``pool`` to ``logits``; why not, where one is unknown, and nothing behind it."""
    node = pool
    while node is not logits:
        readers = graph.behind(node)
        if len(readers) != 1:
            yield "behind the mean the network branches, and a branch has no map here"
            return
        node = readers[0]
        if not is_move(node):
            layer = _layer(graph, node)
            if layer is None:
                while kind_of(node) in TURNS and len(graph.behind(node)) == 1:
                    (node,) = graph.behind(node)  # what they turn it for says more
                yield f"behind the mean stands {kind_of(node).removeprefix('native').strip('_')}, which has no map here"
                return
            yield layer


def _layer(graph: Graph, node: Node) -> nn.Module | None:
    """What one operator does to float32[N, M, 1, 1] or [N, M]; None for an operator that is not known here."""
    if not _is_operator(node):
        return None
    kind, given = kind_of(node), arguments(node)
    if kind.removesuffix("_") in ACTIVATIONS:
        return Activation(kind.removesuffix("_"))
    if kind.removesuffix("_") == "hardtanh" and (given["min_val"], given["max_val"]) == (0, 6):
        return Activation("relu6")
    if kind in ("linear", "conv2d"):
        weight, bias = graph.constant(given["weight"]), graph.constant(given["bias"])
        if weight is None or (given["bias"] is not None and bias is None):
            return None
        if kind == "conv2d" and (weight.shape[2:] != (1, 1) or given["groups"] != 1 or any(given["padding"])):
            return None
        return Pointwise(weight, bias)
    if kind in PICKS:
        return _picked(node)
    if kind == "batch_norm":
        terms = norm_terms(node, graph.constant)
        return None if terms is None else Affine(terms[0].float(), terms[1].float())
    return _arithmetic(graph, kind.removesuffix("_"), given)


def _picked(node: Node) -> Pointwise | None:
    """Some of the channels, as a matrix of zeros and ones."""
    given = arguments(node)
    if _axis(node) != 1:
        return None
    every = torch.eye(_width(given["self"]))
    if kind_of(node) == "select":
        return Pointwise(every[given["index"]][None], None)
    return Pointwise(every[given["start"] : given["end"] : given["step"]], None)


def _arithmetic(graph: Graph, kind: str, given: dict[str, Any]) -> nn.Module | None:
    """A sum or product with a constant: one number, or one a channel."""
    if kind not in ("add", "sub", "mul", "div") or given.get("alpha", 1) != 1:
        return None
    other = given.get("other")
    if isinstance(other, int | float):
        value = torch.tensor([float(other)])
    else:
        stored = graph.constant(other)
        if stored is None or (stored.numel() > 1 and stored.numel() != max(stored.shape)):
            return None
        value = stored.reshape(-1).float()
    one, none = torch.ones(1), torch.zeros(1)
    return {
        "add": Affine(one, value),
        "sub": Affine(one, -value),
        "mul": Affine(value, none),
        "div": Affine(1 / value, none),
    }[kind]


def simplified(layers: list[nn.Module]) -> list[nn.Module]:
    """The same with linear layers and affine ones that meet made one."""
    found: list[nn.Module] = []
    for layer in layers:
        before = found[-1] if found else None
        if before is None or isinstance(layer, Activation) or isinstance(before, Activation):
            found.append(layer)
        else:
            found[-1] = _joined(before, layer)
    return found


def _joined(first: nn.Module, second: nn.Module) -> nn.Module:
    (w1, b1), (w2, b2) = _matrix(first), _matrix(second)
    if w1.ndim == 1 and w2.ndim == 1:
        return Affine((w1 * w2).float(), (b1 * w2 + b2).float())
    if w1.ndim == 1:
        return Pointwise((w2 * w1).float(), (w2 @ (b1 if b1.numel() > 1 else b1.expand(w2.shape[1])) + b2).float())
    if w2.ndim == 1:
        return Pointwise((w1 * w2[:, None]).float(), (b1 * w2 + b2).float())
    return Pointwise((w2 @ w1).float(), (w2 @ b1 + b2).float())


def _matrix(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Of a linear layer float64[M, K] and float64[M]; of an affine one float64[M] or [1] twice."""
    if isinstance(layer, Affine):
        return layer.scale.double().reshape(-1), layer.shift.double().reshape(-1)
    assert isinstance(layer, Pointwise)
    weight = layer.conv.weight.detach().double()[:, :, 0, 0]
    bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach().reshape(-1)
    return weight, bias.double()
