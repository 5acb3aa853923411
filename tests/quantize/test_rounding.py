from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cxredge.quantize.folding import fold_batch_norm
from cxredge.quantize.rounding import LEVELS, load_rounded, put_back, round_weights
from cxredge.recipe import InputSpec
from cxredge.students.cam_student import CamStudent

SPEC = InputSpec(height=48, width=48, fit="pad")


class Backbone(nn.Module):
    """Every shape of convolution that phones' backbones have: dense, depthwise, pointwise, grouped, one without bias.

    ``stem``'s second filter is all zeros, so one channel of ``depthwise`` is fed a constant.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 5, 2, 2, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.pointwise = nn.Conv2d(16, 24, 1)
        self.grouped = nn.Conv2d(24, 24, 3, 2, 1, groups=4)
        self.dilated = nn.Conv2d(24, 12, 3, padding=2, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (lambda y: self.norm(self.stem(y)), self.depthwise, self.pointwise, self.grouped, self.dilated):
            x = torch.relu(layer(x))
        return x


@pytest.fixture(scope="module")
def student() -> CamStudent:
    torch.manual_seed(0)
    made = CamStudent(Backbone(), 12, 3, 2)
    with torch.no_grad():
        made.get_parameter("backbone.stem.weight")[1] = 0
        for _ in range(20):
            made(torch.from_numpy(films(8, 5)).float())  # settles the batch norm
    made.fit_novelty(torch.rand(20, 12))
    return made.eval()


def films(count: int, seed: int) -> NDArray[np.uint8]:
    """uint8[count, 1, 48, 48], neighbours nearly equal, as on films."""
    from support.tiny_student import films as smooth

    return smooth(count, seed)


@pytest.fixture(scope="module")
def rounded(student: CamStudent) -> CamStudent:
    return round_weights(student, SPEC, films(24, 2))


def convolutions(student: CamStudent) -> dict[str, nn.Conv2d]:
    return {n: m for n, m in student.named_modules() if isinstance(m, nn.Conv2d) and n.startswith("backbone.")}


def rows(weight: Tensor) -> Tensor:
    return weight.detach().double().reshape(len(weight), -1)


def nearest(weight: Tensor) -> Tensor:
    """What an exporter does: symmetric, per output channel."""
    flat = rows(weight)
    scale = flat.abs().amax(1, keepdim=True) / LEVELS
    scale[scale == 0] = 1
    return ((flat / scale).round() * scale).reshape(weight.shape).float()


def layer_errors(
    student: CamStudent, rounded: CamStudent, images: NDArray[np.uint8]
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """(layer, ours - float, nearest - float): the outputs' errors float32[N, C, h, w] on the float model's inputs."""
    folded = fold_batch_norm(student, SPEC)
    inputs: dict[str, Tensor] = {}

    def note(name: str, x: Tensor) -> None:
        inputs[name] = x

    for name, conv in convolutions(folded).items():
        conv.register_forward_hook(lambda _, args, __, name=name: note(name, args[0]))
    with torch.no_grad():
        folded(torch.from_numpy(images).float())
        for name, conv in convolutions(folded).items():
            x = inputs[name]
            expected = conv(x)
            other = conv._conv_forward(x, nearest(conv.weight), conv.bias)
            yield name, convolutions(rounded)[name](x) - expected, other - expected


def test_an_exporters_own_rounding_finds_nothing_to_do(student: CamStudent, rounded: CamStudent) -> None:
    folded = convolutions(fold_batch_norm(student, SPEC))
    for name, conv in convolutions(rounded).items():
        flat = rows(conv.weight)
        scale = flat.abs().amax(1, keepdim=True) / LEVELS
        steps = flat[scale[:, 0] > 0] / scale[scale > 0][:, None]
        # float32 holds 24 bits, a step is the eighth: 2**-16 of a step
        assert float((steps - steps.round()).abs().max()) < 1e-4, name
        torch.testing.assert_close(nearest(conv.weight), conv.weight.detach(), rtol=1e-6, atol=0)
        # the grid is the float student's own, so a step is no wider than nearest rounding's
        torch.testing.assert_close(scale, rows(folded[name].weight).abs().amax(1, keepdim=True) / LEVELS)
        if name != "backbone.stem":
            assert not torch.equal(conv.weight, nearest(folded[name].weight)), f"{name} was only rounded to nearest"


def test_outputs_change_less_than_by_nearest_rounding(student: CamStudent, rounded: CamStudent) -> None:
    checked = 0
    for name, ours, other in layer_errors(student, rounded, films(24, 2)):
        # nearest rounding is given the same correction of the bias, so that the weights alone are compared
        other = other - other.mean((0, 2, 3), keepdim=True)
        # measured 0.03 to 0.24; 0.85 for the 1x1, whose random inputs are nearly independent: little to gain there
        bound = 0.95 if name == "backbone.pointwise" else 0.4
        assert float(ours.square().mean()) < bound * float(other.square().mean()), name
        checked += 1
    assert checked == 5


def test_films_that_were_not_seen_gain_as_well(student: CamStudent, rounded: CamStudent) -> None:
    for name, ours, other in layer_errors(student, rounded, films(24, 77)):
        assert float(ours.square().mean()) < float(other.square().mean()), name


def test_the_bias_takes_up_the_mean_error(student: CamStudent, rounded: CamStudent) -> None:
    for name, ours, other in layer_errors(student, rounded, films(24, 2)):
        assert float(ours.mean((0, 2, 3)).abs().max()) < 0.01 * float(other.mean((0, 2, 3)).abs().max()), name


def test_head_and_novelty_are_left_alone(student: CamStudent, rounded: CamStudent) -> None:
    after = rounded.state_dict()
    for name, value in student.state_dict().items():
        if not name.startswith("backbone."):
            assert torch.equal(value, after[name]), name


def test_it_repeats_and_leaves_its_input_alone(student: CamStudent, rounded: CamStudent) -> None:
    before = {name: value.clone() for name, value in student.state_dict().items()}
    again = round_weights(student, SPEC, films(24, 2)).state_dict()
    for name, value in rounded.state_dict().items():
        assert torch.equal(value, again[name]), name
    for name, value in student.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_saved_student_is_loaded_as_it_was(student: CamStudent, rounded: CamStudent) -> None:
    loaded = load_rounded(student, rounded.state_dict())
    image = torch.from_numpy(films(2, 9)).float()
    with torch.no_grad():
        found, expected = loaded(image), rounded(image)
    assert not loaded.training
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_a_student_with_layers_that_do_not_fold_is_loaded_as_it_was() -> None:
    """Only what was folded is an identity: the other batch norms keep their eps, the other convolutions their bias."""
    from quantize.test_folding import mixed

    original = mixed()
    rounded = round_weights(original, SPEC, films(4, 2))
    loaded = load_rounded(original, rounded.state_dict())
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    for (name, found), (_, expected) in zip(loaded.named_modules(), rounded.named_modules(), strict=True):
        if isinstance(expected, kinds):
            assert getattr(found, "eps", 0) == getattr(expected, "eps", 0), name
    image = torch.from_numpy(films(2, 9)).float()
    with torch.no_grad():
        assert all(torch.equal(value, rounded(image)[name]) for name, value in loaded(image).items())


def test_a_row_of_zeros_stays(student: CamStudent, rounded: CamStudent) -> None:
    assert not student.get_parameter("backbone.stem.weight")[1].any()
    weight = rounded.get_parameter("backbone.stem.weight")
    assert not weight[1].any()
    assert all(bool(value.isfinite().all()) for value in rounded.state_dict().values())


class PreActivated(nn.Module):
    """Batch norm, ReLU, convolution, as in DenseNet: no batch norm behind it to fold, hence no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, 2, 1)
        self.norm = nn.BatchNorm2d(8)
        self.bare = nn.Conv2d(8, 12, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bare(torch.relu(self.norm(torch.relu(self.stem(x))))))


