"""A graph pass for coremltools: means of windows that reach over the border, so written that Core ML means PyTorch's.

coremltools copies ``count_include_pad`` and ``ceil_mode`` into one MIL operator, whose words agree with PyTorch's and
whose arithmetic does not: what ceil_mode adds behind the padding counts in Core ML and does not in PyTorch
(coremltools#2772), and padding that counts below a wide kernel is divided out twice in float16 (coremltools#1901).
Here padding that counts becomes zeros of the image, which both count, and what ceil_mode adds becomes padding that does
not count.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

PASS = "cxredge::explicit_means"


def register() -> None:
    """Put the pass into coremltools' registry, once."""
    from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
    from coremltools.converters.mil.mil.passes.helper import block_context_manager
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY, register_pass

    if PASS in PASS_REGISTRY:
        return

    @block_context_manager
    def replace(block: Any) -> None:
        for pool in list(block.operations):
            if pool.op_type == "avg_pool" and not pool.exclude_padding_from_average.val:
                _replace(pool)

    @register_pass(namespace=PASS.split("::")[0])
    class explicit_means(AbstractGraphPass):  # noqa: N801 - the registry takes the class's name
        def apply(self, program: Any) -> None:
            for function in program.functions.values():
                replace(function)


def _replace(pool: Any) -> None:
    """Rewrite one ``avg_pool`` whose padding counts, if Core ML would not give PyTorch's mean for it."""
    import numpy as np
    from coremltools.converters.mil.mil import Builder

    from cxredge.mlprogram.operators.windows import WIDEST_COUNTED

    sizes, counts = pool.x.shape[2:], pool.outputs[0].shape[2:]
    kernel, strides, pads = pool.kernel_sizes.val.tolist(), pool.strides.val.tolist(), pool.pad.val.tolist()
    along = zip(sizes, counts, kernel, strides, pads[::2], pads[1::2], strict=True)
    over = [max(0, (n - 1) * s + k - (before + size + after)) for size, n, k, s, before, after in along]
    padded = any(pads) and (any(over) or max(kernel) > WIDEST_COUNTED)
    # a window of nothing but what ceil_mode adds has no mean; the evaluator says so
    if not (padded or any(over)) or any(n >= k for n, k in zip(over, kernel, strict=True)):
        return
    x = pool.x
    if padded:
        zero = np.zeros((), dtype=np.float32)
        x = Builder.pad(
            x=x, pad=[0, 0, 0, 0, *pads], mode="constant", constant_val=zero, name=f"{pool.name}_zeros", before_op=pool
        )
    made = Builder.avg_pool(
        x=x,
        kernel_sizes=kernel,
        strides=strides,
        pad_type="custom",
        pad=list(chain.from_iterable((0, n) for n in over)),
        exclude_padding_from_average=any(over),
        ceil_mode=False,
        name=pool.name,
        before_op=pool,
    )
    if pool.enclosing_block.try_replace_uses_of_var_after_op(anchor_op=pool, old_var=pool.outputs[0], new_var=made):
        pool.remove_from_block()
