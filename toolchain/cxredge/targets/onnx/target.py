"""ONNX for ONNX Runtime's CPU provider: float32 and static INT8 in QDQ form."""

from __future__ import annotations

from collections.abc import Mapping
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
from cxredge.results import Delegation
from cxredge.targets.base import Lowered, Target
from cxredge.targets.checks import answered
from cxredge.targets.onnx.quantizer import calibrate, made_modules, quantise, quantised_nodes
from cxredge.targets.runner import Runner, Runtime
from cxredge.vocabulary import SchemeName

if TYPE_CHECKING:
    from cxredge.students.base import Student
    from cxredge.targets.tracer import Origin, Tracer

OPSET = 20
LABELS_KEY, INPUT_KEY = "cxr_labels", "cxr_input"
"""Metadata of the model: label names (comma-separated) and the input spec as JSON."""


class Onnx(Target):
    """torch.onnx (dynamo) -> onnxsim -> (ONNX Runtime's QDQ quantizer) -> checker.

    image float32[1, ch, H, W] -> what the student answers (logits, cam, novelty, quality) as float32. There is no fp16:
    ONNX Runtime's CPU provider has no float16 convolution and casts around it, so such a file would be smaller and
    slower.
    """

    name = "onnx"
    suffix = ".onnx"
    layout = "NCHW"
    schemes = ("fp32", "w8a8")
    seconds: ClassVar[Mapping[SchemeName, float]] = {"fp32": 8, "w8a8": 6}
    build_packages = ("onnx", "onnxruntime", "onnxscript", "onnxsim", "torch")
    run_packages = ("onnxruntime",)
    exporter_modules = ("onnx", "onnxscript", "onnxsim", "onnxruntime.quantization.qdq_quantizer")
    runtime_modules = ("onnxruntime",)

    def has_int8(self, layer: KernelRead) -> bool:
        """See ``Target``."""
        return not layer.grouped_transposed

    def runtime(self) -> Runtime:
        """ONNX Runtime."""
        return Runtime("ONNX Runtime")

    def _prepare_impl(self, student: Student, spec: InputSpec, work: Path) -> tuple[Any, dict[str, str]]:
        """The float32 ModelProto, and the student's module that each node stems from, by node name."""
        import torch

        program = torch.onnx.export(
            student,
            (),
            kwargs={"image": torch.zeros(1, spec.channels, spec.height, spec.width)},
            dynamo=True,
            input_names=["image"],
            output_names=list(answered(student, spec)),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
        if program is None:
            raise RuntimeError("the exporter gave no program")
        exported = program.model_proto
        # onnxsim keeps node names and drops the module paths
        simplified = _simplified(exported)
        return simplified, made_modules(exported, simplified)

    def _lower_impl(
        self,
        prepared: tuple[Any, dict[str, str]],
        scheme: SchemeName,
        recipe: Recipe,
        calibration: CalibrationFilms | None,
        kept: frozenset[str],
        path: Path,
    ) -> Lowered:
        import onnx

        source, modules = prepared
        lowered, model = Lowered(), onnx.ModelProto()
        model.CopyFrom(source)
        if calibration is not None:
            inside = quantised_nodes(model, modules, kept)
            estimator = calibrate(model, inside, calibration)
            lowered = Lowered.calibrated(estimator, calibration.rule)
            model = quantise(model, inside, lowered.ranges)
        # the exporter leaves source lines and module paths of the machine that built it
        for node in model.graph.node:
            del node.metadata_props[:]
            node.doc_string = ""
        del model.metadata_props[:]
        onnx.helper.set_model_props(
            model,
            {
                LABELS_KEY: ",".join(recipe.labels.names),
                INPUT_KEY: canonical_json(recipe.input.preprocessing.model_dump(mode="json")),
            },
        )
        onnx.checker.check_model(model, full_check=True)
        write_bytes(path, model.SerializeToString(deterministic=True))
        return lowered

    def _read_impl(self, path: Path) -> Contents:
        from cxredge.targets.onnx.contents import read_onnx

        return read_onnx(path)

    def _delegation_impl(self, path: Path) -> Delegation:
        from cxredge.targets.onnx.contents import onnx_delegation

        return onnx_delegation(path)

    def _open_impl(self, path: Path, threads: int) -> Runner:
        return _OnnxRunner(path, threads)

    def _tracer_impl(self, path: Path, origin: Origin) -> Tracer:
        from cxredge.targets.onnx.tracer import OnnxTracer

        return OnnxTracer(path)


def _simplified(exported: Any) -> Any:
    """The float32 ModelProto, simplified and with its shapes inferred."""
    import onnx
    import onnxsim

    model, same = onnxsim.simplify(exported)
    if not same:
        raise RuntimeError("onnxsim's model gives other outputs than the exported one")
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


class _OnnxRunner(Runner):
    def __init__(self, path: Path, threads: int) -> None:
        super().__init__(str(path))
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise InputError(
                "TARGET-LOAD",
                f"ONNX Runtime cannot load {path}: {error}",
                "get it anew, or build it again: the file is damaged",
            ) from error
        self._names = [o.name for o in self._session.get_outputs()]

    def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        return dict(zip(self._names, self._session.run(None, {"image": image}), strict=True))

    def _close_impl(self) -> None:
        del self._session
