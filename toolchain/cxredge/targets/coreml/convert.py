"""From the student to a coremltools model: export once, convert once for each scheme."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxredge.errors import EnvironmentProblem, InputError
from cxredge.mlprogram.graph import Graph, read_graph
from cxredge.mlprogram.refusal import Refusal
from cxredge.quantize.units import FLOAT_HEADS, QUANTISED, module_of, output_nodes
from cxredge.recipe_input import InputSpec
from cxredge.targets.spelling import called, replaced

if TYPE_CHECKING:
    from torch.fx import Graph as FxGraph
    from torch.fx import Node as FxNode

    from cxredge.mlprogram.program import Program
    from cxredge.students.base import Student

HALF_SUFFIX = "_cast_fp16"
"""What coremltools appends to the name of an operator that it moves to float16."""
SHAPE_SUFFIX = "_has_output_shape"
"""What coremltools appends to the name of a transposed convolution, once it has noted what shape comes of it."""
BROKEN_PASS = "common::fuse_linear_bias"
"""Ends in an IndexError when a scalar is added behind a matrix product (coremltools 9.0). It saves one addition."""
LATE_PASS = "mil_backend::fuse_activation_silu"
"""coremltools joins a sigmoid and a product behind all other passes, and what INT8 would quantise is then not there."""
Step = tuple[str, dict[str, Any]]
"""A graph pass of coremltools' registry, and its options."""


@dataclass
class Source:
    """The exported student, and the full names of the modules that call its operators, by node name.

    work: folder for the float16 package from which INT8 starts.
    """

    program: Any
    spec: InputSpec
    modules: dict[str, str]
    work: Path

    def inside(self, operator: str, module: str) -> bool:
        """Whether the operator of that name in a package stems from the student's ``module``, or one inside it."""
        return (self._own(operator) or "").split(".")[0] == module

    def _own(self, operator: str) -> str | None:
        """The module of the student's operator of that name in a package; None where it is none of the student's."""
        return self.modules.get(operator.removesuffix(HALF_SUFFIX).removesuffix(SHAPE_SUFFIX).removesuffix(HALF_SUFFIX))

    def evaluated(self, graph: Graph) -> Program:
        """The package's program, ready to run.

        Raises InputError TARGET-LOWERING, naming modules, for what Core ML would not compute as PyTorch does, or for
        what nobody can say of it.
        """
        from cxredge.mlprogram.program import Program

        try:
            return Program(graph)
        except Refusal as error:
            origins = self.origins(graph)
            places = sorted({f"{name} in module {origins[name] or 'student'}" for name in error.nodes})
            raise InputError(
                "TARGET-LOWERING",
                f"coreml cannot lower operator {', '.join(places)}: {error.cause}",
                "replace the operator in that module, or drop coreml from the recipe's targets",
            ) from error

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the student answers, in its order."""
        return tuple(output_nodes(self.program))

    @cached_property
    def half(self) -> Graph:
        """The plain float16 program: its names are those that the INT8 passes will see."""
        import coremltools

        path = self.work / "half.mlpackage"
        coremltools.convert(**conversion(self, half=True, steps=())).save(str(path))
        return read_graph(path)

    @cached_property
    def outside(self) -> frozenset[str]:
        """Operators of ``half`` that lie behind the quantised module: those from which no way leads into it.

        Names alone do not tell, as passes fuse operators and name some of their own.
        """
        maker = {name: node for node in self.half.nodes for name, _ in node.outputs}
        leads: set[str] = set()
        waiting = [node for node in self.half.nodes if self.inside(node.name, QUANTISED)]
        while waiting:
            node = waiting.pop()
            if node.name in leads:
                continue
            leads.add(node.name)
            waiting += [maker[name] for names in node.arguments.values() for name in names if name in maker]
        return frozenset(node.name for node in self.half.nodes if node.name not in leads)

    def of(self, kept: frozenset[str]) -> frozenset[str]:
        """Operators of ``half`` that stem from the modules ``kept``."""
        return frozenset(name for name, module in self.origins(self.half).items() if module in kept)

    def origins(self, graph: Graph) -> dict[str, str]:
        """The module that each operator of a package stems from, by its name; empty where there is none.

        A fused operator has the name of the last of those that it joins. One that a pass named itself (half of a
        hard-swish) serves the operator that reads it.
        """
        origin: dict[str, str] = {}
        reader: dict[str, str] = {}
        for node in reversed(graph.nodes):
            own = self._own(node.name)
            readers = [reader[name] for name, _ in node.outputs if name in reader]
            origin[node.name] = own if own is not None else next(iter(readers), "")
            reader |= {name: origin[node.name] for names in node.arguments.values() for name in names}
        return origin


def export(student: Student, spec: InputSpec, work: Path) -> Source:
    """Export and decompose ``student``, which is in evaluation mode."""
    import torch

    with torch.no_grad():
        example = torch.zeros(1, spec.channels, spec.height, spec.width)
        program = torch.export.export(student, (example,)).run_decompositions({})
    spell_out(program.graph)
    return Source(program, spec, {node.name: module_of(node) for node in program.graph.nodes}, work)


def spell_out(graph: FxGraph) -> None:
    """Write what coremltools 9.0 misreads as it reads it right; the values are the same.

    - It drops the name of GELU's approximation. Written out, one of its passes finds it again.
    - It takes the bounds of a clip for int32 where they are written as whole numbers.
    """
    import torch

    aten = torch.ops.aten
    for node in list(graph.nodes):
        if node.target is aten.gelu.default and "tanh" in (*node.args, *node.kwargs.values()):
            _gelu(graph, node)
        elif node.target in (aten.clamp.default, aten.hardtanh.default):
            node.args = (node.args[0], *(float(n) if isinstance(n, int) else n for n in node.args[1:]))


def _gelu(graph: FxGraph, node: FxNode) -> None:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), as the pass ``fuse_gelu_tanh_approximation`` has it."""
    import torch

    aten = torch.ops.aten
    x = node.args[0]

    made = partial(called, graph, node)
    inner = made(aten.add.Tensor, made(aten.mul.Tensor, made(aten.pow.Tensor_Scalar, x, 3.0), 0.044715), x)
    tanh = made(aten.tanh.default, made(aten.mul.Tensor, inner, math.sqrt(2 / math.pi)))
    half = made(aten.mul.Tensor, made(aten.add.Tensor, tanh, 1.0), 0.5)
    replaced(graph, node, made(aten.mul.Tensor, half, x))


