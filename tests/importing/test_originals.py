"""Networks by name: built for the asked outputs, channels and size, with nothing fetched."""

from __future__ import annotations

import socket

import pytest
import torch

from cxredge.errors import InputError
from cxredge.importing.mapping import described
from cxredge.importing.originals import build_network


@pytest.fixture(autouse=True)
def _no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something is fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    ("arch", "channels", "size"),
    [
        ("timm/test_convnext", 1, (64, 64)),
        ("timm/test_vit", 3, (64, 32)),
        ("torchvision/shufflenet_v2_x0_5", 1, (64, 64)),
        ("torchvision/densenet121", 1, (64, 64)),
        ("torchvision/googlenet", 3, (64, 64)),
        ("torchvision/squeezenet1_1", 2, (64, 64)),
    ],
)
def test_it_answers_for_the_asked_input(arch: str, channels: int, size: tuple[int, int]) -> None:
    network = build_network(arch, 5, channels, size)
    assert not network.training
    with torch.inference_mode():
        answer = network(torch.zeros(1, channels, *size))
    assert answer.shape == (1, 5)
    assert vars(described(network.state_dict())) == {"channels": channels, "outputs": 5}


def test_a_tag_of_weights_is_part_of_a_name() -> None:
    network = build_network("timm/test_convnext.r160_in1k", 2, 3, (64, 64))
    assert described(network.state_dict()).outputs == 2


@pytest.mark.parametrize(
    ("arch", "first"),
    [
        ("timm/mobilenetv2_10", "timm/mobilenetv2_100"),
        ("torchvision/mobilenet_v", "torchvision/mobilenet_v2"),
        ("resnet18", "timm/<name>"),
        ("torchvision/fcn_resnet50", "torchvision/"),
        ("cxredge/own", "timm/<name>"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(arch: str, first: str) -> None:
    with pytest.raises(InputError) as caught:
        build_network(arch, 2, 3, (64, 64))
    assert caught.value.code == "IMPORT-ARCH"
    assert any(choice.startswith(first) for choice in caught.value.choices)


@pytest.mark.parametrize(
    ("arch", "choices"),
    [
        ("timm/resnet10", "timm/resnet1"),
        ("timm/zzzzzzzz", None),
        ("torchvision/zzzzzzzz", None),
    ],
)
def test_names_that_are_far_are_not_suggested(arch: str, choices: str | None) -> None:
    with pytest.raises(InputError) as caught:
        build_network(arch, 2, 3, (64, 64))
    assert bool(caught.value.choices) == (choices is not None)
    assert all("resnet" in choice or "resnest" in choice for choice in caught.value.choices)


def test_what_cannot_be_built_says_why() -> None:
    with pytest.raises(InputError, match="square images") as caught:
        build_network("torchvision/vit_b_16", 2, 3, (64, 32))
    assert caught.value.code == "IMPORT-ARCH"
