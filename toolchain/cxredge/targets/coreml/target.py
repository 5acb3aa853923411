"""Core ML: ML Programs for iOS 17, in float32, float16 and INT8, made and evaluated without a Mac."""

from __future__ import annotations

import platform
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.mlprogram.graph import read_graph
from cxredge.modelfile.contents import Contents
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.recipe_input import InputSpec
from cxredge.results import SEMANTICS
from cxredge.targets.base import Lowered, Target
from cxredge.targets.coreml.convert import Source, Step, conversion, export
from cxredge.targets.coreml.package import write_package
from cxredge.targets.coreml.quantizer import activation_steps, calibrate, weight_steps
from cxredge.targets.runner import Runner, Runtime
from cxredge.vocabulary import SchemeName

if TYPE_CHECKING:
    from cxredge.students.base import Student
    from cxredge.targets.tracer import Origin, Tracer

EVALUATED = Runtime(SEMANTICS, native=False)
CORE_ML = Runtime("Core ML", native=True)


class CoreML(Target):
    """torch.export -> coremltools -> ML Program -> (INT8 passes) -> a zipped ``.mlpackage`` with fixed bytes.

    image float32[1, ch, H, W] -> what the student answers (logits, cam, novelty, quality) as float32. fp16, w8 and w8a8
    compute in float16, novelty and quality in float32. On a Mac the package is run by Core ML; elsewhere
    ``cxredge.mlprogram`` evaluates what the program says.
    """

    name = "coreml"
    suffix = ".mlpackage.zip"
    folder_suffix = ".mlpackage"
    layout = "NCHW"
    computes_in_half = True
    schemes = ("fp32", "fp16", "w8", "w8a8")
    seconds: ClassVar[Mapping[SchemeName, float]] = {"fp32": 6, "fp16": 6, "w8": 6, "w8a8": 20}
    build_packages = ("coremltools", "torch")
    run_packages = ("torch", "protobuf")
    exporter_modules = ("coremltools", "torch")
    runtime_modules = ("torch", "google.protobuf")

    def runtime(self) -> Runtime:
        """Core ML itself on a Mac; elsewhere the evaluator."""
        return CORE_ML if platform.system() == "Darwin" else EVALUATED

    def _prepare_impl(self, student: Student, spec: InputSpec, work: Path) -> Source:
        return export(student, spec, work)

    def _lower_impl(
        self,
        prepared: Source,
        scheme: SchemeName,
        recipe: Recipe,
        calibration: CalibrationFilms | None,
        kept: frozenset[str],
        path: Path,
    ) -> Lowered:
        import coremltools

        lowered = Lowered()
        steps: tuple[Step, ...] = ()
        if scheme in ("w8", "w8a8"):
            steps = weight_steps(prepared, kept)
        if calibration is not None:
            estimator = calibrate(prepared, calibration, kept)
            lowered = Lowered.calibrated(estimator, calibration.rule)
            steps = (*activation_steps(prepared, lowered.ranges, kept), *steps)
        model = coremltools.convert(**conversion(prepared, half=scheme != "fp32", steps=steps))
        write_package(model, recipe, scheme, path)
        prepared.evaluated(read_graph(path))
        return lowered

    def _read_impl(self, path: Path) -> Contents:
        from cxredge.targets.coreml.contents import read_mlpackage

        return read_mlpackage(path)

    def _open_impl(self, path: Path, threads: int) -> Runner:
        return self.open_with(self.runtime(), path, threads)

    def _tracer_impl(self, path: Path, origin: Origin) -> Tracer:
        from cxredge.targets.coreml.tracer import CoreMLTracer

        return CoreMLTracer(path)

    def open_with(self, runtime: Runtime, path: Path, threads: int = 1) -> Runner:
        """A runner of a trusted file by ``CORE_ML`` or ``EVALUATED``.

        Raises EnvironmentProblem COREML-MAC, InputError TARGET-LOAD.
        """
        if runtime.native and not self.runtime().native:
            raise EnvironmentProblem(
                "COREML-MAC", "Core ML exists on macOS only", "run this on a Mac; `verify` works everywhere"
            )
        return _CoreMLRunner(path) if runtime.native else _ProgramRunner(path, threads)


class _ProgramRunner(Runner):
    """The evaluator. ``threads`` is the process's own setting."""

    def __init__(self, path: Path, threads: int) -> None:
        super().__init__(str(path))
        import torch

        from cxredge.mlprogram import load

        torch.set_num_threads(threads)
        try:
            self._program: Any = load(path)
        except CxrError as error:
            raise InputError("TARGET-LOAD", f"{error.code}: {error.cause}", error.fix) from error

    def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        outputs: dict[str, NDArray[np.float32]] = self._program({"image": image})
        return outputs

    def _close_impl(self) -> None:
        del self._program


class _CoreMLRunner(Runner):
    """Core ML through coremltools, on macOS; it chooses the compute units itself, as an app's default does."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        import coremltools

        self._folder = tempfile.TemporaryDirectory(prefix="cxredge-coreml-")
        try:
            with zipfile.ZipFile(path) as archive:
                # zipfile refuses absolute and climbing names; the file's hash has been checked before
                archive.extractall(self._folder.name)
            (package,) = Path(self._folder.name).iterdir()
            self._model: Any = coremltools.models.MLModel(str(package))
        except Exception as error:  # coremltools wraps Objective-C errors in plain exceptions
            self._folder.cleanup()
            raise InputError(
                "TARGET-LOAD",
                f"Core ML cannot load {path}: {error}",
                "get it anew, or build it again: the file is damaged",
            ) from error

    def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        return {name: np.asarray(value, np.float32) for name, value in self._model.predict({"image": image}).items()}

    def _close_impl(self) -> None:
        del self._model
        self._folder.cleanup()
