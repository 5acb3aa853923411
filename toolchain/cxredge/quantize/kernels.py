"""Kernels that a student computes from its parameters alone, computed once: weight norm, standardised weights, ...

An exporter that meets such a computation carries it into the file, or quantises what goes into it instead of what
comes out, and a delegate does not take a kernel that is no constant. So every convolution and linear layer whose kernel
no image can change gets it as a plain weight before anything is traced. Which these are is found in the exported graph,
by what the kernel depends on, whatever wrote it: a parametrization, a hook, or the module's own ``forward``. The same
operators run on the same numbers, so that the kernel is bit for bit the one that the student computes for itself.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node
from torch.overrides import TorchFunctionMode

from cxredge.aten import arguments, kind_of, stored_names
from cxredge.quantize.units import module_of
from cxredge.recipe_input import InputSpec
from cxredge.students.base import Student

LAYERS: Mapping[str, type[nn.Module]] = {
    "conv1d": nn.Conv1d,
    "conv2d": nn.Conv2d,
    "conv3d": nn.Conv3d,
    "conv_transpose1d": nn.ConvTranspose1d,
    "conv_transpose2d": nn.ConvTranspose2d,
    "conv_transpose3d": nn.ConvTranspose3d,
    "linear": nn.Linear,
}
"""The plain layer for each of ATen's operators with a kernel, which is their second argument."""
IMAGES = 2
"""A batch of one is taken for a constant by ``torch.export``."""


def plain_kernels(student: Student, spec: InputSpec) -> Student:
    """``student`` itself where every kernel is a parameter already; else a copy in which those that can be are.

    A module that is no more than such an operator becomes the plain layer; of one that does more beside, the layer is
    made a part. A module that takes or gives several tensors, or is called in several ways, is left as it is.
    """
    if not _computes(student, spec):
        return student
    # the run has left in hooked modules the kernels of a pass without gradients: others cannot be copied
    plain = copy.deepcopy(student).eval()
    calls = Calls(plain, spec)
    for path in dict.fromkeys(module_of(node) for node in calls.computed()):
        layer = calls.layer(path)
        if layer is not None:
            plain.set_submodule(path, layer)
        elif path:
            replace(plain, path, calls.compound(path), spec)
    return plain


@torch.no_grad()
def _computes(student: Student, spec: InputSpec) -> bool:
    """Whether some kernel is no parameter or buffer of the student: a run tells, in less time than an export."""
    stored = {id(tensor) for tensor in (*student.parameters(), *student.buffers())}
    foreign: list[str] = []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = kwargs or {}
            name = getattr(func, "__name__", "")
            if name in LAYERS and id(given["weight"] if "weight" in given else args[1]) not in stored:
                foreign.append(name)
            return func(*args, **given)

    run_under(Watch(), student, spec)
    return bool(foreign)


def run_under(mode: TorchFunctionMode, student: Student, spec: InputSpec) -> None:
    """Run a black image in evaluation mode under ``mode``; the student's own modes stay as they are."""
    modes = {module: module.training for module in student.modules()}
    try:
        with mode:
            student.eval()(torch.zeros(1, spec.channels, spec.height, spec.width))
    finally:
        for module, training in modes.items():
            module.training = training


@torch.no_grad()
def replace(student: Student, path: str, compound: nn.Module | None, spec: InputSpec) -> bool:
    """Put ``compound`` in the place of module ``path``, if the student then says the same of any number of images.

    Returns whether it was done.
    """
    if compound is None:
        return False
    shape = IMAGES, spec.channels, spec.height, spec.width
    images = torch.linspace(0, 255, IMAGES * spec.channels * spec.height * spec.width).reshape(shape)
    before, wanted = student.get_submodule(path), [student(images[:n]) for n in (1, IMAGES)]
    student.set_submodule(path, compound)
    try:
        found = [student(images[:n]) for n in (1, IMAGES)]
        same = all(_close(a[k], b[k]) for a, b in zip(found, wanted, strict=True) for k in b)
    except (RuntimeError, TypeError, ValueError):  # it is called in another way than with one tensor
        same = False
    if not same:
        student.set_submodule(path, before)
    return same


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


