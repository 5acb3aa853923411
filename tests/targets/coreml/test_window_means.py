"""Means over the border: the artifact says in Core ML's meaning what the student says in PyTorch's, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cxredge.errors import InputError
from cxredge.mlprogram.graph import read_graph
from cxredge.mlprogram.program import Program, load
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.targets import get_target
from cxredge.targets.coreml import window_means
from mlprogram.converted import Beside, converted, saved
from support.lowering import PERCENTILE, lower

RAMP = torch.arange(49, dtype=torch.float32).reshape(1, 1, 7, 7)


def rewritten(model: nn.Module, x: torch.Tensor, folder: Path, half: bool = False) -> Program:
    """The package that coremltools makes of ``model`` with our pass before its own."""
    import coremltools

    window_means.register()
    pipeline = coremltools.PassPipeline()
    pipeline.insert_pass(0, window_means.PASS)
    return load(saved(converted(model, x, "iOS17", half, pipeline), folder, "rewritten"))


def test_the_reported_case(tmp_path: Path) -> None:
    """coremltools#2772 and #2844: PyTorch's values, and Core ML's for the package as coremltools writes it."""
    pool = nn.AvgPool2d(2, stride=3, ceil_mode=True)
    plain = load(saved(converted(pool, RAMP, "iOS17"), tmp_path))({"x": RAMP.numpy()})["y"]
    assert plain.tolist() == [[[[4, 7, 4.75], [25, 28, 15.25], [21.25, 22.75, 12]]]]
    faithful = rewritten(pool, RAMP, tmp_path)({"x": RAMP.numpy()})["y"]
    assert faithful.tolist() == [[[[4, 7, 9.5], [25, 28, 30.5], [42.5, 45.5, 48]]]]
    assert faithful.tolist() == pool(RAMP).tolist()


def geometries() -> Iterator[tuple[Any, ...]]:
    """(kernel, stride, padding) with padding of up to half a window, as PyTorch takes it."""
    for kernel, stride, padding in product((1, 2, 3, 5, (2, 3), (7, 4)), (1, 2, 3, (3, 2), 5), (0, 1, 2, 3, (0, 1))):
        sides = [(k, k) if isinstance(k, int) else k for k in (kernel, padding)]
        if all(2 * p <= k for k, p in zip(*sides, strict=True)):
            yield kernel, stride, padding


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("size", [(7, 7), (8, 11)])
def test_every_geometry_is_pytorchs(counted: bool, size: tuple[int, int], tmp_path: Path) -> None:
    """By one package of all of them; each has its own windows behind, in and before the padding."""
    pools = {
        f"{kernel} {stride} {padding}": nn.AvgPool2d(kernel, stride, padding, True, counted)
        for kernel, stride, padding in geometries()
    }
    # windows of nothing but the border have no mean, which is refused, see below
    pools = {name: pool for name, pool in pools.items() if not beyond(pool, size)}
    assert len(pools) > 50
    x = torch.randn((1, 2, *size), generator=torch.Generator().manual_seed(0))
    model = Beside(pools)
    made = rewritten(model, x, tmp_path)({"x": x.numpy()})["y"]
    start = 0
    for name, pool in pools.items():
        expected = pool(x).numpy().ravel()
        np.testing.assert_allclose(made[start : start + len(expected)], expected, rtol=1e-5, atol=1e-6, err_msg=name)
        start += len(expected)
    assert start == len(made)


