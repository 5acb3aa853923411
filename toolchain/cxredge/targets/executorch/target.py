"""ExecuTorch with the XNNPACK delegate: ``.pte`` programs in float32 and static INT8."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.files import canonical_json, write_bytes
from cxredge.modelfile.contents import Contents
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.keep_float import KernelRead
from cxredge.recipe import Recipe
from cxredge.recipe_input import InputSpec
from cxredge.targets.base import Lowered, Target
from cxredge.targets.executorch.methods import INPUT_METHOD, LABELS_METHOD, OUTPUTS_METHOD
from cxredge.targets.runner import Runner, Runtime
from cxredge.vocabulary import SchemeName

if TYPE_CHECKING:
    from cxredge.students.base import Student
    from cxredge.targets.tracer import Origin, Tracer


class ExecuTorch(Target):
    """torch.export -> (PT2E) -> XNNPACK partitioner -> ``.pte``.

    ``forward(image float32[1, ch, H, W])`` gives what the student answers (logits, cam, novelty, quality) as float32,
    in this order.
    """

    name = "executorch"
    suffix = ".pte"
    layout = "NCHW"
    schemes = ("fp32", "w8a8")
    seconds: ClassVar[Mapping[SchemeName, float]] = {"fp32": 14, "w8a8": 30}
    alone = True
    build_packages = ("executorch", "torch", "torchao")
    run_packages = ("executorch", "torch")
    exporter_modules = (
        "torchao.quantization.pt2e.quantize_pt2e",
        "executorch.exir",
        "executorch.backends.xnnpack.partition.xnnpack_partitioner",
        "executorch.backends.xnnpack.quantizer.xnnpack_quantizer",
    )
    # in this order: importing torch loads the libraries that the extension is linked to
    runtime_modules = ("torch", "executorch.extension.pybindings._portable_lib")

    def has_int8(self, layer: KernelRead) -> bool:
        """See ``Target``."""
        return not layer.grouped_transposed

    def runtime(self) -> Runtime:
        """ExecuTorch."""
        return Runtime("ExecuTorch")

    def _prepare_impl(self, student: Student, spec: InputSpec, work: Path) -> Any:
        from cxredge.targets.executorch.exported import export

        return export(student, spec)

    def _lower_impl(
        self,
        prepared: Any,
        scheme: SchemeName,
        recipe: Recipe,
        calibration: CalibrationFilms | None,
        kept: frozenset[str],
        path: Path,
    ) -> Lowered:
        import torch
        from executorch.exir import to_edge_transform_and_lower

        from cxredge.targets.executorch.exported import spell_gates
        from cxredge.targets.executorch.partitioner import delegated_nodes, partitioner
        from cxredge.targets.executorch.quantizer import quantise

        lowered, program = Lowered(), prepared
        with torch.no_grad():
            if calibration is not None:
                program, estimator = quantise(program, calibration, kept)
                lowered = Lowered.calibrated(estimator, calibration.rule)
            constants = {
                OUTPUTS_METHOD: ",".join(recipe.outputs),
                LABELS_METHOD: ",".join(recipe.labels.names),
                INPUT_METHOD: canonical_json(recipe.input.preprocessing.model_dump(mode="json")),
            }
            edge = to_edge_transform_and_lower(
                spell_gates(program), partitioner=[partitioner()], constant_methods=constants
            )
            nodes = delegated_nodes(edge.exported_program())
            write_bytes(path, edge.to_executorch().buffer)
        return replace(lowered, nodes=nodes)

    def _culprit_impl(self, lowered: Lowered, said: str) -> Any | None:
        # XNNCompiler.cpp: "Failed to create static slice node 11 with code: xnn_status_invalid_parameter"
        named = re.search(r"Failed to create .{1,40} node (\d+)", said)
        return None if named is None else lowered.nodes.get(int(named[1]))

    def _read_impl(self, path: Path) -> Contents:
        from cxredge.targets.executorch.contents import read_pte

        return read_pte(path)

    def _open_impl(self, path: Path, threads: int) -> Runner:
        return _PteRunner(path, threads)

    def _tracer_impl(self, path: Path, origin: Origin) -> Tracer:
        from cxredge.targets.executorch.tracer import ExecuTorchTracer

        return ExecuTorchTracer(origin, bare=False)

    def float_tracer(self, origin: Origin) -> Tracer:
        """See ``Target``."""
        from cxredge.targets.executorch.tracer import ExecuTorchTracer

        return ExecuTorchTracer(origin, bare=True)


class _PteRunner(Runner):
    """ExecuTorch's extension module by itself.

    ``executorch.runtime`` is a thin wrapper of it that imports the whole exporter for the sake of one class of warning.
    That takes seconds; loading a file and running a film take a fraction of one. The kernels are in the module.
    The runtime's thread pool belongs to the process: the runner opened last decides its size.
    """

    def __init__(self, path: Path, threads: int) -> None:
        super().__init__(str(path))
        import torch  # first: see ``runtime_modules``
        from executorch.extension.pybindings import _portable_lib as extension

        extension._unsafe_reset_threadpool(threads)
        self._from_numpy = torch.from_numpy
        try:
            # the extension's own default would check less of the file
            checks = extension.Verification.InternalConsistency
            self._program: Any = extension._load_program(str(path), program_verification=checks)
            self._method: Any = self._program.load_method("forward")
            (names,) = self._program.load_method(OUTPUTS_METHOD)(())
        except (RuntimeError, OSError, ValueError) as error:
            raise InputError(
                "TARGET-LOAD",
                f"ExecuTorch cannot load {path}: {error}",
                "get it anew, or build it again: the file is damaged",
            ) from error
        self._names = str(names).split(",")

    def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        outputs = self._method((self._from_numpy(image),))
        # copies: the runtime reuses its memory for the next image
        return {name: np.array(tensor.numpy()) for name, tensor in zip(self._names, outputs, strict=True)}

    def _close_impl(self) -> None:
        del self._method, self._program
