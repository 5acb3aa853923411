from __future__ import annotations

import pytest
import torch

from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.students import new_student
from cxredge.students.timm_backbone import TimmBackbone


def test_unknown_network_gets_the_nearest_names() -> None:
    with pytest.raises(InputError) as caught:
        TimmBackbone("timm/mobilenet_v2_100", 1, 32, 32)
    assert caught.value.code == "STUDENT-UNKNOWN"
    assert "timm/mobilenetv2_100" in caught.value.choices[:3]


@pytest.mark.parametrize("name", ["timm/vit_tiny_patch16_224", "timm/mixer_s32_224"])
def test_a_network_without_a_map_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        TimmBackbone(name, 1, 224, 224)
    assert caught.value.code == "STUDENT-MAP"


def test_channels_last_features_are_not_taken_for_a_map() -> None:
    with pytest.raises(InputError) as caught:
        TimmBackbone("timm/swin_tiny_patch4_window7_224", 1, 224, 224)
    assert caught.value.code == "STUDENT-MAP"


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    TimmBackbone("timm/mobilenetv2_035", 1, 32, 32)


@pytest.mark.parametrize("name", ["timm/mobilenetv2_035", "timm/mobilenetv3_small_050", "timm/resnet10t"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_weight_takes_part(name: str, channels: int) -> None:
    """mobilenetv3 has a convolution behind its pooling, and every network a classifier: neither may stay."""
    backbone = TimmBackbone(name, channels, 64, 96)
    out = backbone(torch.rand(2, channels, 64, 96))
    assert out.shape == (2, backbone.features, 2, 3)
    out.sum().backward()
    assert [k for k, p in backbone.named_parameters() if p.grad is None] == []


def test_student_exports(tiny: Recipe) -> None:
    recipe = tiny
    student = new_student(recipe, "timm/mobilenetv2_035").eval()
    film = torch.rand(1, 1, 32, 32) * 255
    program = torch.export.export(student, (film,))
    for key, value in program.module()(film).items():
        torch.testing.assert_close(value, student(film)[key])
