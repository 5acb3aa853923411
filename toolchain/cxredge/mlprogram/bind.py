"""Match every node of a graph with its operator: tensors by name, everything else as Python values, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cxredge.mlprogram.graph import Graph, Node
from cxredge.mlprogram.library import operators
from cxredge.mlprogram.refusal import Refusal
from cxredge.mlprogram.registry import Operator
from cxredge.mlprogram.types import COMPUTED, TensorType

MAX_NAMED = 20
"""Unknown operators that a message lists one by one."""
CORE_ML_RANK = 5
"""Axes that a tensor of the computation may have, by coremltools' check of every program; constants may have more."""


@dataclass(frozen=True)
class Bound:
    """A node that is ready to be called.

    names, lists: tensor arguments by value name. values: Python arguments. dtypes: what each result may be.
    """

    node: Node
    operator: Operator
    names: dict[str, str]
    lists: dict[str, tuple[str, ...]]
    values: dict[str, Any]
    dtypes: tuple[frozenset[str], ...]

    def reads(self) -> Iterator[str]:
        """Names of the values that it computes with."""
        yield from self.names.values()
        for names in self.lists.values():
            yield from names

    def call(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Results of the operator on ``values``, unrounded. Raises what the kernel raises."""
        arguments: dict[str, Any] = {key: values[name] for key, name in self.names.items()}
        for key, names in self.lists.items():
            arguments[key] = [values[name] for name in names]
        result = self.operator.kernel(**arguments, **self.values)
        return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def bind(graph: Graph) -> list[Bound]:
    """Every node, bound. Raises Refusal MLPROGRAM-OPERATOR (all that is unknown, at once) or MLPROGRAM-VALUE."""
    known = operators()
    types = graph.types()
    unknown: list[tuple[str, str]] = []
    for node in graph.nodes:
        if node.type not in known or node.blocks:
            unknown.append((node.name, f"{node.type} ({node.name})"))
            continue
        extra = sorted(node.arguments.keys() - known[node.type].parameters.keys())
        unknown += [(node.name, f"argument {name} of {node.type} ({node.name})") for name in extra]
    if unknown:
        more = f" and {len(unknown) - MAX_NAMED} more" if len(unknown) > MAX_NAMED else ""
        raise Refusal(
            "MLPROGRAM-OPERATOR",
            f"{graph.path} uses what cannot be evaluated: {', '.join(text for _, text in unknown[:MAX_NAMED])}{more}",
            "change the model so that it does without, or evaluate it on a Mac",
            nodes=(name for name, _ in unknown),
        )
    return [_bind(graph, node, known[node.type], types) for node in graph.nodes]


def _bind(graph: Graph, node: Node, operator: Operator, types: dict[str, TensorType]) -> Bound:
    names: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    values: dict[str, Any] = {}
    tensors: dict[str, TensorType] = {}
    for key, parameter in operator.parameters.items():
        arguments = node.arguments.get(key, ())
        if not arguments:
            if not parameter.optional:
                raise _value(graph, node, f"lacks its argument {key}")
        elif len(arguments) > 1 and not parameter.is_list:
            raise _value(graph, node, f"has {len(arguments)} values for {key}")
        elif parameter.is_tensor:
            dtypes = {types[name].dtype for name in arguments}
            if len(dtypes) > 1:
                raise _value(graph, node, f"mixes dtypes in {key}")
            if not dtypes <= COMPUTED:
                raise _value(graph, node, f"has a {dtypes.pop()} for {key}")
            tensors[key] = types[arguments[0]]
            if parameter.is_list:
                lists[key] = arguments
            else:
                names[key] = arguments[0]
        elif arguments[0] not in graph.constants:
            raise _value(graph, node, f"needs {key} when it is loaded, and it is computed at run time")
        else:
            try:
                values[key] = parameter.value(graph.constants[arguments[0]].value)
            except (ValueError, OverflowError) as error:
                raise _value(graph, node, f"cannot take {key}: {error}") from error
    if not operator.fold:
        rank = max(len(kind.shape) for kind in (*tensors.values(), *(kind for _, kind in node.outputs)))
        if rank > CORE_ML_RANK:
            raise _value(graph, node, f"has a tensor of {rank} axes, and Core ML takes at most {CORE_ML_RANK}")
    first = next(iter(tensors.values()), None)
    if first is not None and first.dtype not in operator.accepts:
        raise _value(graph, node, f"does not take {first.dtype}")
    return Bound(node, operator, names, lists, values, operator.result_dtypes(tensors, values, len(node.outputs)))


def _value(graph: Graph, node: Node, what: str) -> Refusal:
    return Refusal(
        "MLPROGRAM-VALUE",
        f"{graph.path}: {node.type} {node.name} {what}",
        "export the package again; an argument of it is damaged, or of a kind that is not evaluated",
        nodes=(node.name,),
    )