@dataclass(frozen=True)
class Merged:
    """Operators that one layer replaces. source: the tensor that all of them read, directly or not."""

    nodes: frozenset[Node]
    source: Node
    layer: nn.Module


class Calls:
    """The exported student: its operators, and the values of all that depends on no image."""

    def __init__(self, student: Student, spec: InputSpec) -> None:
        self._student = student
        # any number of images: a module that is made anew from its operators must not be for one only
        example = (torch.zeros(IMAGES, spec.channels, spec.height, spec.width),)
        with torch.no_grad():
            program = torch.export.export(student, example, dynamic_shapes=({0: torch.export.Dim.AUTO},))
        names = stored_names(program)
        stored = {**program.state_dict, **program.constants}
        self._sizes = {n for n in program.graph.nodes if isinstance(n.meta.get("val"), torch.SymInt)}
        """Numbers of images in the batch."""
        self._nodes = [n for n in program.graph.nodes if n.op == "call_function" and n not in self._sizes]
        self._constants: dict[Node, Any] = {n: stored[names[n.name]] for n in program.graph.nodes if n.name in names}
        with torch.no_grad():
            for node in self._nodes:
                if all(source in self._constants for source in node.all_input_nodes):
                    self._constants[node] = node.target(*self._given(node.args), **self._given(node.kwargs))

    def _given(self, arguments: Any) -> Any:
        return torch.fx.node.map_arg(arguments, lambda node: self._constants[node])

    def computed(self) -> Iterator[Node]:
        """Operators that read an image and a kernel that was computed from constants."""
        for node in self._nodes:
            kernel = kernel_of(node)
            if node not in self._constants and kernel in self._constants and kernel.op == "call_function":
                yield node

    def layer(self, path: str) -> nn.Module | None:
        """The plain layer that does what module ``path`` does; None where it does more, or is called in two ways."""
        calls: dict[str, list[Node]] = {}
        for node in self._nodes:
            key = _call_of(node, path)
            if key is not None and node not in self._constants:
                calls.setdefault(key, []).append(node)
        operators = [nodes[0] for nodes in calls.values() if len(nodes) == 1]
        if len(operators) != len(calls) or any(kernel_of(node) not in self._constants for node in operators):
            return None
        layers = [self._plain(node) for node in operators]
        return layers[0] if all(_same(layer, layers[0]) for layer in layers) else None

    def _plain(self, node: Node) -> nn.Module:
        given = arguments(node)
        kind = LAYERS[kind_of(node)]
        weight: Tensor = self._constants[given.pop("weight")]
        bias = given.pop("bias")
        image = given.pop("input")
        assert isinstance(image, Node)
        groups = int(given.get("groups", 1))
        across = int(weight.shape[1]) * groups, int(weight.shape[0])
        if "transpose" in kind_of(node):
            across = int(weight.shape[0]), int(weight.shape[1]) * groups
        if kind is not nn.Linear:
            given["kernel_size"] = tuple(weight.shape[2:])
        # on no device: torch would draw random numbers for weights that are replaced at once
        layer = kind(*across, bias=bias is not None, device="meta", **given)
        layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
        if bias is not None:
            layer.bias = nn.Parameter(self._constants[bias].detach().clone(), requires_grad=False)
        return layer.eval()

    def operators(self) -> Iterator[Node]:
        """Operators that read an image, in the order of execution."""
        return (node for node in self._nodes if node not in self._constants)

    def constant(self, node: object) -> Tensor | None:
        """The value of a node that depends on no image; None of others."""
        return self._constants.get(node) if isinstance(node, Node) else None

    def compound(self, path: str, merged: Mapping[Node, Merged] = MappingProxyType({})) -> nn.Module | None:
        """Module ``path`` with a plain layer for each operator of its own that has a constant kernel, and in place of
        the operators ``merged``, by the last one of each group, their layers.

        Modules in it stay as they are. None where it, or one in it, takes or gives other than one tensor a call, or
        where part of a module is merged.
        """
        gone = {node for group in merged.values() for node in group.nodes}
        inside = [n for n in self._nodes if _call_of(n, path) is not None and n not in self._constants]
        if len({_call_of(node, path) for node in inside}) != 1:
            return None
        ends = self._ends(inside)
        if ends is None:
            return None
        graph, parts, made = Graph(), dict[str, Any](), dict[Node, Node]()
        made[ends[0]] = graph.placeholder("x")
        batch = graph.call_function(torch.ops.aten.sym_size.int, (made[ends[0]], 0))
        made |= dict.fromkeys(self._sizes, batch)
        for child, nodes in _children(inside, path):
            if child and not gone.isdisjoint(nodes):
                if not gone.issuperset(nodes):
                    return None
                continue
            if child:
                around = self._ends(nodes)
                if around is None or around[0] not in made:
                    return None
                parts[child] = self._student.get_submodule(f"{path}.{child}" if path else child)
                made[around[1]] = graph.call_module(child, (made[around[0]],))
                continue
            for node in nodes:
                if node in merged:
                    if merged[node].source not in made:
                        return None
                    name = f"branches_{len(parts)}"
                    parts[name] = merged[node].layer
                    made[node] = graph.call_module(name, (made[merged[node].source],))
                    continue
                if node in gone:
                    continue
                if kernel_of(node) in self._constants:
                    name = f"{kind_of(node)}_{len(parts)}"
                    parts[name] = self._plain(node)
                    made[node] = graph.call_module(name, (made[arguments(node)["input"]],))
                    continue
                for source in node.all_input_nodes:
                    if source in self._constants and source not in made:
                        name = f"constant_{len(parts)}"
                        parts[name] = self._constants[source].detach().clone()
                        made[source] = graph.get_attr(name)
                made[node] = graph.node_copy(node, lambda source: made[source])
        graph.output(made[ends[1]])
        if not batch.users:
            graph.erase_node(batch)
        return GraphModule(parts, graph).eval()

    def _ends(self, nodes: list[Node]) -> tuple[Node, Node] | None:
        """The one tensor that ``nodes`` read from outside, and the one that others read of them."""
        within = set(nodes)
        known = within | self._constants.keys() | self._sizes
        given = dict.fromkeys(source for n in nodes for source in n.all_input_nodes if source not in known)
        made = [node for node in nodes if not within.issuperset(node.users)]
        return (next(iter(given)), made[0]) if len(given) == len(made) == 1 else None


