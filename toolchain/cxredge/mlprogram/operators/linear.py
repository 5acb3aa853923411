"""Matrix products."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cxredge.mlprogram.registry import FLOATS, NUMBERS, operator


@operator("linear", accepts=FLOATS)
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [..., D_in], weight [D_out, D_in], bias [D_out] -> [..., D_out].

    MIL lets it take int32, and coremltools' own tests say that Core ML does not work then.
    """
    return functional.linear(x, weight, bias)


@operator("matmul", accepts=NUMBERS)
def matmul(x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    """x [*B, M, K], y [*B, K, N] -> [*B, M, N] as in numpy; the last two axes of either are swapped first."""
    if min(x.dim(), y.dim()) < 2:
        raise ValueError("Core ML does not multiply a vector as MIL says (coremltools#2263)")
    return torch.matmul(x.mT if transpose_x else x, y.mT if transpose_y else y)


@operator("einsum", accepts=FLOATS)
def einsum(values: list[Tensor], equation: str) -> Tensor:
    """The two products that MIL knows, whatever their letters: ``chw,whr->chr`` and ``nchw,nwhu->nchu``.

    Batch axes (n and h) of size 1 are broadcast.
    """
    for known in ("chw,whr->chr", "nchw,nwhu->nchu"):
        if _canonical(equation) == _canonical(known):
            x, y = values
            if x.dim() == y.dim():
                return torch.einsum(known, x, y)
    raise ValueError(f"there is no einsum {equation!r:.40} of these ranks")


def _canonical(equation: str) -> str:
    """``equation`` without blanks, its letters renamed in the order of their first appearance."""
    letters = dict.fromkeys(c for c in equation if c.isalpha())
    names = {letter: chr(ord("a") + i) for i, letter in enumerate(letters)}
    return "".join(names.get(c, c) for c in equation if c != " ")
