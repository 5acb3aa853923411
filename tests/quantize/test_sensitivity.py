"""The simulation: as INT8 as the artifacts are, and right about what was planted."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cxredge.outputs import Outputs
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.rounding import round_weights
from cxredge.quantize.sensitivity import Simulation
from cxredge.recipe_input import InputSpec
from cxredge.students.backbone_student import BackboneStudent
from support.lowering import PERCENTILE, Lowered

SPEC = InputSpec(height=48, width=48, fit="pad")
WIDTH = 24


class Chain(nn.Module):
    """Four layers with ReLU, which a positive factor passes through."""

    def __init__(self) -> None:
        super().__init__()
        sides = [1, WIDTH, WIDTH, WIDTH, WIDTH]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2 if i < 2 else 1, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for i, (a, b) in enumerate(itertools.pairwise(sides))
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def films(count: int, seed: int) -> NDArray[np.uint8]:
    from support.tiny_student import films as smooth

    return smooth(count, seed)


@pytest.fixture(scope="module")
def chain() -> BackboneStudent:
    torch.manual_seed(0)
    student = BackboneStudent(Chain(), WIDTH, 3, 2).train()
    with torch.no_grad():
        for _ in range(30):
            student(torch.from_numpy(films(8, 5)).float())
        student.eval()
        student.fit_novelty(student.features(torch.from_numpy(films(12, 5)).float()).mean((2, 3)))
    return student


@torch.no_grad()
def plant(student: BackboneStudent, layer: int, factor: float = 1000.0) -> BackboneStudent:
    """The same function, with one channel behind ``layer`` that is ``factor`` times as large."""
    planted = copy.deepcopy(student)
    layers = planted.get_submodule("backbone.layers")
    norm, reader = layers[layer][1], layers[layer + 1][0]  # type: ignore[index]
    norm.weight[0] *= factor
    norm.bias[0] *= factor
    reader.weight[:, 0] /= factor
    return planted


def simulate(student: BackboneStudent, weights_only: bool = False) -> Simulation:
    return Simulation(student, SPEC, CalibrationFilms(films(24, 2), PERCENTILE), weights_only=weights_only)


def unfitted(student: BackboneStudent) -> Simulation:
    """With weights that make up for no rounded activation, as layers are looked for."""
    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    return Simulation(student, SPEC, calibration, round_weights(student, SPEC, calibration, weights_only=True))


def sqnr_db(reference: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    wide = reference.astype(np.float64)
    return float(10 * np.log10((wide**2).sum() / ((wide - other) ** 2).sum()))


def eager(student: BackboneStudent, images: NDArray[np.uint8]) -> Outputs:
    with torch.no_grad():
        return {name: value.numpy() for name, value in student(torch.from_numpy(images).float()).items()}


def test_it_is_as_far_off_as_the_artifact(lowered: Lowered) -> None:
    """Measured within 0.5 dB on the students of the zoo, too."""
    from support.tiny_student import make_student

    student, images = make_student(), films(11, 3)
    expected = eager(student, images)
    for scheme in {"w8", "w8a8"} & set(lowered.artifacts):
        with lowered.target.open(lowered.folder / lowered.artifacts[scheme].file) as runner:
            runs = [runner.run(image[None].astype(np.float32)) for image in images]
        simulation = simulate(student, weights_only=scheme == "w8")
        found = simulation.run(images)
        # beside 8-bit weights alone, float16 is no small error any more
        most = 8 if lowered.target.computes_in_half and scheme == "w8" else 2
        for name in ("logits", "cam"):
            real = sqnr_db(expected[name], np.concatenate([run[name] for run in runs]))
            assert abs(sqnr_db(expected[name], found[name]) - real) < most, (scheme, name)


def test_all_kept_is_the_float_student(chain: BackboneStudent) -> None:
    simulation, images = simulate(chain), films(11, 3)
    every = frozenset(unit.name for unit in simulation.units)
    reference, expected = simulation.reference(images), eager(chain, images)
    kept = simulation.run(images, every)
    assert tuple(kept) == ("logits", "cam", "novelty")
    for name in kept:
        assert np.array_equal(kept[name], reference[name]), name
        assert len(kept[name]) == 11
        np.testing.assert_allclose(reference[name], expected[name], rtol=1e-3, atol=1e-4)
    assert simulation.logit_sqnr_db(images, every) is None
    found = simulation.logit_sqnr_db(images)
    assert found is not None
    assert found == pytest.approx(sqnr_db(reference["logits"], simulation.run(images)["logits"]), abs=1e-3)


def test_weights_only_loses_less(chain: BackboneStudent) -> None:
    images = films(8, 3)
    whole, weights = simulate(chain).logit_sqnr_db(images), simulate(chain, weights_only=True).logit_sqnr_db(images)
    assert whole is not None
    assert weights is not None
    assert weights > whole


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_huge_channel_is_found_and_kept(chain: BackboneStudent, layer: int) -> None:
    images = films(8, 3)
    simulation = unfitted(plant(chain, layer))
    bad, good = simulation.logit_sqnr_db(images), unfitted(chain).logit_sqnr_db(images)
    assert bad is not None
    assert good is not None
    assert bad < good - 10
    restored = simulation.sensitivity(images)
    assert [r.unit for r in restored] == list(simulation.units)
    worst = max(restored, key=lambda r: r.share)
    assert worst.unit.name == f"backbone.layers.{layer}.0"
    # the rest stands with the reader: a weight that is a thousandth of the others is rounded away
    assert worst.share > 0.4
    steps = list(simulation.order(images))
    assert steps[0].units == (f"backbone.layers.{layer}.0", f"backbone.layers.{layer + 1}.0")
    assert steps[0].share is not None
    # layers behind them are fitted to what these lost, until weights are rounded anew with these in float
    assert steps[0].share > 0.7
    assert steps[0].logit_sqnr_db == pytest.approx(
        simulation.logit_sqnr_db(images, frozenset(steps[0].units)), abs=1e-6
    )
    names = [name for step in steps for name in step.units]
    assert sorted(names) == sorted(unit.name for unit in simulation.units), "in the end all are kept, each once"


def test_two_huge_channels_need_both(chain: BackboneStudent) -> None:
    simulation, images = simulate(plant(plant(chain, 0), 2)), films(8, 3)
    kept: set[str] = set()
    for step in simulation.order(images):
        kept |= set(step.units)
        found = simulation.logit_sqnr_db(images, frozenset(kept))
        if found is None or found > 20:
            break
    assert {f"backbone.layers.{i}.0" for i in range(4)} == kept


def test_the_order_goes_on_from_what_is_kept(chain: BackboneStudent) -> None:
    simulation, images = simulate(plant(chain, 0)), films(8, 3)
    keep = frozenset(["backbone.layers.0.0", "backbone.layers.1.0"])
    names = {name for step in simulation.order(images, keep) for name in step.units}
    assert names == {"backbone.layers.2.0", "backbone.layers.3.0"}


def test_an_addition_is_kept_with_its_block() -> None:
    """``keep_float`` names modules, and an addition is named by its block: the order counts with what that costs."""
    from support.tiny_student import make_student

    simulation = simulate(make_student())
    block = {u.name for u in simulation.units if u.name.startswith("backbone.block")}
    assert len(block) == 4
    for step in simulation.order(films(8, 3)):
        if "backbone.block" in step.units:
            return
        block -= set(step.units)
    raise AssertionError("the block was never kept")
