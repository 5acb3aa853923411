from __future__ import annotations

import inspect

import pytest
import torch

from cxredge.errors import InputError
from cxredge.students.architectures import ARCHITECTURES, get_architecture


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_each_is_made_and_maps_films_to_logits(name: str) -> None:
    found = get_architecture(name)
    sides = (found.least, found.least + 2 * found.step)
    network = found.make(1, 3, sides)
    assert network.training
    assert tuple(network.eval()(torch.zeros(2, 1, *sides)).shape) == (2, 3)
    assert found.least <= found.side <= found.most
    assert "\n" not in found.words


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_each_says_truly_whether_its_class_takes_a_size(name: str) -> None:
    taken = inspect.signature(ARCHITECTURES[name].network).parameters
    assert list(taken) == ["channels", "outputs", "size"][: 2 + ARCHITECTURES[name].sized]


def test_same_seed_same_weights() -> None:
    made = []
    for _ in range(2):
        torch.manual_seed(5)
        made.append(get_architecture("cxredge/ct_cnn").make(1, 2, (8, 8)).state_dict())
    assert all(torch.equal(tensor, made[1][name]) for name, tensor in made[0].items())


@pytest.mark.parametrize(
    ("name", "size", "words", "choices"),
    [
        ("cxredge/eeea_net_c2", (31, 224), "a height of 31 pixels", ("32",)),
        ("cxredge/eeea_net_c2_exact", (224, 1025), "a width of 1025 pixels", ("1024",)),
        ("cxredge/ct_cnn", (32, 36), "a width of 36 pixels", ("32", "40")),
        ("cxredge/ct_cnn", (4, 32), "a height of 4 pixels", ("8",)),
        ("cxredge/ct_cnn", (0, 32), "a height of 0 pixels", ("8",)),
        ("cxredge/ct_cnn", (513, 32), "a height of 513 pixels", ("512",)),
    ],
)
def test_sizes_that_a_network_cannot_take(
    name: str, size: tuple[int, int], words: str, choices: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        get_architecture(name).make(1, 2, size)
    assert caught.value.code == "STUDENT-SIZE"
    assert words in caught.value.cause
    assert caught.value.choices == choices


@pytest.mark.parametrize("name", ["cxredge/eeea_netc2", "eeea_net_c2"])
def test_unknown_names_get_the_nearest(name: str) -> None:
    with pytest.raises(InputError) as caught:
        get_architecture(name)
    assert caught.value.code == "STUDENT-UNKNOWN"
    assert "cxredge/eeea_net_c2" in caught.value.choices[:2]
    assert set(caught.value.choices) == set(ARCHITECTURES)