def test_a_convolution_without_bias_is_rounded_and_gets_none() -> None:
    torch.manual_seed(0)
    rounded = round_weights(CamStudent(PreActivated(), 12, 3, 2).eval(), SPEC, films(8, 2))
    conv = convolutions(rounded)["backbone.bare"]
    assert conv.bias is None
    torch.testing.assert_close(nearest(conv.weight), conv.weight.detach(), rtol=1e-6, atol=0)


def test_blank_films_give_finite_weights(student: CamStudent) -> None:
    """Second moments of rank one at most, or none: only the damping makes them invertible."""
    flat = np.full((4, 1, 48, 48), 128, np.uint8)
    rounded = round_weights(student, SPEC, flat)
    for name, conv in convolutions(rounded).items():
        assert bool(conv.weight.isfinite().all()), name
        torch.testing.assert_close(nearest(conv.weight), conv.weight.detach(), rtol=1e-6, atol=0)


def test_kept_modules_get_their_own_weights_back(student: CamStudent, rounded: CamStudent) -> None:
    kept = frozenset({"backbone.stem", "backbone.norm", "backbone.grouped"})
    before = {name: value.clone() for name, value in rounded.state_dict().items()}
    mixed = put_back(rounded, student, SPEC, kept).state_dict()
    folded = fold_batch_norm(student, SPEC).state_dict()
    for name, value in mixed.items():
        own = name.rpartition(".")[0] in kept
        assert torch.equal(value, (folded if own else before)[name]), name
    for name in ("backbone.stem.weight", "backbone.grouped.weight", "backbone.grouped.bias"):
        assert not torch.equal(mixed[name], before[name])
    for name, value in rounded.state_dict().items():
        assert torch.equal(value, before[name])


def test_putting_back_into_a_loaded_student_is_the_same(student: CamStudent, rounded: CamStudent) -> None:
    kept = frozenset({"backbone.stem", "backbone.pointwise"})
    loaded = load_rounded(student, rounded.state_dict())
    one, two = (put_back(r, student, SPEC, kept).state_dict() for r in (rounded, loaded))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
