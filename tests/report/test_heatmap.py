from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.images.geometry import upsample
from cxredge.recipe_data import PhantomData
from cxredge.recipe_file import load_recipe
from cxredge.report.heatmap import colours, figure, overlay

ZOO = Path(__file__).parents[2] / "model_zoo" / "phantom"


def film(channels: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (channels, 24, 30)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("value", [0.0, -2.0])
def test_without_evidence_the_film_stays_as_it_is(channels: int, value: float) -> None:
    pixels = film(channels)
    plain = np.broadcast_to(pixels.transpose(1, 2, 0), (24, 30, 3))
    assert np.array_equal(overlay(pixels, np.full((4, 5), value, np.float32)), plain)


def test_only_where_the_map_is_positive_is_the_film_coloured() -> None:
    pixels = film()
    cam = np.full((4, 5), -1.0, np.float32)
    cam[1, 2] = 0.3
    picture = overlay(pixels, cam)
    touched = upsample(np.maximum(cam, 0), 24, 30) > 0
    assert np.array_equal(picture[~touched], np.repeat(pixels[0][~touched][:, None], 3, 1))
    # 6 pixels a cell: one cell's tent spans 11 x 11
    assert touched.sum() == 11 * 11
    expected = np.rint(0.35 * int(pixels[0, 6, 12]) + 0.65 * np.array([252, 255, 164]))
    assert np.array_equal(picture[6, 12], expected)


def test_the_ramp_rises_in_lightness() -> None:
    picture = colours(np.linspace(0, 1, 64)[None])[0].astype(float)
    lightness = picture @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
    assert (colours(np.array([[-1.0, 2.0]])) == colours(np.array([[0.0, 1.0]]))).all()


def test_the_figure_holds_film_overlay_and_text() -> None:
    pixels = film()
    sheet = figure(pixels, np.ones((4, 5), np.float32), ("Nodule", "phantom 1.0.0"))
    higher = figure(pixels, np.ones((4, 5), np.float32), ("Nodule", "phantom 1.0.0", "of another kind"))
    assert higher.height > sheet.height
    below = np.asarray(higher)[sheet.height - 10 :]
    assert (below < 100).any(), "the third line stands below the second"
    np.testing.assert_array_equal(np.asarray(higher)[: sheet.height - 10], np.asarray(sheet)[:-10])
    assert sheet.size == (2 * 60 + 36, 48 + 24 + 46)


def centroid(student: object, size: int, cell: int, images: object) -> tuple[float, float]:
    """(row, column): centre of mass of |d cam[cell, cell] / d image|, over images, their mirror images and labels.

    cell: of the backbone's features; of a finer map, all cells of that place together. Mirrored about the cell's own
    pixel, what the films show pulls the centre to no side.
    """
    import torch

    assert isinstance(images, torch.Tensor)
    assert callable(student)
    pixel, weight = 2 * cell * 32 - size + 1, torch.zeros(size, size, dtype=torch.float64)
    for axes in ((), (2,), (3,), (2, 3)):
        image = images.flip(axes).roll([pixel] * len(axes), axes) if axes else images.clone()
        image.requires_grad_(True)
        cam = student(image)["cam"]
        torch.nn.functional.avg_pool2d(cam, cam.shape[-1] * 32 // size)[:, :, cell, cell].sum().backward()
        assert image.grad is not None
        weight += image.grad.abs().double().sum((0, 1))
    places = torch.arange(size, dtype=torch.float64)
    total = weight.sum()
    return float(weight.sum(1) @ places / total), float(weight.sum(0) @ places / total)


def zoo_student() -> object:
    from cxredge.students import build_student

    recipe = load_recipe(ZOO)
    return build_student(recipe, ZOO / recipe.weights.file)


def test_the_zoos_backbone_centres_cell_i_on_pixel_i_times_the_stride() -> None:
    """Of the strides, kernels and paddings alone: all taps equal, no activations, and no border in sight."""
    import torch
    from torch import nn

    student = copy.deepcopy(zoo_student())
    assert isinstance(student, nn.Module)
    with torch.no_grad():
        for name, module in list(student.named_modules()):
            if isinstance(module, nn.Conv2d):
                module.weight.fill_(1 / module.weight[0].numel())
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                nn.init.ones_(module.weight)
            elif isinstance(module, nn.ReLU6):
                student.set_submodule(name, nn.Identity())
    found = centroid(student, 768, 12, torch.zeros(1, 1, 768, 768))
    assert found == pytest.approx((12 * 32, 12 * 32), abs=0.1)


def test_the_trained_student_looks_near_that_pixel(tmp_path: Path) -> None:
    """12 and not 6 pixels: measured 4 to 10 up and left, over seeds 5 to 7.

    The ImageNet weights were trained with padding at the right and lower border only, and their kernels lean to the
    other side; the student pads on both sides and keeps the lean.
    """
    import torch

    from cxredge.data.data_sets import open_data
    from cxredge.images.preprocess import preprocess_films

    recipe = load_recipe(ZOO)
    data = PhantomData(source="phantom", seed=5, patients={"train": 1, "val": 5, "test": 1})
    paths = [f.path for f in open_data(data, recipe.labels, tmp_path).films("val")]
    images = torch.from_numpy(preprocess_films(paths, recipe.input, "test")).float()
    for found in centroid(zoo_student(), 192, 3, images):
        assert found == pytest.approx(3 * 32, abs=12)
        # where an image resize would put it
        assert abs(found - 3 * 32) < abs(found - 3.5 * 32)
