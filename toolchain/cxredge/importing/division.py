"""A network divided in backbone and head: what INT8 may quantise, and what stays in float and gives the heatmaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.export.graph_signature import OutputKind, OutputSpec, TensorArgument
from torch.fx import Graph as FxGraph
from torch.fx import GraphModule, Node

from cxredge.aten import kind_of, writes
from cxredge.errors import counted
from cxredge.importing.head_search import Graph, Pooled, logits_of, pooled_head
from cxredge.importing.recomposed import recompose
from cxredge.quantize.kernels import kernel_of
from cxredge.recipe_student import Heatmap
from cxredge.students.heads import Affine, ExactHead, GradientHead, Hidden, Pointwise
from cxredge.students.program_student import Unflattened, replace_layers


@dataclass(frozen=True)
class Divided:
    """backbone: normalised image float32[N, c, H, W] -> features; head: these -> logits, or logits and cam."""

    backbone: nn.Module
    head: nn.Module
    heatmap: Heatmap
    why: str
    """Why the heatmap is of this kind, for people."""
    probability: str | None
    """What was taken off the end: ``sigmoid``, ``softmax`` or ``log-softmax``."""
    features: int | None
    """Number of pooled features; None where they are no vector or map."""


class Rows(nn.Module):
    """One row of ``width`` logits a film."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """float32[N] or float32[N, C, 1, 1] -> float32[N, C]."""
        return x.reshape(-1, self.width)


class MapHead(nn.Module):
    """The mean of maps that the network makes itself, one a class."""

    def __init__(self, maps: nn.Module) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """features -> logits float32[N, C], cam float32[N, C, h, w]."""
        cam = self.maps(features)
        return cam.mean((2, 3), keepdim=True).flatten(1), cam


def divide(exported: Any, output: int) -> Divided:
    """Divide the program's ``output``; ``exported`` (an ExportedProgram) is used up."""
    recompose(exported)
    graph = Graph(exported, output)
    logits, probability = logits_of(graph)
    found = pooled_head(graph, logits)
    if isinstance(found, Pooled):
        return _known(graph, found, probability) if found.layers else _maps(graph, found, probability)
    cut = _last_cut(graph, logits)
    head: nn.Module = nn.Identity() if cut is logits else _tail(graph, cut, logits)
    sides = logits.meta["val"].shape
    if len(sides) != 2:
        head = nn.Sequential(head, Rows(int(sides[1]) if len(sides) > 2 else 1))
    backbone = _truncated(graph, cut)
    shape = cut.meta["val"].shape
    features = int(shape[1]) if cut is not logits and len(shape) in (2, 4) else None
    return Divided(backbone, head, "none", found, probability, features)


def _known(graph: Graph, found: Pooled, probability: str | None) -> Divided:
    """A global mean and layers that are known."""
    size = int(found.map.meta["val"].shape[1])
    backbone, first = _truncated(graph, found.map), found.layers[0]
    if len(found.layers) == 1 and isinstance(first, Pointwise):
        weight, bias = first.conv.weight.detach(), None if first.bias is None else first.bias.detach().reshape(-1)
        why = "a global mean and one linear layer"
        return Divided(backbone, ExactHead(weight, bias), "exact", why, probability, size)
    layers = list(found.layers)
    if isinstance(first, Pointwise):
        backbone, size = Hidden(backbone, first.conv), first.conv.out_channels
        shift = [] if first.bias is None else [Affine(torch.ones(1), first.bias)]
        layers = [*shift, *layers[1:]]
    linear = sum(isinstance(layer, Pointwise) for layer in found.layers)
    why = f"a global mean and {counted(linear, 'linear layer')} with others{' between' if linear > 1 else ''}"
    return Divided(backbone, GradientHead(layers), "gradient", why, probability, size)


def _maps(graph: Graph, found: Pooled, probability: str | None) -> Divided:
    """The network ends in the global mean of maps, one a class."""
    cut = _last_cut(graph, found.map)
    head = MapHead(nn.Identity() if cut is found.map else _tail(graph, cut, found.map))
    size = int(cut.meta["val"].shape[1]) if cut.meta["val"].ndim == 4 else None
    return Divided(_truncated(graph, cut), head, "exact", "a global mean of one map a label", probability, size)


