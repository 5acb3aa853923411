"""Operators of ATen in an exported graph: what kind they are, and what they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.fx import Node


def kind_of(node: Node) -> str:
    """``aten.conv2d.default`` -> ``conv2d``."""
    parts = str(node.target).split(".")
    return parts[min(1, len(parts) - 1)]


def arguments(node: Node) -> dict[str, Any]:
    """An ATen operator's arguments by their names, those that are left out with their defaults."""
    schema: Any = node.target
    named = {argument.name: argument.default_value for argument in schema._schema.arguments}
    return {**named, **dict(zip(named, node.args, strict=False)), **node.kwargs}


def writes(node: Node) -> bool:
    """Whether an operator changes a tensor that is read by another name than its result, as ``x[:, 0] = 1`` does."""
    schema: Any = getattr(node.target, "_schema", None) if node.op == "call_function" else None
    if schema is None or not schema.is_mutable:
        return False
    changed: Any = node.args[0]
    of: Any = getattr(getattr(changed, "target", None), "_schema", None)
    is_view = of is not None and any(argument.alias_info is not None for argument in of.arguments)
    return not node.users or is_view


def stored_names(exported: Any) -> dict[str, str]:
    """Parameters, buffers and constants of an ExportedProgram: the name of each one's node, and its own."""
    signature = exported.graph_signature
    return {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }


def image_of(exported: Any) -> Any:
    """The only input of an ExportedProgram, as the tensor without values that it was exported with."""
    (name,) = exported.graph_signature.user_inputs
    return next(node for node in exported.graph.nodes if node.name == name).meta["val"]


def pair(value: list[int]) -> tuple[int, int]:
    """One number for both sides of an image, or two."""
    return value[0], value[-1]


def norm_terms(norm: Node, constant: Callable[[Any], Tensor | None]) -> tuple[Tensor, Tensor] | None:
    """What a batch norm multiplies each channel with, and adds to it: float64[M] each.

    constant: the value of an argument's node; None of one that has none. Returns None for a norm in training mode, and
    for one of which a part has no such value.
    """
    given = arguments(norm)
    names = ("running_mean", "running_var", "weight", "bias")
    mean, variance, weight, bias = (constant(given[name]) for name in names)
    unknown = (given["weight"] is not None and weight is None) or (given["bias"] is not None and bias is None)
    if given["training"] or mean is None or variance is None or unknown:
        return None
    factor = (variance.double() + given["eps"]).rsqrt()
    if weight is not None:
        factor = factor * weight.double()
    shift = -mean.double() * factor
    return factor, shift if bias is None else shift + bias.double()
