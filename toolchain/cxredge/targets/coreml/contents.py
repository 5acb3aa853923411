"""Read a ``.mlpackage``: the operators of its main function in order, with dtypes, weights and MACs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cxredge.mlprogram.graph import Constant, Graph, Node, read_graph
from cxredge.mlprogram.weights import packed_size
from cxredge.modelfile import cost
from cxredge.modelfile.contents import Contents, Tensor, contents, operation
from cxredge.results import Operation

EXPANDING = "constexpr_"
"""Operators that expand a compressed constant when the model is loaded: their results are weights."""
NOT_LOOKED_INTO = {"einsum", "gru", "lstm", "rnn", "cond", "while_loop", "scaled_dot_product_attention"}


def read_mlpackage(path: Path) -> Contents:
    """Contents of the package, a folder or a zip file. Raises InputError MLPROGRAM-*."""
    graph = read_graph(path)
    constants = {name: _constant(name, c) for name, c in graph.constants.items()}
    known = {name: Tensor(name, kind.dtype, kind.shape) for name, kind in graph.types().items()} | constants
    made = {name for node in graph.nodes if not node.type.startswith(EXPANDING) for name, _ in node.outputs}
    return contents(
        [known[name].info() for name in graph.inputs],
        [known[name].info() for name in graph.outputs],
        [t for t in constants.values() if t.dtype != "string"],
        [known[name] for name in sorted(made)],
        [_operation(node, known, graph) for node in graph.nodes],
    )


def _constant(name: str, constant: Constant) -> Tensor:
    kind = constant.type
    return Tensor(name, kind.dtype, kind.shape, 0 if kind.dtype == "string" else packed_size(kind))


def _operation(node: Node, known: dict[str, Tensor], graph: Graph) -> Operation:
    read = [known[name] for names in node.arguments.values() for name in names]
    made = [known[name] for name, _ in node.outputs]
    numbers = [t for t in read if t.dtype != "string"]
    return operation(node.name, node.type, numbers, made, _macs(node, known, graph))


def _macs(node: Node, known: dict[str, Tensor], graph: Graph) -> int | None:
    def shape(key: str) -> cost.Shape:
        (name,) = node.arguments[key]
        return known[name].shape

    if node.type in NOT_LOOKED_INTO:
        return None
    result = node.outputs[0][1].shape
    if node.type == "conv":
        return cost.convolution(result, shape("weight"), 1)
    if node.type == "conv_transpose":
        return cost.transposed_convolution(shape("x"), shape("weight"), 1)
    if node.type == "linear":
        return cost.linear(result, shape("weight"))
    if node.type == "matmul":
        return cost.matrix_product(result, shape("x"), -2 if _flag(node, "transpose_x", graph) else -1)
    return 0


def _flag(node: Node, key: str, graph: Graph) -> bool:
    names = node.arguments.get(key, ())
    return any(bool(np.any(graph.constants[n].value)) for n in names if n in graph.constants)
