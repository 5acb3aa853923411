"""Every operator on shapes alone, before anything is computed: results as declared, sizes and work within bounds.

Tensors live on torch's ``meta`` device here, so that a program that lies about a size allocates nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any

from cxredge.mlprogram.bind import Bound
from cxredge.mlprogram.carriers import carrier_dtype
from cxredge.mlprogram.graph import Graph, Node
from cxredge.mlprogram.refusal import Refusal
from cxredge.mlprogram.types import MAX_ALIVE, MAX_ELEMENTS

MAX_WORK = 1 << 40
"""Floating-point operations of one run: a minute or so; a phone's models take less than a hundredth of it."""
PER_ELEMENT = 16
"""Operations that an element counts for when it is read or written by what is no convolution, product or pool."""


def check(graph: Graph, bounds: list[Bound]) -> None:
    """Raises Refusal MLPROGRAM-VALUE, MLPROGRAM-SHAPE or MLPROGRAM-SIZE."""
    import torch

    shadows: dict[str, Any] = {
        name: torch.empty(kind.shape, dtype=carrier_dtype(kind.dtype), device="meta")
        for name, kind in graph.types().items()
        if kind.dtype != "string"
    }
    with torch.no_grad(), _ledger()():
        for bound in bounds:
            try:
                results = bound.call(shadows)
            except OverflowError as error:
                raise _too_large(graph, bound.node, str(error)) from error
            except Exception as error:  # torch raises RuntimeError, IndexError, TypeError... for what does not fit
                raise refused(graph, bound.node, error) from error
            _compare(graph, bound, results)


def check_memory(graph: Graph, steps: Iterable[tuple[Bound, tuple[str, ...]]]) -> None:
    """steps: operators in order, with the values that nobody needs after each. Raises Refusal MLPROGRAM-SIZE."""
    sizes = {name: kind.elements for name, kind in graph.types().items()}
    alive = sum(kind.elements for kind in graph.inputs.values())
    for bound, last_use in steps:
        alive += sum(kind.elements for _, kind in bound.node.outputs)
        if alive > MAX_ALIVE:
            raise _too_large(graph, bound.node, f"{alive} elements alive at once, more than {MAX_ALIVE}")
        alive -= sum(sizes[name] for name in last_use)


def refused(graph: Graph, node: Node, error: Exception) -> Refusal:
    """MLPROGRAM-VALUE: an operator's kernel did not take its arguments."""
    return Refusal(
        "MLPROGRAM-VALUE",
        f"{graph.path}: {node.type} {node.name} cannot take its arguments: {first_line(error)}",
        "export the package again; an argument or a shape of it is damaged, or of a kind that is not evaluated",
        nodes=(node.name,),
    )


def first_line(error: Exception) -> str:
    """What an exception says, without torch's stack of C++ calls."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


@cache
def _ledger() -> Any:
    """A context that sees every tensor that the kernels' torch functions make, and adds up their work."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    aten = torch.ops.aten
    pools = {aten.max_pool2d_with_indices, aten.max_pool3d_with_indices, aten.avg_pool2d, aten.avg_pool3d}

    class Ledger(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.work = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            results = [t for t in (made if isinstance(made, (tuple, list)) else (made,)) if isinstance(t, torch.Tensor)]
            if any(t.numel() > MAX_ELEMENTS for t in results):
                raise OverflowError(f"an intermediate result of more than {MAX_ELEMENTS} elements")
            name = func.overloadpacket
            if name in flop_registry:
                self.work += flop_registry[name](*args, **(kwargs or {}), out_val=made)
            else:
                touched = sum(t.numel() for t in (*args, *results) if isinstance(t, torch.Tensor))
                self.work += touched * (math.prod(args[1]) if name in pools else PER_ELEMENT)
            if self.work > MAX_WORK:
                raise OverflowError(f"more than {MAX_WORK} floating-point operations, with what runs before it")
            return made

    return Ledger


def _compare(graph: Graph, bound: Bound, results: tuple[Any, ...]) -> None:
    """Hold computed shapes and dtypes against the declared ones."""
    node = bound.node
    if len(results) != len(node.outputs):
        raise _shape(graph, node, f"gives {len(results)} results, not {len(node.outputs)}")
    for (name, kind), result, dtypes in zip(node.outputs, results, bound.dtypes, strict=True):
        if tuple(result.shape) != kind.shape or result.dtype != carrier_dtype(kind.dtype):
            raise _shape(graph, node, f"gives shape {list(result.shape)} for {name}, declared as {kind}")
        if kind.dtype not in dtypes:
            raise _shape(graph, node, f"gives {'/'.join(sorted(dtypes))} for {name}, not {kind}")


def _too_large(graph: Graph, node: Node, what: str) -> Refusal:
    return Refusal(
        "MLPROGRAM-SIZE",
        f"{graph.path}: {node.type} {node.name} needs {what}",
        "a model this large is not meant for a phone",
        nodes=(node.name,),
    )


def _shape(graph: Graph, node: Node, what: str) -> Refusal:
    return Refusal(
        "MLPROGRAM-SHAPE",
        f"{graph.path}: {node.type} {node.name} {what}",
        "export the package again; if it is fresh, report the operator: its semantics here may be wrong",
        nodes=(node.name,),
    )
