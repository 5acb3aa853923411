"""Every target's intermediates are the student's, and what is broken is found where it is broken."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.explain.alignment import UnitError, trace_units
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.students.backbone_student import BackboneStudent
from cxredge.targets import get_target
from cxredge.targets.tracer import Origin
from cxredge.vocabulary import INTEGER_SCHEMES
from support.lowering import PERCENTILE, Lowered, answered_by, lower, slow_but

UNITS = ["stem.0", "block.expand.0", "block.depthwise.0", "block.project.0", "block", "last.0"]
LEAST_DB = {"fp32": 60.0, "fp16": 40.0, "w8": 30.0, "w8a8": 20.0}


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    from support.tiny_student import films

    return films(3, 3)


@pytest.fixture(scope="module")
def student() -> BackboneStudent:
    from support.tiny_student import make_student

    return make_student()


@pytest.fixture(scope="module")
def rounded(student: BackboneStudent, recipe: Recipe) -> dict[str, BackboneStudent]:
    """By INT8 scheme."""
    from cxredge.quantize.rounding import round_weights
    from support.tiny_student import films

    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    return {s: round_weights(student, recipe.input, calibration, s == "w8") for s in INTEGER_SCHEMES}


def origin(student: BackboneStudent, rounded: dict[str, BackboneStudent], recipe: Recipe, scheme: str) -> Origin:
    from support.tiny_student import films

    calibration = CalibrationFilms(films(24, 2), PERCENTILE) if scheme == "w8a8" else None
    source = rounded.get(scheme, student)
    return Origin(source, recipe, scheme, calibration)  # type: ignore[arg-type]


def decibels(error: UnitError) -> float:
    return 10 * math.log10(error.signal / max(error.noise, error.signal * 1e-15))


def test_every_unit_is_found_and_near(
    lowered: Lowered,
    student: BackboneStudent,
    rounded: dict[str, BackboneStudent],
    recipe: Recipe,
    images: NDArray[np.uint8],
) -> None:
    for scheme, artifact in lowered.artifacts.items():
        made = origin(student, rounded, recipe, scheme)
        source, errors = trace_units(lowered.target, lowered.folder / artifact.file, made, student, images)
        assert [e.unit for e in errors] == [f"backbone.{name}" for name in UNITS]
        assert all(e.tensor is not None and e.bad is None for e in errors), scheme
        assert len({e.tensor for e in errors}) == len(errors), "each has a tensor of its own"
        assert min(map(decibels, errors)) > LEAST_DB[scheme], scheme
        assert ("the artifact itself" in source) == (lowered.target.name != "executorch")
        if scheme == "w8a8":
            assert max(map(decibels, errors)) < 60, "what was quantised is not read before it is"


def test_what_is_traced_ends_in_what_the_artifact_answers(
    lowered: Lowered,
    student: BackboneStudent,
    rounded: dict[str, BackboneStudent],
    recipe: Recipe,
    images: NDArray[np.uint8],
) -> None:
    """The tracer's cam or logits are among its tensors, as the runner gives them."""
    image = images[:1].astype(np.float32)
    for scheme, artifact in lowered.artifacts.items():
        path = lowered.folder / artifact.file
        with lowered.target.open(path) as runner:
            expected = runner.run(image)["logits"]
        tracer = lowered.target.tracer(path, origin(student, rounded, recipe, scheme))
        found = [t.values.reshape(-1) for t in tracer.trace(image) if t.values.size == expected.size]
        scale = np.abs(expected).max()
        # the rounding of an INT8 kernel may differ by a step between a delegate's graph and the same graph split up
        near = 1e-4 if scheme in ("fp32", "fp16", "w8") else 0.02
        assert min(np.abs(f - expected[0]).max() for f in found) < near * scale, scheme


def test_a_broken_layer_is_where_the_sqnr_falls(
    lowered: Lowered, student: BackboneStudent, recipe: Recipe, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    import torch

    from cxredge.explain.layerwise import explanation, worst
    from cxredge.explain.records import TraceRecord

    broken = copy.deepcopy(student)
    torch.manual_seed(1)
    with torch.no_grad():
        weight = broken.get_parameter("backbone.block.depthwise.0.weight")
        weight += 0.3 * weight.std() * torch.randn_like(weight)
    (artifact,) = lower(lowered.target, broken, ["fp32"], recipe, None, tmp_path)
    # the delegate hides ExecuTorch's intermediates: there the graph that the file is made of is the broken one
    source = broken if lowered.target.name == "executorch" else student
    traced = trace_units(
        lowered.target, tmp_path / artifact.file, Origin(source, recipe, "fp32", None), student, images
    )
    record = TraceRecord(source=traced[0], units=traced[1], signal=None, noise=None)
    found = explanation(artifact.name, len(images), record, None)
    place = worst(found)
    assert place is not None
    assert found.layers[place].module == "backbone.block.depthwise.0"


def test_a_float16_overflow_is_named(
    student: BackboneStudent, recipe: Recipe, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    import torch

    huge = copy.deepcopy(student)
    with torch.no_grad():
        huge.get_parameter("backbone.block.project.1.weight").fill_(4e4)
    target = get_target("coreml")
    (artifact,) = lower(target, huge, ["fp16"], recipe, None, tmp_path)
    _, errors = trace_units(target, tmp_path / artifact.file, Origin(huge, recipe, "fp16", None), huge, images[:1])
    bad = [e for e in errors if e.bad is not None]
    assert bad[0].unit == "backbone.block.project.0"
    assert "float16 overflow" in str(bad[0].bad)


def test_nan_is_named_where_it_begins(
    student: BackboneStudent, recipe: Recipe, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    import onnx

    target = get_target("onnx")
    (artifact,) = lower(target, student, ["fp32"], recipe, None, tmp_path)
    path = tmp_path / artifact.file
    model = onnx.load(str(path))
    (convolution,) = (n for n in model.graph.node if any("block.depthwise.0.weight" in i for i in n.input))
    (weight,) = (c for c in model.graph.initializer if c.name == convolution.input[1])
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0, 0, 0, 0] = np.nan
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    path.write_bytes(model.SerializeToString())
    _, errors = trace_units(target, path, Origin(student, recipe, "fp32", None), student, images[:1])
    assert next((e.unit, e.bad) for e in errors if e.bad is not None) == ("backbone.block.depthwise.0", "NaN")
    assert [e.unit for e in errors if e.bad is None] == ["backbone.stem.0", "backbone.block.expand.0"]


@pytest.mark.parametrize("target", slow_but("onnx"))
def test_a_backbone_that_nobody_tuned(target: str, recipe: Recipe, tmp_path: Path) -> None:
    """Squeeze and excitation, hard-swish, odd layouts: nine of ten units have a tensor, and these are right."""
    import torch

    from cxredge.students.timm_backbone import TimmBackbone
    from support.tiny_student import films

    torch.manual_seed(0)
    backbone = TimmBackbone("timm/mobilenetv3_small_050", 1, 48, 48)
    student = BackboneStudent(backbone, backbone.features, 3, 4).train()
    with torch.no_grad():
        for _ in range(10):
            student(torch.from_numpy(films(8, 5)).float())
        student.eval()
    kind = get_target(target)
    (artifact,) = lower(kind, student, ["fp32"], recipe, None, tmp_path)
    made = Origin(student, answered_by(student, recipe), "fp32", None)
    _, errors = trace_units(kind, tmp_path / artifact.file, made, student, films(2, 3))
    matched = [e for e in errors if e.tensor is not None]
    assert len(matched) >= 0.9 * len(errors)
    assert min(map(decibels, matched)) > 60
