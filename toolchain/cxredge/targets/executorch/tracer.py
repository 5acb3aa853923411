"""Intermediates of an ExecuTorch artifact: its delegate hands none out, so the graph that it was made of is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxredge.targets.executorch.exported import export
from cxredge.targets.executorch.quantizer import quantise
from cxredge.targets.tracer import Origin, Traced, Tracer

if TYPE_CHECKING:
    import torch

QUANTISE, BACK = "quantize_per_tensor", "dequantize_per_tensor"


class ExecuTorchTracer(Tracer):
    """The exported program, made again from student and films as the lowering does, and run node by node.

    bare: leave activations in float. Names and weights are then those of the INT8 graph, whose passes fold and rename.
    """

    source = (
        "the program that the artifact was lowered from, made again and run in PyTorch: the XNNPACK delegate hands out "
        "no intermediates"
    )

    def __init__(self, origin: Origin, bare: bool) -> None:
        import torch

        program = export(origin.student, origin.recipe.input)
        with torch.no_grad():
            if origin.calibration is not None:
                program, _ = quantise(program, origin.calibration, origin.kept)
        self._module = program.module()
        self._bare = bare

    def trace(self, image: NDArray[np.float32]) -> Iterator[Traced]:
        """See ``Tracer``."""
        import torch

        found: list[Traced] = []
        bare = self._bare

        class Taps(torch.fx.Interpreter):
            def run_node(self, n: torch.fx.Node) -> Any:
                result = self.fetch_args_kwargs_from_env(n)[0][0] if bare and _packs(n) else super().run_node(n)
                if isinstance(result, torch.Tensor) and result.dtype == torch.float32 and n.op == "call_function":
                    source: Any = n.args[0]
                    name = str(source.args[0].name) if _unpacks(n) else n.name
                    found.append(Traced(name, result.numpy().copy()))
                return result

        with torch.no_grad():
            Taps(self._module).run(torch.from_numpy(image))
        yield from found


def _unpacks(node: torch.fx.Node) -> bool:
    """Whether ``node`` dequantises an activation."""
    source = node.args[0] if node.args else None
    return BACK in str(node.target) and QUANTISE in str(getattr(source, "target", "")).replace(BACK, "")


def _packs(node: torch.fx.Node) -> bool:
    """Whether ``node`` quantises an activation, or dequantises one."""
    return _unpacks(node) or QUANTISE in str(node.target).replace(BACK, "")
