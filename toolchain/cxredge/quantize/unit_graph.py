"""The student as a graph of units that can be run step by step, with any unit's weights or output replaced."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from cxredge.aten import stored_names
from cxredge.quantize.units import CLIPPING, Unit, inside, module_of, output_nodes
from cxredge.recipe import InputSpec
from cxredge.students.base import Student

MOVES = frozenset({"alias", "clone", "copy", "dropout", "to_copy", "unsafe_view"})
"""Operators that only move data, beside ATen's views."""
NAMES = {"native_batch_norm_legit_no_training": "batch_norm"}
"""Operators that the functional graph calls otherwise than the student's own."""
EPS = 6
"""Place of eps among a batch norm's arguments."""


@dataclass(frozen=True)
class Activation:
    """A tensor that units hand on. maker, readers: places in ``UnitGraph.units``; None: outside of them.
    step: the one that makes it."""

    maker: int | None
    readers: frozenset[int | None]
    step: int


@dataclass
class State:
    """A run that has come as far as ``position``; a copy runs on by itself, as no operator changes its inputs."""

    position: int
    values: dict[str, Any]

    def copy(self) -> State:
        """Another run from here."""
        return State(self.position, dict(self.values))


@dataclass(frozen=True)
class _Step:
    """One operator: what it reads and does, the unit that it belongs to, and what nobody reads behind it."""

    name: str
    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    unit: int | None
    activation: int | None
    """Place in ``UnitGraph.activations`` of what it makes."""
    last_use: tuple[str, ...]


Weights = Mapping[str, Tensor]
"""Parameters and buffers by their names in the student."""


@dataclass(frozen=True)
class Change:
    """How a run differs from the plain one. weights: of a unit, by its place; None: of what is no unit.
    activation: what to hand on in place of the activation at a place."""

    weights: Callable[[int | None], Weights]
    activation: Callable[[int, Tensor], Tensor]


@dataclass
class _Found:
    """Units while they are found."""

    units: list[list[Any]] = field(default_factory=list)
    of: dict[Any, int] = field(default_factory=dict)


class UnitGraph:
    """The exported student, functional (no operator writes into its inputs), with a fixed batch.

    units: as ``units.units`` gives them. weights: of the student. batch: number of images that a run takes.
    """

    def __init__(self, student: Student, spec: InputSpec, batch: int) -> None:
        self.batch = batch
        example = (torch.zeros(batch, spec.channels, spec.height, spec.width),)
        with torch.no_grad():
            program = torch.export.export(student, example).run_decompositions({})
        self.weights: Weights = {**program.state_dict, **program.constants}
        self._sources = stored_names(program)
        (self._image,) = program.graph_signature.user_inputs
        self._outputs = output_nodes(program)
        found = _find(program.graph)
        self.units = tuple(_unit(nodes) for nodes in found.units)
        makers = _makers(program.graph, found)
        self.first = [0] * len(self.units)
        """Each unit's first step."""
        self._steps = self._order(program.graph, found, {node.name: i for i, node in enumerate(makers)})
        steps = {step.name: i for i, step in enumerate(self._steps)}
        self.activations = tuple(
            Activation(found.of.get(node), frozenset(_readers(node, found)), steps[node.name]) for node in makers
        )

    def _order(self, graph: Any, found: _Found, places: Mapping[str, int]) -> list[_Step]:
        nodes = [node for node in graph.nodes if node.op == "call_function"]
        needed = {str(name) for name in self._outputs.values()}
        steps = []
        for place in reversed(range(len(nodes))):
            node = nodes[place]
            read = {source.name for source in node.all_input_nodes} | {node.name}
            unit = found.of.get(node)
            if unit is not None:
                self.first[unit] = place
            steps.append(
                _Step(
                    node.name,
                    _identity if _is_folded(node) else node.target,
                    node.args,
                    node.kwargs,
                    unit,
                    places.get(node.name),
                    tuple(sorted(read - needed - set(self._sources))),
                )
            )
            needed |= read
        return steps[::-1]

    def plain(self) -> Change:
        """No change at all."""
        return Change(lambda _: self.weights, lambda _, value: value)

    def start(self, images: Tensor) -> State:
        """images: float32[batch, ch, H, W], 0..255."""
        return State(0, {str(self._image): images})

    @torch.no_grad()
    def advance(self, state: State, change: Change, stop: int | None = None) -> None:
        """Run ``state`` on, up to step ``stop`` or to the end."""
        for step in self._steps[state.position : stop]:
            weights = change.weights(step.unit)
            result = self._call(step, state.values, weights)
            state.values[step.name] = result if step.activation is None else change.activation(step.activation, result)
            for name in step.last_use:
                del state.values[name]
        state.position = len(self._steps) if stop is None else stop

    def _call(self, step: _Step, values: Mapping[str, Any], weights: Weights) -> Any:
        def value(node: Any) -> Any:
            source = self._sources.get(node.name)
            return values[node.name] if source is None else weights[source]

        return step.call(*torch.fx.node.map_arg(step.args, value), **torch.fx.node.map_arg(step.kwargs, value))

    def outputs(self, state: State) -> dict[str, Tensor]:
        """Of a run that has come to its end: what the student answers, in its order."""
        return {name: state.values[str(node)] for name, node in self._outputs.items()}


