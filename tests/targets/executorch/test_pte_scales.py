"""What moves values has one scale in XNNPACK: such students load, are delegated whole, and say what they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.outputs import Outputs
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.results import Artifact
from cxredge.students.backbone_student import BackboneStudent
from cxredge.targets import get_target
from support.lowering import PERCENTILE, lower


def lowered(student: BackboneStudent, recipe: Recipe, folder: Path) -> Artifact:
    from support.tiny_student import films

    calibration = CalibrationFilms(films(16, 2), PERCENTILE)
    (artifact,) = lower(get_target("executorch"), student, ["w8a8"], recipe, calibration, folder)
    return artifact


def sqnr_db(student: BackboneStudent, path: Path, name: str = "cam") -> float:
    """Signal against the INT8 file's error on films that were not calibrated on."""
    import torch

    from support.tiny_student import films

    images = films(4, 3).astype(np.float32)
    with torch.no_grad():
        wanted = student(torch.from_numpy(images))[name].double().numpy()
    with get_target("executorch").open(path) as runner:
        runs: list[Outputs] = [runner.run(image[None]) for image in images]
    error = wanted - np.concatenate([run[name] for run in runs])
    return float(10 * np.log10(np.square(wanted).sum() / np.square(error).sum()))


def weights(student: BackboneStudent) -> int:
    from cxredge.quantize.keep_float import kernel_reads, quantised_weights
    from cxredge.recipe_input import InputSpec

    return quantised_weights(kernel_reads(student, InputSpec(height=48, width=48, fit="pad")), frozenset())[1]


@pytest.mark.parametrize("move", ["slice", "shortcut", "window", "pool", "parts", "steps"])
def test_parts_of_a_tensor_load_and_are_right(move: str, recipe: Recipe, tmp_path: Path) -> None:
    from support.small_networks import moving_student

    student = moving_student(move)
    artifact = lowered(student, recipe, tmp_path)
    assert sqnr_db(student, tmp_path / artifact.file) > 25  # measured 33 to 50
    assert artifact.census.weight_bytes["int8"] == weights(student)
    assert artifact.delegation is not None
    # the delegate has no slice with steps; everything else is its own
    left = {"aten::slice_copy": 4} if move == "steps" else {}
    assert artifact.delegation.left == left
    assert artifact.delegation.partitions == (1 if not left else 2)


def test_a_layer_in_two_places_and_a_shared_kernel_load(recipe: Recipe, tmp_path: Path) -> None:
    from support.small_networks import twice_student

    student = twice_student()
    artifact = lowered(student, recipe, tmp_path)
    assert sqnr_db(student, tmp_path / artifact.file) > 25
    assert artifact.delegation is not None
    assert artifact.delegation.left == {}
    # a copy for each layer: their inputs have scales of their own
    assert artifact.census.weight_bytes["int8"] == weights(student)


@pytest.mark.parametrize("operator", ["max_pool", "cat"])
def test_what_moves_values_may_be_kept_in_float_between_two_layers(
    operator: str, recipe: Recipe, tmp_path: Path
) -> None:
    import torch
    from torch import Tensor, nn

    from support.small_networks import FEATURES, WIDTH, layer
    from support.tiny_student import LABELS, settled

    class Move(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            moves = {
                "max_pool": lambda: nn.functional.max_pool2d(x, 2),
                "cat": lambda: torch.cat([x[:, :8], y[:, 8:]], 1),
            }
            return moves[operator]()

    class Backbone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(1, WIDTH, 3, 4, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU())
            self.next = layer(WIDTH, WIDTH)
            self.moved = Move()
            self.last = layer(WIDTH, FEATURES)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            return self.last(self.moved(x, self.next(x) * 0.1))

    torch.manual_seed(0)
    student = settled(BackboneStudent(Backbone(), FEATURES, len(LABELS), 4))
    kept = recipe.model_copy(update={"keep_float": {"executorch/w8a8": (r"backbone\.moved",)}})
    artifact = lowered(student, kept, tmp_path)
    assert artifact.kept_float == ("backbone.moved",)
    assert sqnr_db(student, tmp_path / artifact.file) > 25


def test_a_file_that_its_runtime_refuses_is_no_artifact(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With upstream's own partitioner and scales, XNNPACK refuses the slice when the file is loaded."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    from cxredge.targets.executorch import partitioner, quantizer
    from support.small_networks import moving_student

    monkeypatch.setattr(partitioner, "partitioner", XnnpackPartitioner)
    monkeypatch.setattr(quantizer, "_share_scales", lambda *_: None)
    with pytest.raises(InputError) as caught:
        lowered(moving_student("slice"), recipe, tmp_path)
    assert caught.value.code == "TARGET-LOWERING"
    for part in ("executorch/w8a8", "slice in module backbone (Moving)", "small_networks.py:", "file is whole"):
        assert part in caught.value.cause, caught.value.cause
    assert "static slice node" in caught.value.cause
    assert "damaged" not in f"{caught.value.cause} {caught.value.fix}"
    assert not list(tmp_path.iterdir())
