"""The glue that people write today: every exporter's documented calls in one process, one after the other.

Same student, same films, same artifacts and the same parity films as the recipe's build; the exporters' own default
calibration (histogram observers, moving averages, ORT's min and max). Used by build_vs_raw.py; prints nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main(recipe_folder: str, out: str) -> None:
    import torch

    from cxredge.images.preprocess import preprocess_films, to_student
    from cxredge.students import build_student
    from cxredge.workflows.pipeline import recipe_pipeline

    pipeline = recipe_pipeline(Path(recipe_folder))
    recipe, work = pipeline.recipe, Path(out)
    work.mkdir(parents=True, exist_ok=True)
    student = build_student(recipe, pipeline.weights)
    assert pipeline.calibration is not None
    spec, evaluation = recipe.input, pipeline.trial.evaluation
    calibration = to_student(preprocess_films([f.path for f in pipeline.calibration.films], spec, "calibration"))
    films = to_student(preprocess_films([f.path for f in evaluation.films], spec, "evaluation"))
    with torch.inference_mode():
        for film in films:
            student(torch.from_numpy(film[None]))
    executorch(student, calibration, films, work)
    tflite(student, calibration, films, work, recipe.targets["tflite"])
    onnx(student, calibration, films, work)


def executorch(student, calibration, films, work):
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from executorch.exir import to_edge_transform_and_lower
    from executorch.runtime import Runtime
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    example = (torch.from_numpy(films[:1]),)
    with torch.no_grad():
        program = torch.export.export(student, example)
        config = get_symmetric_quantization_config(is_per_channel=True)
        prepared = prepare_pt2e(torch.export.export(student, example).module(), XNNPACKQuantizer().set_global(config))
        for film in calibration:
            prepared(torch.from_numpy(film[None]))
        quantised = torch.export.export(convert_pt2e(prepared), example)
        for name, lowered in (("fp32", program), ("w8a8", quantised)):
            edge = to_edge_transform_and_lower(lowered, partitioner=[XnnpackPartitioner()])
            (work / f"{name}.pte").write_bytes(edge.to_executorch().buffer)
    for name in ("fp32", "w8a8"):
        method = Runtime.get().load_program(work / f"{name}.pte").load_method("forward")
        for film in films:
            method.execute((torch.from_numpy(film[None]),))


def tflite(student, calibration, films, work, schemes):
    import litert_torch
    import torch
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import qtyping, quantizer, recipe

    class ChannelsLast(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.student = student

        def forward(self, image):
            outputs = self.student(image.permute(0, 3, 1, 2))
            return {**outputs, "cam": outputs["cam"].permute(0, 2, 3, 1)}

    def last(film):
        return np.ascontiguousarray(film[None].transpose(0, 2, 3, 1))

    source = str(work / "fp32.tflite")
    litert_torch.convert(ChannelsLast().eval(), sample_kwargs={"image": torch.from_numpy(last(films[0]))}).export(
        source
    )
    recipes = {
        "w8a8": recipe.static_wi8_ai8,
        "w8": recipe.weight_only_wi8_afp32,
    }
    for scheme in schemes:
        if scheme not in recipes:
            continue
        q = quantizer.Quantizer(source)
        q.load_quantization_recipe(recipes[scheme]())
        for operation in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
            if scheme == "w8a8":
                q.update_quantization_recipe(regex=".*", operation_name=operation, algorithm_key="no_quantize")
        samples = {"serving_default": [{"image": last(film)} for film in calibration]}
        ranges = q.calibrate(samples) if scheme == "w8a8" else None
        q.quantize(ranges, enable_progress_report=False).export_model(str(work / f"{scheme}.tflite"), overwrite=True)
    if "fp16" in schemes:
        q = quantizer.Quantizer(source)
        q.update_quantization_recipe(
            regex=".*",
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            op_config=qtyping.OpQuantizationConfig(
                weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
                compute_precision=qtyping.ComputePrecision.FLOAT,
            ),
            algorithm_key="float_casting",
        )
        q.quantize(enable_progress_report=False).export_model(str(work / "fp16.tflite"), overwrite=True)
    for scheme in schemes:
        interpreter = Interpreter(model_path=str(work / f"{scheme}.tflite"), num_threads=1)
        run = interpreter.get_signature_runner()
        for film in films:
            run(image=last(film))


def onnx(student, calibration, films, work):
    import onnx
    import onnxruntime
    import onnxsim
    import torch
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.films = iter(calibration)

        def get_next(self):
            film = next(self.films, None)
            return None if film is None else {"image": film[None]}

    program = torch.onnx.export(
        student, (torch.from_numpy(films[:1]),), dynamo=True, input_names=["image"], opset_version=20,
        output_names=["logits", "cam", "novelty"], verbose=False,
    )  # fmt: skip
    program.save(str(work / "raw.onnx"))
    simplified, _ = onnxsim.simplify(onnx.load(work / "raw.onnx"))
    onnx.save(simplified, work / "fp32.onnx")
    quantize_static(
        work / "fp32.onnx", work / "w8a8.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    for name in ("fp32", "w8a8"):
        session = onnxruntime.InferenceSession(work / f"{name}.onnx", providers=["CPUExecutionProvider"])
        for film in films:
            session.run(None, {"image": film[None]})


if __name__ == "__main__":
    main(*sys.argv[1:3])
