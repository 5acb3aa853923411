"""Load a program, check it whole, and run it: one step an operator, results rounded to the declared dtype."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.mlprogram.bind import Bound, bind
from cxredge.mlprogram.carriers import carried, from_carrier, rounding
from cxredge.mlprogram.check import check, check_memory, first_line, refused
from cxredge.mlprogram.graph import Graph, read_graph
from cxredge.mlprogram.types import TensorType, storage

Tap = Callable[[str, NDArray[Any]], None]
"""Receives the name of a value and a copy of the value, in its declared dtype, as soon as it is computed."""


def load(path: Path) -> Program:
    """The program of the package (folder or zip file) at ``path``, checked and ready to run.

    Raises InputError MLPROGRAM-PACKAGE, MLPROGRAM-SYNTAX, MLPROGRAM-WEIGHTS, MLPROGRAM-TYPE, MLPROGRAM-SIZE,
    MLPROGRAM-OPERATOR (every operator and argument that is not known, with its place), MLPROGRAM-VALUE (an argument
    that the operator does not take) or MLPROGRAM-SHAPE (a declared shape or dtype is not the computed one).
    """
    return Program(read_graph(path))


@dataclass(frozen=True)
class _Step:
    """A bound operator with the values that nobody needs after it."""

    bound: Bound
    finish: tuple[Callable[[Any], Any] | None, ...]
    """Rounding of each result; None where there is nothing to round."""
    last_use: tuple[str, ...]


class Program:
    """A loaded program. Calling it keeps no state, so that one program may serve several threads.

    inputs, outputs: declared types by name.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.inputs: dict[str, TensorType] = dict(graph.inputs)
        types = graph.types()
        self.outputs: dict[str, TensorType] = {name: types[name] for name in graph.outputs}
        bounds = bind(graph)
        steps = _with_lifetimes([b for b in bounds if not b.operator.fold], graph)
        check(graph, bounds)
        check_memory(graph, [(step.bound, step.last_use) for step in steps])
        self._constants = _fold(graph, bounds)
        self._steps = steps

    def __call__(self, inputs: Mapping[str, NDArray[Any]], tap: Tap | None = None) -> dict[str, NDArray[Any]]:
        """Run once.

        inputs: by name, of exactly the declared shapes and dtypes, and finite. Returns the outputs by name, in their
        declared shapes and dtypes, in memory of their own. Raises InputError MLPROGRAM-INPUT, or MLPROGRAM-INDEX
        or MLPROGRAM-RUN where an operator cannot take the values that it meets (a place beyond the end, say).
        """
        import torch

        self._check_inputs(inputs)
        values: dict[str, Any] = dict(self._constants)
        values.update((name, carried(inputs[name], kind.dtype)) for name, kind in self.inputs.items())
        with torch.no_grad():
            for step in self._steps:
                try:
                    results = step.bound.call(values)
                except Exception as error:  # whatever torch raises
                    raise _failed(self.graph, step.bound, error) from error
                for (name, kind), result, finish in zip(step.bound.node.outputs, results, step.finish, strict=True):
                    values[name] = result if finish is None else finish(result)
                    if tap is not None:
                        tap(name, from_carrier(values[name], kind.dtype))
                for name in step.last_use:
                    del values[name]
            return {name: from_carrier(values[name], kind.dtype) for name, kind in self.outputs.items()}

    def _check_inputs(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        if set(inputs) != set(self.inputs):
            raise _input(self.graph, f"takes {sorted(self.inputs)}, not {sorted(map(str, inputs))}")
        for name, kind in self.inputs.items():
            array = inputs[name]
            if not isinstance(array, np.ndarray):
                raise _input(self.graph, f"takes {name} as an array, not a {type(array).__name__}")
            if array.dtype != storage(kind.dtype) or array.shape != kind.shape:
                raise _input(self.graph, f"takes {name} as {kind}, not {array.dtype}{list(array.shape)}")
            if not np.isfinite(array).all():
                raise _input(self.graph, f"was given NaN or infinity in {name}")


def _fold(graph: Graph, bounds: list[Bound]) -> dict[str, Any]:
    """Constants that are computed with, as carriers, those that decompression makes included."""
    import torch

    made: dict[str, Any] = {}

    def value(name: str) -> Any:
        if name in made:
            return made[name]
        constant = graph.constants[name]
        assert not isinstance(constant.value, str), "bind takes no string for a tensor"
        return carried(constant.value, constant.type.dtype)

    with torch.no_grad():
        for bound in (b for b in bounds if b.operator.fold):
            try:
                results = bound.call({name: value(name) for name in bound.reads()})
            except Exception as error:  # KeyError for what is no constant, or whatever torch raises
                raise refused(graph, bound.node, error) from error
            for (name, kind), result in zip(bound.node.outputs, results, strict=True):
                finish = rounding(kind.dtype)
                made[name] = result if finish is None else finish(result)
    kept = {name for b in bounds if not b.operator.fold for name in b.reads()} | set(graph.outputs)
    return {name: value(name) for name in kept if name in made or name in graph.constants}


def _with_lifetimes(bounds: list[Bound], graph: Graph) -> list[_Step]:
    """bounds: what is computed at each run."""
    computed = {*graph.inputs, *(name for bound in bounds for name, _ in bound.node.outputs)}
    needed = set(graph.outputs)
    steps = []
    for bound in reversed(bounds):
        results = bound.node.outputs
        names = computed & {*bound.reads(), *(name for name, _ in results)}
        finish = tuple(None if bound.operator.exact else rounding(kind.dtype) for _, kind in results)
        steps.append(_Step(bound, finish, tuple(sorted(names - needed))))
        needed |= names
    return steps[::-1]


def _input(graph: Graph, what: str) -> InputError:
    return InputError("MLPROGRAM-INPUT", f"{graph.path} {what}", "give what `inputs` declares")


def _failed(graph: Graph, bound: Bound, error: Exception) -> InputError:
    if isinstance(error, InputError):  # a kernel says best what it met, but does not know where
        return InputError(error.code, f"{graph.path}: {bound.node.type} {bound.node.name}: {error.cause}", error.fix)
    return InputError(
        "MLPROGRAM-RUN",
        f"{graph.path}: {bound.node.type} {bound.node.name} cannot be computed on this input: {first_line(error)}",
        "look at the values that it reads, with `tap`: one of them is nothing that the operator is defined for",
    )