def conversion(source: Source, half: bool, steps: Sequence[Step]) -> dict[str, Any]:
    """The arguments with which ``coremltools.convert`` makes a model of iOS 17, ``steps`` run behind its own passes.

    Raises EnvironmentProblem COREML-HOOK when this coremltools lacks one of the passes.
    """
    import coremltools
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY

    from cxredge.targets.coreml import relu6, window_means

    logging.getLogger("coremltools").setLevel(logging.ERROR)
    pipeline = coremltools.PassPipeline()
    pipeline.remove_passes({BROKEN_PASS})
    for first in (window_means, relu6):
        first.register()
        pipeline.insert_pass(0, first.PASS)
    for name, options in ((LATE_PASS, {}), *steps):
        if name not in PASS_REGISTRY:
            raise hook_error(f"it has no graph pass {name}")
        pipeline.append_pass(name)
        if options:
            pipeline.set_options(name, options)
    precision: Any = coremltools.precision.FLOAT32
    if half:
        precision = coremltools.transform.FP16ComputePrecision(
            op_selector=lambda operator: not any(source.inside(operator.name, head) for head in FLOAT_HEADS)
        )
    spec = source.spec
    shape = (1, spec.channels, spec.height, spec.width)
    return {
        "model": source.program,
        "convert_to": "mlprogram",
        "minimum_deployment_target": coremltools.target.iOS17,
        "compute_precision": precision,
        "pass_pipeline": pipeline,
        "skip_model_load": True,
        "inputs": [coremltools.TensorType(name="image", shape=shape, dtype=np.float32)],
        "outputs": [coremltools.TensorType(name=name, dtype=np.float32) for name in source.outputs],
    }


def hook_error(what: str) -> EnvironmentProblem:
    """coremltools is not the one whose passes this was written for."""
    import importlib.metadata

    version = importlib.metadata.version("coremltools")
    return EnvironmentProblem(
        "COREML-HOOK",
        f"coremltools {version} does not take activation ranges as version 9.0 does: {what}",
        "run `make setup`, which installs the version of the lock",
    )
