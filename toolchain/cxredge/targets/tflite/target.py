"""TFLite (LiteRT) with the XNNPACK delegate: ``.tflite`` files in float32, float16, INT8 weights and static INT8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.files import write_bytes
from cxredge.modelfile.contents import Contents
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.ranges import CAM
from cxredge.recipe import Recipe
from cxredge.recipe_input import InputSpec
from cxredge.results import Delegation
from cxredge.targets.base import Lowered, Target
from cxredge.targets.runner import Runner, Runtime
from cxredge.targets.tflite.metadata import has_tflite_support, load_libusb, pack, populate, unpack
from cxredge.targets.tflite.names import TensorOrigin, float_modules, kept_outputs, shorten_names
from cxredge.targets.tflite.quantizer import SIGNATURE, calibrate, quantise
from cxredge.vocabulary import SchemeName

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from cxredge.students.base import Student
    from cxredge.targets.tracer import Origin, Tracer


@dataclass(frozen=True)
class _Source:
    """The float model's file, where its operators come from, and the student that it was made of, for its images."""

    path: Path
    origins: tuple[TensorOrigin, ...]
    student: Student
    spec: InputSpec

    @cached_property
    def program(self) -> ExportedProgram:
        """The student as an exported program, which tells what its modules compute."""
        import torch

        spec = self.spec
        with torch.no_grad():
            return torch.export.export(self.student, (torch.zeros(1, spec.channels, spec.height, spec.width),))

    def float_outputs(self, scheme: SchemeName, kept: frozenset[str]) -> list[str]:
        """Outputs of the operators that stay in float: of the modules ``kept``, and of those that ``scheme`` breaks."""
        plain = kept | (float_modules(self.program) if scheme == "w8a8" else frozenset())
        return kept_outputs(self.origins, self.student, self.program, plain) if plain else []


class TFLite(Target):
    """litert-torch -> AI Edge Quantizer -> buffers inlined -> metadata.

    Signature ``serving_default``: image float32[1, H, W, ch] -> what the student answers: logits float32[1, C], cam
    float32[1, h, w, C], novelty float32[1], quality float32[1, K].
    """

    name = "tflite"
    suffix = ".tflite"
    layout = "NHWC"
    schemes = ("fp32", "fp16", "w8", "w8a8")
    seconds: ClassVar[Mapping[SchemeName, float]] = {"fp32": 12, "fp16": 6, "w8": 6, "w8a8": 6}
    build_packages = (
        "litert-torch",
        "litert-converter",
        "ai-edge-litert",
        "ai-edge-quantizer",
        "torch",
    )
    # no plain pip installs it beside the others: it wants protobuf < 4
    stand_ins: ClassVar[Mapping[str, str]] = {"tflite-support": "the same metadata is written without it"}
    run_packages = ("ai-edge-litert",)
    exporter_modules = ("litert_torch", "ai_edge_quantizer.quantizer")
    runtime_modules = ("ai_edge_litert.interpreter",)

    def import_exporter(self) -> None:
        """Also what writes the metadata, where it is installed, with the library that it is linked to."""
        super().import_exporter()
        if has_tflite_support():
            load_libusb()
            from tensorflow_lite_support.metadata.python.metadata_writers import metadata_writer  # noqa: F401

    def runtime(self) -> Runtime:
        """LiteRT."""
        return Runtime("LiteRT")

    def _prepare_impl(self, student: Student, spec: InputSpec, work: Path) -> _Source:
        from cxredge.targets.tflite.float_model import convert

        path = work / "float.tflite"
        data, origins = shorten_names(convert(student, spec))
        path.write_bytes(data)
        return _Source(path, origins, student, spec)

    def _lower_impl(
        self,
        prepared: _Source,
        scheme: SchemeName,
        recipe: Recipe,
        calibration: CalibrationFilms | None,
        kept: frozenset[str],
        path: Path,
    ) -> Lowered:
        lowered, ranges = Lowered(), None
        if calibration is not None:
            estimator = calibrate(prepared.path, calibration)
            lowered = Lowered.calibrated(estimator, calibration.rule)
            ranges = {r.tensor: r for r in lowered.ranges}
        if scheme == "fp32":
            data = prepared.path.read_bytes()
        else:
            data = quantise(prepared.path, scheme, ranges, prepared.float_outputs(scheme, kept))
        plain = pack(unpack(data), len(data))
        labelled = populate(plain, recipe)
        _check_unchanged(plain, labelled, recipe.input)
        write_bytes(path, labelled)
        return lowered

    def _read_impl(self, path: Path) -> Contents:
        from cxredge.targets.tflite.contents import read_tflite

        return read_tflite(path)

    def _delegation_impl(self, path: Path) -> Delegation:
        from cxredge.targets.tflite.contents import tflite_delegation

        return tflite_delegation(path)

    def _open_impl(self, path: Path, threads: int) -> Runner:
        return _TFLiteRunner(path, threads)

    def _tracer_impl(self, path: Path, origin: Origin) -> Tracer:
        from cxredge.targets.tflite.tracer import TFLiteTracer

        return TFLiteTracer(path)


def _check_unchanged(plain: bytes, labelled: bytes, spec: InputSpec) -> None:
    """The metadata writer's schema is older than the file's: what it does not know it drops without a word."""
    ramp = np.linspace(0, 255, spec.channels * spec.height * spec.width, dtype=np.float32)
    image = ramp.reshape(1, spec.channels, spec.height, spec.width)
    try:
        with _TFLiteRunner(plain, 1) as before, _TFLiteRunner(labelled, 1) as after:
            old, new = before.run(image), after.run(image)
    except InputError as error:  # what the converter wrote, and not a damaged file
        raise RuntimeError(f"LiteRT does not take what the converter wrote: {error.cause}") from error
    if any(not np.array_equal(old[name], new[name]) for name in old):
        raise RuntimeError("writing the metadata changed the model's outputs")


class _TFLiteRunner(Runner):
    """``source``: a file's path, or its bytes."""

    def __init__(self, source: Path | bytes, threads: int) -> None:
        super().__init__("a TFLite model" if isinstance(source, bytes) else str(source))
        from ai_edge_litert.interpreter import Interpreter

        where = {"model_content": source} if isinstance(source, bytes) else {"model_path": str(source)}
        try:
            self._interpreter: Any = Interpreter(**where, num_threads=threads)
            self._interpreter.allocate_tensors()
            # not get_signature_runner(): while one is alive, invoke() refuses to run
            indices: dict[str, Any] = self._interpreter._get_full_signature_list()[SIGNATURE]
        except (ValueError, RuntimeError, OSError, KeyError) as error:
            raise InputError(
                "TARGET-LOAD",
                f"LiteRT cannot load {self.what}: {error}",
                "get it anew, or build it again: the file is damaged",
            ) from error
        self._input = int(indices["inputs"]["image"])
        self._outputs = {name: int(index) for name, index in indices["outputs"].items()}

    def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        self._interpreter.set_tensor(self._input, image.transpose(0, 2, 3, 1))
        self._interpreter.invoke()
        outputs = {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}
        if CAM in outputs:
            outputs[CAM] = np.ascontiguousarray(outputs[CAM].transpose(0, 3, 1, 2))
        return outputs

    def _close_impl(self) -> None:
        del self._interpreter
