"""How fast the ML Program evaluator is beside eager PyTorch: MobileNetV2 at 224 pixels, one image, one thread.

fp32, fp16 and W8A8 packages of the same model with random weights; the W8A8 one is calibrated by the evaluator, in
place of the prediction that coremltools wants a Mac for. Alternating blocks in one run; medians of the blocks' ratios.
"""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

ROUNDS, CALLS = 15, 3


def packages(model: Any, image: Any, folder: Path) -> dict[str, Path]:
    import coremltools as ct
    import coremltools.optimize.coreml as cto
    import torch

    from cxredge.mlprogram import load

    program = torch.export.export(model, (image,)).run_decompositions({})
    options: dict[str, Any] = {
        "convert_to": "mlprogram",
        "minimum_deployment_target": ct.target.iOS17,
        "skip_model_load": True,
        "inputs": [ct.TensorType(name="image", shape=tuple(image.shape), dtype=np.float32)],
        "outputs": [ct.TensorType(name="logits", dtype=np.float32)],
    }
    fp32 = ct.convert(program, compute_precision=ct.precision.FLOAT32, **options)
    fp16 = ct.convert(program, compute_precision=ct.precision.FLOAT16, **options)
    paths = {name: folder / f"{name}.mlpackage" for name in ("fp32", "fp16", "w8a8")}
    fp32.save(str(paths["fp32"]))
    fp16.save(str(paths["fp16"]))
    ranges: dict[str, dict[str, float]] = {}

    def observe(name: str, value: np.ndarray) -> None:
        if value.dtype.kind == "f":
            ranges[name] = {"rmin": float(value.min()), "rmax": float(value.max())}

    load(paths["fp16"])({"image": image.numpy()}, observe)
    place = "coremltools.optimize.coreml._post_training_quantization._get_activation_calibration_stats"
    with mock.patch(place, return_value=ranges):
        activations = cto.OptimizationConfig(cto.OpLinearQuantizerConfig(mode="linear_symmetric"))
        quantized = cto.linear_quantize_activations(fp16, activations, [{}])
    weights = cto.OptimizationConfig(cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0))
    cto.linear_quantize_weights(quantized, weights).save(str(paths["w8a8"]))
    return paths


def seconds(function: Any, calls: int = CALLS) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - began) / calls


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import timm
    import torch

    from cxredge.mlprogram import load

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = timm.create_model("mobilenetv2_100", num_classes=14).eval()
    image = torch.randn(1, 3, 224, 224)

    def eager() -> None:
        with torch.no_grad():
            model(image)

    def run(program: Any) -> Any:
        return lambda: program({"image": image.numpy()})

    with tempfile.TemporaryDirectory() as scratch:
        paths = packages(model, image, Path(scratch))
        loads = {name: min(seconds(lambda path=path: load(path), 1) for _ in range(5)) for name, path in paths.items()}
        runs = {"eager": eager, **{name: run(load(path)) for name, path in paths.items()}}
        times: dict[str, list[float]] = {name: [] for name in runs}
        for function in runs.values():
            seconds(function)
        for _ in range(ROUNDS):
            for name, function in runs.items():
                times[name].append(seconds(function))
    bare = np.array(times["eager"])
    print(f"eager: {np.median(bare) * 1e3:.1f} ms")
    for name in paths:
        own = np.array(times[name])
        ratio, low, high = np.median(own / bare), *np.quantile(own / bare, [0.1, 0.9])
        print(
            f"{name}: {np.median(own) * 1e3:.1f} ms, {ratio:.2f} of eager ({low:.2f} to {high:.2f} in 8 of 10 blocks); "
            f"loads in {loads[name] * 1e3:.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
