"""Read a ``.onnx`` back: dtypes of constants and activations, and which nodes run in integers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from cxredge.errors import EnvironmentProblem
from cxredge.results import Census, Delegation


def inspect_onnx(path: Path) -> tuple[Census, Delegation]:
    """Census of the file, and ONNX Runtime's graph after its own optimisation. Raises EnvironmentProblem TARGET-LOAD.

    The CPU provider is the only delegate here and takes every node or refuses to load: ``left`` is then empty, and
    ``delegated`` counts the nodes that are really run.
    """
    import onnx

    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        delegation = _delegation(path)
    except Exception as error:
        raise EnvironmentProblem("TARGET-LOAD", f"{path} is not a readable .onnx: {error}", "build it again") from error
    weights: Counter[str] = Counter()
    for constant in model.graph.initializer:
        weights[_dtype(constant.data_type)] += onnx.numpy_helper.to_array(constant).nbytes
    activations = Counter(_dtype(v.type.tensor_type.elem_type) for v in inferred.graph.value_info)

    def dtypes(values: Any) -> dict[str, str]:
        return {v.name: _dtype(v.type.tensor_type.elem_type) for v in values}

    census = Census(
        weight_bytes=dict(sorted(weights.items())),
        activations=dict(sorted(activations.items())),
        inputs=dtypes(model.graph.input),
        outputs=dtypes(model.graph.output),
    )
    return census, delegation


def _dtype(number: int) -> str:
    import onnx

    return str(onnx.helper.tensor_dtype_to_np_dtype(number))


def _delegation(path: Path) -> Delegation:
    import tempfile

    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder) / "optimised.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(optimised)
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        nodes = len(onnx.load(str(optimised)).graph.node)
    return Delegation(delegate="CPUExecutionProvider", partitions=1, delegated=nodes, total=nodes)
