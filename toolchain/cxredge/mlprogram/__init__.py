"""Evaluates a saved Core ML ML Program on any machine, operator by operator, with the dtypes that it declares.

``load(path) -> Program``, ``program(inputs) -> outputs``, ``program(inputs, tap)`` for every intermediate. Of the rest
of this project it knows ``cxredge.errors`` only; torch is imported when a program is loaded.

What it computes is the program's meaning as coremltools' MIL operator definitions write it down: each operator in
float32, its result rounded to the declared dtype. Apple's runtimes fuse, reorder and accumulate as they like, so this
is *program semantics*, not what a device answers bit for bit.
"""

from cxredge.mlprogram.graph import Graph, read_graph
from cxredge.mlprogram.package import open_package
from cxredge.mlprogram.program import Program, load

__all__ = ["Graph", "Program", "load", "open_package", "read_graph"]
