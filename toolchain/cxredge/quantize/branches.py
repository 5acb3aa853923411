"""Sums of convolutions that read one tensor, folded to one convolution: RepVGG, MobileOne, ACNet and their like.

Such a block is trained with branches (3 x 3, 1 x 1, an identity, each with its batch norm) so that it learns better,
and means the same as one convolution (Ding et al. 2021, arXiv 2101.03697). Computed branch by branch it costs several
times as much, and in INT8 every branch is rounded for itself before the sum. What is a branch is found in the exported
graph, not by the names of classes. A sum that holds anything else, a shortcut without a batch norm, is left alone.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node
from torch.overrides import TorchFunctionMode

from cxredge.aten import arguments, kind_of, norm_terms, pair
from cxredge.quantize.kernels import Calls, Merged, plain_kernels, replace, run_under
from cxredge.quantize.units import module_of
from cxredge.recipe_input import InputSpec
from cxredge.students.base import Student

SUMS = ("add", "add_", "__add__", "__radd__", "__iadd__")


def plain_student(student: Student, spec: InputSpec) -> Student:
    """``student`` as it is lowered: with plain kernels, and with branches folded. Itself where it has neither."""
    return fold_branches(plain_kernels(student, spec), spec)


def fold_branches(student: Student, spec: InputSpec) -> Student:
    """``student`` itself where no branches are summed; else a copy in which each such sum is one convolution.

    The sums are formed in float64 and rounded to float32 once, so that the answers differ by float error only. Branches
    read the same tensor, are convolutions (any kernel, same strides, groups and middle, no dilation) with or without a
    batch norm behind, or a batch norm alone; one at least is a convolution. The convolution is a part of the module
    that forms the sum (``backbone.block.branches_0``). A module that is called in two places keeps its branches.
    """
    if not _suspects(student, spec):
        return student
    folded = copy.deepcopy(student).eval()
    calls = Calls(folded, spec)
    groups: dict[str, dict[Node, Merged]] = defaultdict(dict)
    taken: set[Node] = set()
    for node in reversed(list(calls.operators())):
        merged = None if node in taken else _merged(calls, node)
        if merged is not None:
            groups[module_of(node)][node] = merged
            taken |= merged.nodes
    done = False
    # from the inside out: a module around holds what was put into it
    for path in sorted(groups, key=lambda name: -name.count(".")):
        if path:
            done |= replace(folded, path, calls.compound(path, groups[path]), spec)
    return folded if done else student


@torch.no_grad()
def _suspects(student: Student, spec: InputSpec) -> bool:
    """Whether some sum may be one of branches: a run tells, in less time than an export."""
    found: list[str] = []

    class Watch(TorchFunctionMode):
        def __init__(self) -> None:
            super().__init__()
            self.roots: dict[int, set[int]] = {}
            self.alive: list[object] = []
            """Tensors whose numbers are noted: another one would get the number of a dead one."""

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            name = getattr(func, "__name__", "")
            if name in ("conv2d", "batch_norm"):
                image = args[0] if args else (kwargs or {})["input"]
                before = self.roots.get(id(image), set()) if name == "batch_norm" else set()
                self.note(made, {id(image)} | before, image)
            elif name in SUMS and args:
                terms = [self.roots.get(id(term), set()) for term in args[:2] if isinstance(term, Tensor)]
                common = set.intersection(*terms)
                if common and len(terms) == 2:
                    found.append(name)
                self.note(made, common)
            return made

        def note(self, made: Any, roots: set[int], *others: object) -> None:
            self.roots[id(made)] = roots
            self.alive += [made, *others]

    run_under(Watch(), student, spec)
    return bool(found)


@dataclass(frozen=True)
class _Branch:
    """One term of a sum, as a convolution of ``source``. norm: of its batch norm, the factor and shift a channel.

    weight: None for an identity.
    """

    nodes: tuple[Node, ...]
    source: Node
    factor: Tensor
    shift: Tensor
    weight: Tensor | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1

    def reach(self, axis: int) -> tuple[int, int]:
        """First and last cell that the kernel reads, seen from the one that it is put on."""
        size = 1 if self.weight is None else int(self.weight.shape[2 + axis])
        return -self.padding[axis], size - 1 - self.padding[axis]


def _merged(calls: Calls, last: Node) -> Merged | None:
    """The sum that ``last`` completes as one convolution; None where it is none of branches."""
    if not _is_sum(last):
        return None
    sums: list[Node] = []
    branches = [_branch(calls, term) for term in _terms(last, sums)]
    known = [branch for branch in branches if branch is not None]
    kernels = [branch for branch in known if branch.weight is not None]
    if len(known) < max(2, len(branches)) or not kernels:
        return None
    first = kernels[0]
    same = all(b.source is first.source for b in known)
    alike = all((b.stride, b.groups) == (first.stride, first.groups) for b in kernels)
    if (
        not same
        or not alike
        or _overwritten(first.source)
        or any(n.meta["val"].shape != last.meta["val"].shape for n in sums)
    ):
        return None
    if len(kernels) < len(known) and (
        first.stride != (1, 1) or first.source.meta["val"].shape != last.meta["val"].shape
    ):
        return None
    if any(len({sum(b.reach(axis)) for b in known}) > 1 for axis in (0, 1)):
        return None
    nodes = frozenset([*sums, *(node for branch in known for node in branch.nodes)])
    return Merged(nodes, first.source, _convolution(known, first))


def _is_sum(node: Node) -> bool:
    return kind_of(node) in ("add", "add_") and len(node.args) == 2 and arguments(node)["alpha"] == 1


def _terms(node: Node, sums: list[Node]) -> Iterator[Node]:
    """The tensors that ``node`` and the sums that only serve it add up; a sum with the number 0 adds nothing."""
    sums.append(node)
    for term in node.args:
        if not isinstance(term, Node):
            if term != 0:
                yield node  # no branch, so that the sum is left alone
        elif _is_sum(term) and len(term.users) == 1 and module_of(term) == module_of(node):
            yield from _terms(term, sums)
        else:
            yield term


def _overwritten(node: Node) -> bool:
    """Whether an operator writes into the tensor that the branches read: they may not all read the same then."""
    return any(kind_of(user).endswith("_") and user.args[0] is node for user in node.users)


def _branch(calls: Calls, term: Node) -> _Branch | None:
    if len(term.users) != 1:
        return None
    if kind_of(term) == "batch_norm":
        norm = norm_terms(term, calls.constant)
        source = arguments(term)["input"]
        if norm is None:
            return None
        if kind_of(source) == "conv2d" and len(source.users) == 1:
            return _kernel(calls, source, (term, source), *norm)
        return _Branch((term,), source, *norm) if source.meta["val"].ndim == 4 else None
    if kind_of(term) != "conv2d":
        return None
    outside = int(term.meta["val"].shape[1])
    one = torch.ones(outside, dtype=torch.float64)
    return _kernel(calls, term, (term,), one, torch.zeros_like(one))


def _kernel(calls: Calls, node: Node, nodes: tuple[Node, ...], factor: Tensor, shift: Tensor) -> _Branch | None:
    given = arguments(node)
    weight = calls.constant(given["weight"])
    bias = calls.constant(given["bias"])
    if weight is None or isinstance(given["padding"], str) or any(size != 1 for size in given["dilation"]):
        return None
    if bias is not None:
        shift = shift + bias.double() * factor
    elif given["bias"] is not None:
        return None
    stride, padding = pair(given["stride"]), pair(given["padding"])
    return _Branch(nodes, given["input"], factor, shift, weight.double(), stride, padding, int(given["groups"]))


@torch.no_grad()
def _convolution(branches: list[_Branch], first: _Branch) -> nn.Conv2d:
    """All branches in one kernel, as wide as the widest."""
    assert first.weight is not None
    outside, inside = first.weight.shape[:2]
    low = [min(b.reach(axis)[0] for b in branches) for axis in (0, 1)]
    high = [max(b.reach(axis)[1] for b in branches) for axis in (0, 1)]
    sizes = tuple(h - w + 1 for w, h in zip(low, high, strict=True))
    weight = torch.zeros(outside, inside, *sizes, dtype=torch.float64)
    shift = torch.zeros(outside, dtype=torch.float64)
    for branch in branches:
        kernel = branch.weight
        if kernel is None:
            kernel = torch.eye(inside, dtype=torch.float64).repeat(first.groups, 1)[:, :, None, None]
        rows, columns = (branch.reach(axis)[0] - low[axis] for axis in (0, 1))
        place = weight[:, :, rows : rows + kernel.shape[2], columns : columns + kernel.shape[3]]
        place += kernel * branch.factor[:, None, None, None]
        shift += branch.shift
    conv = nn.Conv2d(
        int(inside) * first.groups,
        int(outside),
        (sizes[0], sizes[1]),
        first.stride,
        (-low[0], -low[1]),
        groups=first.groups,
        device="meta",
    )
    conv.weight = nn.Parameter(weight.float(), requires_grad=False)
    conv.bias = nn.Parameter(shift.float(), requires_grad=False)
    return conv.eval()
