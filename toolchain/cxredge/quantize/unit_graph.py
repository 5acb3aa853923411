"""The student as a graph of units that can be run step by step, with any unit's weights or output replaced."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cxredge.aten import stored_names
from cxredge.quantize.eight_bit import Floats, nearest
from cxredge.quantize.units import CLIPPING, Unit, inside, module_of, output_nodes
from cxredge.recipe_input import InputSpec
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
        return self.with_weights(self.weights)

    def with_weights(self, weights: Weights) -> Change:
        """Every unit with ``weights``, and activations as they come."""
        return Change(lambda _: weights, lambda _, value: value)

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

    def order(self) -> list[int]:
        """Units as they are run."""
        return sorted(range(len(self.units)), key=self.first.__getitem__)

    def weight_of(self, unit: int) -> str | None:
        """Name of the stored tensor that a convolution or a linear layer multiplies with; None for other units."""
        step = self._steps[self.first[unit]]
        if self.units[unit].operator not in ("conv2d", "linear"):
            return None
        return self._sources.get(step.args[1].name)

    def given(self, unit: int, state: State) -> Tensor:
        """What a unit is about to read, of a run that has come to it."""
        found: Tensor = state.values[self._steps[self.first[unit]].args[0].name]
        return found

    def result(self, unit: int, state: State) -> Tensor:
        """What the first operator of a unit has made, of a run that has just done it."""
        found: Tensor = state.values[self._steps[self.first[unit]].name]
        return found

    def made_until(self, start: int, stop: int) -> list[tuple[int, Activation]]:
        """Activations that the steps from ``start`` on make, with their places, in order."""
        found = [(i, a) for i, a in enumerate(self.activations) if start <= a.step < stop]
        return sorted(found, key=lambda pair: pair[1].step)

    def made(self, place: int, state: State) -> Any:
        """The activation at a place, of a run that has just made it; None where nobody reads it."""
        return state.values.get(self._steps[self.activations[place].step].name)

    def hand_on(self, place: int, state: State, value: Tensor) -> None:
        """Put ``value`` in the place of an activation that the run has just made."""
        state.values[self._steps[self.activations[place].step].name] = value

    def keeping(self, units: Iterable[int]) -> Floats:
        """What stays in float when these units are kept: their weights, and activations that only they make and read.

        What lies outside of ``QUANTISED`` is always kept.
        """
        kept: frozenset[int | None] = frozenset(units) | {None}
        inside = (i for i, a in enumerate(self.activations) if kept >= {a.maker, *a.readers})
        return Floats(frozenset(u for u in kept if u is not None), frozenset(inside))

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


def integer_weights(rounded: Student) -> dict[str, Tensor]:
    """Weights of ``QUANTISED``'s layers as exporters store them: on the nearest steps of their rows."""
    weights = ((name, getattr(module, "weight", None)) for name, module in rounded.named_modules() if inside(name))
    return {f"{name}.weight": nearest(w) for name, w in weights if isinstance(w, Tensor) and w.ndim >= 2}


def batches(images: NDArray[np.uint8], size: int) -> Iterator[tuple[Tensor, int]]:
    """float32[size, ch, H, W], and how many of its films count: the last batch is filled up with its last film."""
    for start in range(0, len(images), size):
        films = np.asarray(images[start : start + size], np.float32)
        filled = np.concatenate([films, np.repeat(films[-1:], size - len(films), 0)])
        yield torch.from_numpy(filled), len(films)
