"""The student's units: what a runtime computes, and quantises, in one piece. And which of them stay in float."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxredge.errors import InputError, nearest
from cxredge.recipe_input import InputSpec

if TYPE_CHECKING:
    from cxredge.students.base import Student

QUANTISED = "backbone"
"""The one module of the student that INT8 schemes quantise. Normalisation, head and ``FLOAT_HEADS`` stay in float: they
cost next to nothing, and logits and cam get no steps of their own."""
FLOAT_HEADS = ("novelty", "quality")
"""Modules beside the head that compute in float32 in every scheme, float16 ones too: a sum of 1,280 squares, or of as
many products that cancel, does not fit float16's 11 bits."""
CLIPPING = frozenset({"relu", "relu6", "hardtanh", "clamp"})
"""Activations that every exporter joins with the operator before them."""
CHOICES = 4
"""Most repeats and alternatives of a pattern. A name of n characters is then tried in at most about n^4 / 24 ways."""
SUGGESTIONS = 5


@dataclass(frozen=True)
class Unit:
    """One operator with arithmetic, and what every exporter fuses behind it (batch norm, ReLU, ReLU6)."""

    name: str
    """Module of the first operator: of a convolution, its own; of a functional operator (an addition), the module that
    calls it. Functional operators of one module share its name."""
    modules: frozenset[str]
    """Modules whose operators are in the unit."""
    operator: str
    """ATen's name of the first operator: ``conv2d``, ``linear``, ``add``, ``mean``, ``hardswish``, ..."""


def output_nodes(program: Any) -> dict[str, str]:
    """Names of what an exported student answers, in its order, each with the node of the graph that gives it."""
    from torch.utils import _pytree

    nodes = list(program.graph_signature.user_outputs)
    return dict(_pytree.tree_unflatten(nodes, program.call_spec.out_spec))


def units(student: Student, spec: InputSpec) -> tuple[Unit, ...]:
    """The units of module ``QUANTISED`` in the order of execution, found in the exported graph.

    A chain without a second reader is one unit: convolution or linear, batch norm, clipping activation. Operators that
    only move data (views, slices, dropout) are none.
    """
    import torch

    example = (torch.zeros(1, spec.channels, spec.height, spec.width),)
    with torch.no_grad():
        program = torch.export.export(student, example)
    heads: dict[Any, Any] = {}
    """The first operator of every operator's unit."""
    for node in program.graph.nodes:
        if node.op == "call_function" and inside(module_of(node)) and not _moves(node):
            heads[node] = heads[node.args[0]] if _joins(node, heads) else node
    modules: dict[Any, set[str]] = {}
    for node, head in heads.items():
        modules.setdefault(head, set()).add(module_of(node))
    return tuple(Unit(module_of(head), frozenset(names), _kind(head)) for head, names in modules.items())


def inside(module: str) -> bool:
    """Whether the module of that name is ``QUANTISED`` or lies in it."""
    return module.split(".")[0] == QUANTISED


def module_of(node: Any) -> str:
    """Name of the module that calls the operator of an exported graph's ``node``; empty for the student itself."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return str(stack[-1][0]) if stack else ""


def _kind(node: Any) -> str:
    """``aten.hardswish_.default`` -> ``hardswish``."""
    parts = str(node.target).split(".")
    return parts[min(1, len(parts) - 1)].removesuffix("_")


def _moves(node: Any) -> bool:
    return bool(getattr(node.target, "is_view", True)) or "dropout" in str(node.target)


def _joins(node: Any, heads: dict[Any, Any]) -> bool:
    """Whether ``node`` belongs to the unit of the operator before it."""
    source = node.args[0]
    if source not in heads or len(source.users) != 1:
        return False
    if "batch_norm" in _kind(node):
        return heads[source] is source and _kind(source).startswith(("conv", "linear"))
    return _kind(node) in CLIPPING


def kept_modules(student: Student, spec: InputSpec, patterns: Sequence[str]) -> frozenset[str]:
    """Names of all modules whose operators stay in float.

    A pattern keeps the modules whose whole name it fits (``re.fullmatch``), and all modules inside them. If one module
    of a unit is kept, the whole unit is; a module that serves in several units keeps them all. So an operator stays in
    float exactly when the module that calls it (``module_of``) is in the result.
    Raises InputError KEEP-FLOAT (a pattern fits no module of ``QUANTISED`` that computes) or KEEP-FLOAT-PATTERN.
    """
    if not patterns:
        return frozenset()
    return keep(units(student, spec), [n for n, _ in student.named_modules(remove_duplicate=False)], patterns)


def keep(found: Sequence[Unit], modules: Iterable[str], patterns: Sequence[str]) -> frozenset[str]:
    """``kept_modules`` of a student with the units ``found`` and modules of the names ``modules``."""
    names = [name for name in modules if inside(name)]
    kept: set[str] = set()
    for pattern in patterns:
        fits = {name for name in names if _fits(_bounded(pattern), name)}
        if not any(unit.modules & fits for unit in found):
            raise InputError(
                "KEEP-FLOAT",
                f"keep_float: {pattern!r} fits no module of the student's {QUANTISED} that computes",
                "name a module, or one around it; dots of names are written as \\.",
                nearest(pattern.replace("\\", ""), {name for unit in found for name in unit.modules})[:SUGGESTIONS],
            )
        kept |= fits
    while added := {name for unit in found if unit.modules & kept for name in unit.modules} - kept:
        kept |= added
    return frozenset(kept)


def _bounded(pattern: str) -> re.Pattern[str]:
    """The pattern compiled. A recipe may come with a bundle, and Python's matcher backtracks without bound.

    Raises InputError KEEP-FLOAT-PATTERN for a repeated group, and for more than ``CHOICES`` repeats and alternatives.
    """
    bare = re.sub(r"\\.", "_", pattern)
    if re.search(r"\)[*+?{]", bare) or sum(bare.count(sign) for sign in "*+?{|") > CHOICES:
        raise InputError(
            "KEEP-FLOAT-PATTERN",
            f"keep_float: {pattern!r} repeats a group, or holds more than {CHOICES} of * + ? {{ |",
            "split it into several patterns: a module is kept when one of them fits",
        )
    return re.compile(pattern)


def _fits(pattern: re.Pattern[str], name: str) -> bool:
    return any(pattern.fullmatch(around) for around in _around(name))


def _around(name: str) -> Iterator[str]:
    """The module's own name, and those of the modules around it."""
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(len(parts), 0, -1))
