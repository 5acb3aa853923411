from __future__ import annotations

import pytest
import torch
from torch import nn

from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.students import new_student
from cxredge.students.backbones import parts_of
from cxredge.students.concatenated import Concatenated

PAIR = "timm/resnet10t+timm/vgg11"


@pytest.mark.parametrize("sizes", [((4, 4), (3, 2)), ((5, 7), (5, 7)), ((2, 6), (5, 3)), ((7, 7), (1, 1))])
def test_channels_keep_their_means_whatever_the_sizes(sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    class Given(nn.Module):
        def __init__(self, size: tuple[int, int]) -> None:
            super().__init__()
            self.map = torch.randn(2, 3, *size)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.map

    nets = [Given(size) for size in sizes]
    found = Concatenated(nets)(torch.zeros(2, 1, 8, 8))
    assert tuple(found.shape) == (2, 6, min(sizes[0][0], sizes[1][0]), min(sizes[0][1], sizes[1][1]))
    torch.testing.assert_close(found.mean((2, 3)), torch.cat([net.map.mean((2, 3)) for net in nets], 1))


def test_a_larger_map_is_averaged_by_area() -> None:
    from cxredge.students.concatenated import _shares

    expected = [[0.75, 0.25, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.25, 0.75]]
    torch.testing.assert_close(_shares(4, 3), torch.tensor(expected, dtype=torch.float64))


def test_the_teacher_is_one_linear_layer_on_all_global_means(tiny: Recipe) -> None:
    """80 pixels are 3 cells of a ResNet and 2 of a VGG."""
    spec = tiny.input.model_copy(update={"height": 80, "width": 80, "channels": 3})
    teacher = new_student(tiny.model_copy(update={"input": spec, "novelty": None}), PAIR).eval()
    film = torch.rand(2, 3, 80, 80) * 255
    assert isinstance(teacher.backbone, Concatenated)
    with torch.no_grad():
        maps = [net((film - 128) / 128) for net in teacher.backbone.nets]
        assert [tuple(found.shape[1:]) for found in maps] == [(512, 3, 3), (512, 2, 2)]
        means = torch.cat([found.mean((2, 3)) for found in maps], 1)
        answers = teacher(film)
        expected = means @ teacher.get_parameter("head.weight")[:, :, 0, 0].T + teacher.get_parameter("head.bias")
    torch.testing.assert_close(answers["logits"], expected, rtol=1e-4, atol=1e-5)
    assert tuple(answers["cam"].shape) == (2, 5, 2, 2)


@pytest.mark.slow
def test_the_published_pair_has_2048_and_512_features(tiny: Recipe) -> None:
    spec = tiny.input.model_copy(update={"height": 224, "width": 224, "channels": 3})
    parts = parts_of("timm/resnetv2_50+timm/vgg19", spec)
    assert parts.features == 2048 + 512
    with torch.no_grad():
        assert tuple(parts.backbone.eval()(torch.zeros(1, 3, 224, 224)).shape) == (1, 2560, 7, 7)


def test_each_network_must_give_a_map(tiny: Recipe) -> None:
    spec = tiny.input.model_copy(update={"height": 224, "width": 224})
    with pytest.raises(InputError) as caught:
        parts_of("timm/resnet10t+timm/vit_tiny_patch16_224", spec)
    assert caught.value.code == "STUDENT-MAP"
    assert "timm/vit_tiny_patch16_224" in caught.value.cause