def kernel_of(node: Node) -> Any:
    """The node of the kernel that an operator with one multiplies with; None for the others."""
    return arguments(node)["weight"] if node.op == "call_function" and kind_of(node) in LAYERS else None


def _call_of(node: Node, path: str) -> str | None:
    """Which call of module ``path`` the operator is part of."""
    stack: dict[str, Any] = node.meta.get("nn_module_stack", {})
    return next((key for key, (name, _) in stack.items() if name == path), None)


def _children(nodes: list[Node], path: str) -> Iterator[tuple[str, list[Node]]]:
    """Runs of operators that one call of a module in module ``path`` made, by its name there; empty for its own."""
    runs: list[tuple[str, str, list[Node]]] = []
    for node in nodes:
        stack = list(node.meta["nn_module_stack"].items())
        place = next(i for i, (_, (name, _)) in enumerate(stack) if name == path)
        key, name = (stack[place + 1][0], str(stack[place + 1][1][0])) if place + 1 < len(stack) else ("", path)
        if runs and runs[-1][0] == key:
            runs[-1][2].append(node)
        else:
            runs.append((key, name.removeprefix(path).removeprefix("."), [node]))
    return ((name, run) for _, name, run in runs)


def _same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two plain layers are equal."""
    if repr(one) != repr(other):
        return False
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
