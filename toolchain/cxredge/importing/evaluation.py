"""Whether a program is one of evaluation: what it says of a film depends on that film alone."""

from __future__ import annotations

from typing import Any

from cxredge.aten import arguments, kind_of
from cxredge.errors import InputError

CHANCE = frozenset({"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "native_dropout"})
"""Operators that draw random numbers in training."""


def check_evaluation(exported: Any, what: str, fix: str) -> None:
    """Raises InputError IMPORT-TRAINING where a batch norm or a dropout does what it does in training."""
    dependent = {node for node in exported.graph.nodes if node.name in exported.graph_signature.user_inputs}
    for node in exported.graph.nodes:
        # kernels may be standardised by a batch norm of themselves
        if dependent.isdisjoint(node.all_input_nodes):
            continue
        dependent.add(node)
        kind = kind_of(node).removesuffix("_") if node.op == "call_function" else ""
        given = arguments(node) if kind in CHANCE | {"batch_norm"} else {}
        if given.get("training") or given.get("train"):
            depends = "on the other images" if kind == "batch_norm" else "on chance"
            raise InputError("IMPORT-TRAINING", f"{what} does as in training: its {kind} depends {depends}", fix)
