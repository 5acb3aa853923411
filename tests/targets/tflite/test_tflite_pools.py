"""Max pooling with a mirrored border is max pooling, and INT8 can hold it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.targets import get_target
from support.lowering import PERCENTILE, lower


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 2, 1), (5, 1, 2), (2, 2, 1), ((3, 5), (2, 1), (1, 2)), (4, 3, 2)]
)
def test_the_maximum_stays_the_same(kernel: int, stride: int, padding: int) -> None:
    import torch
    from torch import nn

    from cxredge.students.cam_student import CamStudent
    from cxredge.targets.tflite.pools import mirrored_pools

    torch.manual_seed(0)
    student = CamStudent(nn.Sequential(nn.Conv2d(1, 3, 1), nn.MaxPool2d(kernel, stride, padding)), 3, 2, 1).eval()
    changed = mirrored_pools(student)
    assert not [m for m in changed.modules() if isinstance(m, nn.MaxPool2d)]
    assert isinstance(student.get_submodule("backbone.1"), nn.MaxPool2d), "the student itself is left alone"
    image = torch.randn(2, 1, 17, 14)
    assert torch.equal(student.backbone(image), changed.backbone(image))


def test_what_pads_nothing_is_left_alone() -> None:
    from torch import nn

    from cxredge.students.cam_student import CamStudent
    from cxredge.targets.tflite.pools import mirrored_pools

    student = CamStudent(nn.Sequential(nn.Conv2d(1, 3, 1), nn.MaxPool2d(2)), 3, 2, 1).eval()
    assert mirrored_pools(student) is student


def test_a_padded_pool_has_int8(recipe: Recipe, tmp_path: Path) -> None:
    """The converter pads with minus infinity, which no INT8 range holds."""
    import torch
    from torch import nn

    from cxredge.students.cam_student import CamStudent
    from support.tiny_student import films

    torch.manual_seed(0)
    layers = nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(16, 32, 3), nn.ReLU()
    student = CamStudent(nn.Sequential(*layers), 32, 3, 4).eval()
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
