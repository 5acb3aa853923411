"""XNNPACK's partitioner, which hands to the delegate only what the delegate can load.

An operator between a dequantisation and a quantisation is taken for an INT8 one. Those that only move or clamp values
have no arithmetic to change the scale with. If their scales differ, XNNPACK (executorch 1.4.1) refuses the whole
program when it is loaded, with ``xnn_status_invalid_parameter``, or clamps wrongly. Such an operator is left in float.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node

ONE_SCALE = (
    "cat.default",
    "clamp.default",
    "hardtanh.default",
    "max_pool2d.default",
    "permute_copy.default",
    "relu.default",
    "slice_copy.Tensor",
    "unsqueeze_copy.default",
    "view_copy.default",
)
"""Operators whose INT8 form has one scale and zero point for all that it reads and makes."""


def partitioner() -> Any:
    """An ``XnnpackPartitioner`` with that rule."""
    from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    return XnnpackPartitioner(
        configs=[
            _strict(c) if c.target_name in ONE_SCALE else _exact(c) if c.target_name == "gelu.default" else c
            for c in ALL_PARTITIONER_CONFIGS
        ]
    )


def _exact(config: Any) -> Any:
    """The partitioner's entry of GELU, without its approximation by tanh: the delegate would compute the exact one."""

    def check_constraints(self: Any, node: Node, program: ExportedProgram) -> bool:
        approximate = node.kwargs.get("approximate", node.args[1] if len(node.args) > 1 else "none")
        return approximate == "none" and bool(config.check_constraints(self, node, program))

    return type(config.__name__, (config,), {"check_constraints": check_constraints})


def _strict(config: Any) -> Any:
    """The partitioner's entry of one operator, with the rule. Its name stays: the partitioner notes it."""

    def get_node_and_deps(self: Any, node: Node, program: ExportedProgram) -> list[Node]:
        # asking the entry marks the quantisations around the node as parts of it
        taken: list[Node] = config.get_node_and_deps(self, node, program) if _one_scale(node) else [node]
        return taken

    return type(config.__name__, (config,), {"get_node_and_deps": get_node_and_deps})


def _one_scale(node: Node) -> bool:
    """Whether all quantisations around ``node`` are the same; true where it is not between two."""
    before = [source for source in node.all_input_nodes if "dequantize_per_tensor" in str(source.target)]
    behind = [user for user in node.users if ".quantize_per_tensor" in str(user.target)]
    return not (before and behind) or len({other.args[1:] for other in (*before, *behind)}) == 1


def delegated_nodes(program: ExportedProgram) -> dict[int, Node]:
    """Nodes of all delegates in ``program`` by the numbers that the delegates' logs call them."""
    from executorch.exir.lowered_backend_module import LoweredBackendModule

    found: dict[int, Node] = {}
    for module in program.graph_module.children():
        if isinstance(module, LoweredBackendModule):
            for node in module.original_module.graph.nodes:
                number = node.meta.get("debug_handle")
                if number is not None and node.op == "call_function" and "quantize_per" not in str(node.target):
                    found.setdefault(number, node)
    return found
