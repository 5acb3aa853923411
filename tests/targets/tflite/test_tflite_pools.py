"""Pooling over the border, written otherwise, is the same pooling, and INT8 can hold it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.targets import get_target
from support.lowering import PERCENTILE, lower

if TYPE_CHECKING:
    from torch import Tensor, nn


def spelled(pool: nn.Module, image: Tensor) -> tuple[Tensor, set[str]]:
    """What ``pool`` gives once it is spelled out, and the operators that are then in it."""
    import torch

    from cxredge.targets.tflite.float_model import spell_out

    program = torch.export.export(torch.nn.Sequential(pool).eval(), (image,))
    spell_out(program.graph)
    program.graph_module.recompile()
    made: Tensor = program.module()(image)
    return made, {str(n.target).split(".")[1] for n in program.graph.nodes if n.op == "call_function"}


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 2, 1), (5, 1, 2), (2, 2, 1), ((3, 5), (2, 1), (1, 2)), (4, 3, 2), (3, 2, 0)]
)
def test_pools_stay_the_same(kernel: int, stride: int, padding: int, ceil: bool) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    image = torch.randn(1, 3, 17, 14)
    greatest = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)
    assert torch.equal(spelled(greatest, image)[0], greatest(image))
    for counted in (False, True):
        mean = nn.AvgPool2d(kernel, stride, padding, ceil, count_include_pad=counted)
        torch.testing.assert_close(spelled(mean, image)[0], mean(image))


def test_what_reaches_over_no_border_is_left_alone() -> None:
    import torch
    from torch import nn

    image = torch.randn(1, 3, 16, 12)
    for pool, operator in (nn.MaxPool2d(2), "max_pool2d"), (nn.AvgPool2d(2, count_include_pad=False), "avg_pool2d"):
        assert spelled(pool, image)[1] == {operator}
    assert spelled(nn.MaxPool2d(3, 2, 1), image)[1] == {"max_pool2d", "slice", "cat"}


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "extra"),
    [(3, 2, 1, 1), (3, 2, 1, 0), (4, 2, 1, 0), (2, 2, 0, 1), (3, 3, (0, 1), 0)],
)
def test_transposed_convolutions_stay_the_same(kernel: int, stride: int, padding: int, extra: int) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    image = torch.randn(1, 4, 7, 5)
    up = nn.ConvTranspose2d(4, 6, kernel, stride, padding, extra)
    torch.testing.assert_close(spelled(up, image)[0], up(image))


def test_a_padded_pool_has_int8(recipe: Recipe, tmp_path: Path) -> None:
    """The converter pads with minus infinity, which no INT8 range holds."""
    import torch
    from torch import nn

    from cxredge.students.backbone_student import BackboneStudent
    from support.tiny_student import films

    torch.manual_seed(0)
    layers = nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(16, 32, 3), nn.ReLU()
    student = BackboneStudent(nn.Sequential(*layers), 32, 3, 4).eval()
    target = get_target("tflite")
    images = films(8, 3).astype(np.float32)
    with torch.no_grad():
        expected = student(torch.from_numpy(images))["logits"].numpy()
    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    for artifact in lower(target, student, ["fp32", "w8a8"], recipe, calibration, tmp_path):
        with target.open(tmp_path / artifact.file) as runner:
            found = np.concatenate([runner.run(image[None])["logits"] for image in images])
        noise = 10 * np.log10((expected**2).sum() / ((expected - found) ** 2).sum())
        assert noise > {"fp32": 90, "w8a8": 25}[artifact.scheme], artifact.scheme