def _identity(x: Tensor, *_: object) -> tuple[Tensor]:
    return (x,)


def _is_folded(node: Any) -> bool:
    """Whether a batch norm is what folding leaves: an exact identity, whose eps is 0."""
    return _kind(node) == "batch_norm" and node.args[EPS] == 0.0


def _find(graph: Any) -> _Found:
    """The same units as ``units.units`` finds in the graph before it is made functional."""
    found = _Found()
    for node in graph.nodes:
        if node.op != "call_function" or not inside(module_of(node)):
            continue
        place = _joined(node, found)
        if place is not None:
            found.units[place].append(node)
        elif not _moves(node):
            place = len(found.units)
            found.units.append([node])
        if place is not None:
            found.of[node] = place
    return found


def _joined(node: Any, found: _Found) -> int | None:
    """The unit that ``node`` is a later part of."""
    source: Any = node.args[0] if node.args else None
    place = found.of.get(source) if isinstance(source, torch.fx.Node) else None
    if place is None or node.target is operator.getitem:
        return place
    if len(source.users) != 1:
        return None
    if "batch_norm" in _kind(node):
        return place if found.units[place] == [source] and _kind(source).startswith(("conv", "linear")) else None
    return place if _kind(node) in CLIPPING else None


def _kind(node: Any) -> str:
    parts = str(node.target).split(".")
    return NAMES.get(kind := parts[min(1, len(parts) - 1)].strip("_"), kind)


def _moves(node: Any) -> bool:
    return bool(getattr(node.target, "is_view", True)) or _kind(node) in MOVES


def _unit(nodes: list[Any]) -> Unit:
    return Unit(module_of(nodes[0]), frozenset(module_of(node) for node in nodes), _kind(nodes[0]))


def _makers(graph: Any, found: _Found) -> list[Any]:
    """Nodes that make activations: the last one of each unit, and what units read from outside."""
    last = {nodes[-1] for nodes in found.units}
    outside = {
        source
        for nodes in found.units
        for node in nodes
        for source in node.all_input_nodes
        if source.op == "call_function" and not inside(module_of(source))
    }
    return [node for node in graph.nodes if node in last or node in outside]


def _readers(node: Any, found: _Found) -> set[int | None]:
    """Units that read what ``node`` makes, looking through what only moves data."""
    readers: set[int | None] = set()
    waiting = list(node.users)
    while waiting:
        user = waiting.pop()
        if user in found.of or user.op == "output" or not inside(module_of(user)):
            readers.add(found.of.get(user))
        else:
            waiting += user.users
    return readers