def beyond(pool: nn.AvgPool2d, size: tuple[int, int]) -> bool:
    """Whether coremltools makes a window behind the image that PyTorch drops (nothing is padded there)."""
    sides = [(v, v) if isinstance(v, int) else v for v in (pool.kernel_size, pool.stride, pool.padding)]
    return any(p == 0 and -(-(d - k) // s) * s >= d for d, k, s, p in zip(size, *sides, strict=True))


def test_one_axis_is_pytorchs(tmp_path: Path) -> None:
    """The report's own: 0.5, 3.5 and 6 where Core ML said 3."""
    x = torch.arange(7, dtype=torch.float32).reshape(1, 1, 7)
    pool = nn.AvgPool1d(2, 3, ceil_mode=True)
    assert rewritten(pool, x, tmp_path)({"x": x.numpy()})["y"].tolist() == [[[0.5, 3.5, 6]]] == pool(x).tolist()


def test_what_both_compute_alike_is_left_alone(tmp_path: Path) -> None:
    for pool in (nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(7, 1), nn.AvgPool2d(2, 2), nn.AvgPool2d(7, 4, 3, False, False)):
        assert [n.type for n in rewritten(pool, RAMP, tmp_path).graph.nodes] == ["avg_pool"]


def test_wide_counted_padding_becomes_zeros_of_the_image(tmp_path: Path) -> None:
    """coremltools#1901: a 49th of the mean, in float16."""
    pool, x = nn.AvgPool2d(7, 4, 3), torch.randn(1, 2, 16, 12, generator=torch.Generator().manual_seed(0))
    program = rewritten(pool, x, tmp_path, half=True)
    assert [n.type for n in program.graph.nodes] == ["cast", "pad", "avg_pool", "cast"]
    np.testing.assert_allclose(program({"x": x.numpy()})["y"], pool(x).numpy(), atol=1e-3)


def student_of(*layers: nn.Module) -> Any:
    from cxredge.students.backbone_student import BackboneStudent

    torch.manual_seed(0)
    return BackboneStudent(nn.Sequential(*layers), 16, 3, 4).eval()


@pytest.mark.parametrize(
    "pool",
    [
        nn.AvgPool2d(2, 3, ceil_mode=True, count_include_pad=True),
        nn.AvgPool2d(3, 5, 1, ceil_mode=True, count_include_pad=True),
        nn.AvgPool2d(5, 3, 2, ceil_mode=True, count_include_pad=True),
        nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False),
    ],
    ids=lambda pool: pool.extra_repr(),
)
def test_a_student_keeps_parity_in_core_mls_meaning(pool: nn.Module, recipe: Recipe, tmp_path: Path) -> None:
    from support.tiny_student import films

    # 25 pixels, so that all but one of the pools reach over the border
    student = student_of(nn.Conv2d(1, 16, 5, 2, 3), nn.ReLU(), pool, nn.Conv2d(16, 16, 3), nn.ReLU())
    images = films(6, 3).astype(np.float32)
    with torch.no_grad():
        expected = student(torch.from_numpy(images))["logits"].numpy()
    target, calibration = get_target("coreml"), CalibrationFilms(films(24, 2), PERCENTILE)
    for artifact in lower(target, student, ("fp32", "fp16", "w8a8"), recipe, calibration, tmp_path):
        path = tmp_path / artifact.file
        with target.open(path) as runner:
            found = np.concatenate([runner.run(image[None])["logits"] for image in images])
        noise = 10 * np.log10((expected**2).sum() / ((expected - found) ** 2).sum())
        assert noise > {"fp32": 90, "fp16": 45, "w8a8": 20}[artifact.scheme], artifact.scheme
        graph = read_graph(path)
        for node in (n for n in graph.nodes if n.type == "avg_pool"):
            value = {key: graph.constants[names[0]].value for key, names in node.arguments.items() if key != "x"}
            assert not value["ceil_mode"] or value["exclude_padding_from_average"], "Core ML would count the border"


@pytest.mark.parametrize(
    ("layer", "word"),
    [
        (nn.Conv2d(16, 16, (3, 2), 2, 1), "coremltools#2515"),
        (nn.ConvTranspose2d(16, 16, (3, 5), 2, (1, 2)), "onnxruntime#21416"),
        (nn.Upsample(scale_factor=1.5), "1.5"),
        (nn.AvgPool2d(1, 3, ceil_mode=True), "no pixel"),
    ],
    ids=["convolution", "transposed convolution", "nearest pixel", "window of nothing"],
)
def test_what_core_ml_computes_otherwise_is_refused_by_its_module(
    layer: nn.Module, word: str, recipe: Recipe, tmp_path: Path
) -> None:
    from support.tiny_student import SIZE, films

    assert SIZE % 3 == 0, "the last window of a stride of 3 would begin right behind the image"
    student = student_of(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), layer, nn.ReLU())
    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    for scheme in ("fp32", "w8a8"):
        with pytest.raises(InputError) as caught:
            lower(get_target("coreml"), student, (scheme,), recipe, calibration, tmp_path)
        assert caught.value.code == "TARGET-LOWERING"
        assert "module backbone.2:" in caught.value.cause
        assert word in caught.value.cause
