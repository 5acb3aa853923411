"""Whether a program changes its own state: then what it says of a film depends on the films before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch

THROUGH = frozenset({"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"})
"""Operators that give their input itself, in evaluation, and whose schema does not say so."""


def changed(module: Any) -> str | None:
    """The name of a parameter, buffer or constant that an operator writes into; None where none does.

    module: ``schema.GraphModule`` whose operators are ATen's. Views are followed by the operators' own schemas.
    """
    aliases: dict[str, str] = {}
    for spec in module.signature.input_specs:
        if spec.type != "user_input":
            aliases[spec.value.arg.name] = next(getattr(spec.value, key) for key in vars(spec.value) if key != "arg")
    for node in module.graph.nodes:
        schema = _schema(node.target)
        if schema is None:
            continue
        arguments = {argument.name: argument for argument in schema.arguments}
        shared: dict[str, str] = {}
        for given in node.inputs:
            argument = arguments.get(given.name)
            owner = next((aliases[name] for name in _tensors(given.arg) if name in aliases), None)
            if argument is None or owner is None:
                continue
            if argument.alias_info is not None and argument.alias_info.is_write:
                return owner
            if argument.alias_info is not None or schema.name.removeprefix("aten::") in THROUGH:
                shared[given.name] = owner
        if shared:
            owner = next(iter(shared.values()))
            aliases.update({name: owner for output in node.outputs for name in _tensors(output)})
    return None


def _schema(target: str) -> Any:
    """Of an operator of ATen; None for arithmetic on sizes. Raises ValueError for one that this torch does not have."""
    found = re.fullmatch(r"torch\.ops\.aten\.(\w+)\.(\w+)", target)
    if found is None:
        return None
    try:
        return getattr(getattr(torch.ops.aten, found[1]), found[2])._schema
    except AttributeError as error:
        raise ValueError(f"operator {target[:80]!a} is none of this torch") from error


def _tensors(argument: Any) -> Iterator[str]:
    """Names of the tensors in an argument or an output (``schema.Argument``)."""
    kind, value = argument.type, argument.value
    if kind == "as_tensor":
        yield value.name
    elif kind == "as_tensors":
        yield from (tensor.name for tensor in value)
    elif kind == "as_optional_tensor" and value.type == "as_tensor":
        yield value.value.name
    elif kind == "as_optional_tensors":
        yield from (entry.value.name for entry in value if entry.type == "as_tensor")
