"""Pooling over the border, so written that the converter takes it and INT8 can hold it.

The converter pads a maximum with minus infinity, which no INT8 range holds. The border's own row or column is repeated
instead: every window that reaches over a border holds the cell there as well, and the maximum stays the same. A mean
that does not count its padding becomes one that does, times what that changes, a number for each row and column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cxredge.aten import arguments, pair
from cxredge.targets.spelling import called, replaced, sliced

if TYPE_CHECKING:
    from torch.fx import Graph, Node


def repeat_border(graph: Graph, pool: Node) -> None:
    """Write ``pool``, an ``aten.max_pool2d``, without padding and without rounding up. A dilated one is left alone."""
    import torch

    aten = torch.ops.aten
    given = arguments(pool)
    x: Node = given["self"]
    kernel, stride, padding, behind = _windows(pool, given)
    sizes = x.meta["val"].shape[2:]
    if pair(given["dilation"]) != (1, 1) or not any((*padding, *behind)):
        return
    for axis, (size, before, after) in enumerate(zip(sizes, padding, behind, strict=True), 2):
        if not before and not after:
            continue
        parts = [sliced(graph, pool, x, axis, 0, 1)] * before + [x]
        parts += [sliced(graph, pool, x, axis, size - 1, size)] * after
        x = called(graph, pool, aten.cat.default, parts, axis)
    replaced(graph, pool, called(graph, pool, aten.max_pool2d.default, x, list(kernel), list(stride)))


def count_border(graph: Graph, pool: Node) -> None:
    """Write ``pool``, an ``aten.avg_pool2d`` that does not count its padding, as one of zeros that are counted."""
    import torch

    aten = torch.ops.aten
    given = arguments(pool)
    kernel, stride, padding, behind = _windows(pool, given)
    if given["count_include_pad"] or given["divisor_override"] is not None or not any((*padding, *behind)):
        return
    x: Node = given["self"]
    sizes, counts = x.meta["val"].shape[2:], pool.meta["val"].shape[2:]
    pads = [padding[1], behind[1], padding[0], behind[0]]
    x = called(graph, pool, aten.constant_pad_nd.default, x, pads)
    made = called(graph, pool, aten.avg_pool2d.default, x, list(kernel), list(stride))
    for axis in (0, 1):
        changes = []
        for place in range(counts[axis]):
            start = place * stride[axis] - padding[axis]
            inside = min(start + kernel[axis], sizes[axis]) - max(start, 0)
            changes.append(kernel[axis] / inside)
        if set(changes) != {1}:
            factors = [called(graph, pool, aten.full.default, [1, 1, 1, 1], change) for change in changes]
            made = called(graph, pool, aten.mul.Tensor, made, called(graph, pool, aten.cat.default, factors, 2 + axis))
    replaced(graph, pool, made)


def _windows(pool: Node, given: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    """Kernel, stride, padding before, and cells that the last window reaches beyond the image, along both axes."""
    kernel, padding = pair(given["kernel_size"]), pair(given["padding"])
    stride = pair(given["stride"] or given["kernel_size"])
    axes = zip(given["self"].meta["val"].shape[2:], pool.meta["val"].shape[2:], kernel, stride, padding, strict=True)
    rows, columns = (max(0, (count - 1) * step + width - before - n) for n, count, width, step, before in axes)
    return kernel, stride, padding, (rows, columns)
