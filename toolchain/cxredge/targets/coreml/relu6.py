"""A graph pass for coremltools: a clip to [0, 6] becomes ``relu6``, the operator that it is.

PyTorch's ReLU6 arrives as a clip. coremltools' activation quantisation joins a convolution and its ``relu6`` into one
quantised operator; at a clip it would quantise before and after, and spend half of the steps on what the clip cuts off.
"""

from __future__ import annotations

from typing import Any

PASS = "cxredge::clip_to_relu6"


def register() -> None:
    """Put the pass into coremltools' registry, once."""
    from coremltools.converters.mil.mil import Builder
    from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
    from coremltools.converters.mil.mil.passes.helper import block_context_manager
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY, register_pass

    if PASS in PASS_REGISTRY:
        return

    @block_context_manager
    def replace(block: Any) -> None:
        for clip in list(block.operations):
            if clip.op_type != "clip" or (clip.alpha.val, clip.beta.val) != (0, 6):
                continue
            made = Builder.relu6(x=clip.x, name=clip.name, before_op=clip)
            if clip.enclosing_block.try_replace_uses_of_var_after_op(
                anchor_op=clip, old_var=clip.outputs[0], new_var=made
            ):
                clip.remove_from_block()

    @register_pass(namespace=PASS.split("::")[0])
    class clip_to_relu6(AbstractGraphPass):  # noqa: N801 - the registry takes the class's name
        def apply(self, program: Any) -> None:
            for function in program.functions.values():
                replace(function)