def _last_cut(graph: Graph, until: Node) -> Node:
    """The last tensor that everything passes with a layer behind it; ``until`` itself where there is none."""
    behind = False
    cuts = graph.cuts(until)
    places = {node: i for i, node in enumerate(graph.dependent)}
    for cut, after in zip(reversed(cuts[:-1]), reversed(cuts[1:]), strict=True):
        between = [n for n in graph.dependent if places[cut] < places[n] <= places[after]]
        behind = behind or any(kernel_of(n) is not None for n in between)
        if behind and cut is not graph.image and _movable(graph, cut, until):
            return cut
    return until


def _movable(graph: Graph, cut: Node, until: Node) -> bool:
    """Whether what lies between needs nothing else than the cut, constants, and the size of the batch."""
    for node in _between(graph, cut, until):
        for source in node.all_input_nodes:
            if source in graph.dependent or graph.is_stored(source):
                continue
            if not _is_batch(source) and source not in _constants_between(graph, node):
                return False
    return True


def _constants_between(graph: Graph, node: Node) -> set[Node]:
    """Inputs of ``node`` that are computed from no tensor, and that nothing can have written into."""
    made = {s for s in node.all_input_nodes if s.op == "call_function" and not s.all_input_nodes}
    return {s for s in made if all(user in graph.dependent for user in s.users)}


def _between(graph: Graph, cut: Node, until: Node) -> list[Node]:
    """Operators behind ``cut`` that ``until`` depends on, in order, ``until`` too."""
    wanted, places = graph.needed(until), graph.dependent
    return [node for node in places if node in wanted and places[node] > places[cut]]


def _is_batch(node: Node) -> bool:
    return node.op == "call_function" and kind_of(node) == "sym_size" and node.args[1:] == (0,)


def _tail(graph: Graph, cut: Node, until: Node) -> nn.Module:
    """What lies between as a module of its own."""
    made, parts, new = dict[Node, Node](), dict[str, Tensor](), FxGraph()
    made[cut] = new.placeholder("features")

    def take(source: Node) -> Node:
        if source not in made:
            stored = graph.constant(source)
            if stored is not None:
                name = f"constant_{len(parts)}"
                parts[name] = stored.clone()
                made[source] = new.get_attr(name)
            elif _is_batch(source):
                made[source] = new.call_function(torch.ops.aten.sym_size.int, (made[cut], 0))
            else:
                made[source] = new.node_copy(source, take)
        return made[source]

    for node in _between(graph, cut, until):
        made[node] = new.node_copy(node, take)
        # the modules that it was in are not here: a second export would take them for its own
        made[node].meta.pop("nn_module_stack", None)
    new.output(made[until])
    holder = nn.Module()
    for name, tensor in parts.items():
        holder.register_parameter(name, nn.Parameter(tensor, requires_grad=False))
    tail = GraphModule(holder, new).eval()
    replace_layers(tail)
    return tail


def _truncated(graph: Graph, cut: Node) -> nn.Module:
    """The program up to ``cut``, as a module with the network's own parts."""
    exported, nodes = graph.exported, graph.exported.graph_module.graph
    wanted, before = {cut}, False
    for node in reversed(list(nodes.nodes)):
        if node in wanted or (before and writes(node)):
            wanted.update((node, *node.all_input_nodes))
        before = before or node is cut
    graph.end.args = ((cut,),)
    for node in reversed(list(nodes.nodes)):
        if node not in wanted and node not in (graph.end, graph.image):
            nodes.erase_node(node)
    signature = exported.graph_signature
    left = {node.name for node in nodes.nodes}
    signature.input_specs = [spec for spec in signature.input_specs if spec.arg.name in left]
    signature.output_specs = [OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(cut.name), None)]
    kept = {spec.target for spec in signature.input_specs}
    for stored in (exported.state_dict, exported.constants):
        for name in [name for name in stored if name not in kept]:
            del stored[name]
    return Unflattened(exported)
