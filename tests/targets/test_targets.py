"""Every target lowers a real student, says truly what it made, and runs it like the reference."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.errors import EnvironmentProblem, InputError
from cxredge.outputs import Outputs
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.results import Artifact
from cxredge.targets import get_target
from support.lowering import PERCENTILE, Lowered, lower, lower_all

SQNR_DB = {"fp16": 30.0, "w8": 20.0, "w8a8": 15.0}

OUTPUTS = ("logits", "cam", "novelty", "quality")
"""What the tiny student answers."""


@pytest.fixture(scope="module")
def images() -> NDArray[np.float32]:
    from support.tiny_student import films

    return films(8, 3).astype(np.float32)


@pytest.fixture(scope="module")
def reference(images: NDArray[np.float32]) -> Outputs:
    import torch

    from support.tiny_student import make_student

    with torch.no_grad():
        outputs = make_student()(torch.from_numpy(images))
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def outputs_of(lowered: Lowered, scheme: str, images: NDArray[np.float32]) -> Outputs:
    with lowered.target.open(lowered.folder / lowered.artifacts[scheme].file) as runner:
        runs = [runner.run(image[None]) for image in images]
    return {name: np.concatenate([run[name] for run in runs]) for name in OUTPUTS}


def sqnr_db(signal: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    wide = signal.astype(np.float64)
    return float(10 * np.log10((wide**2).sum() / ((wide - other) ** 2).sum()))


def test_fp32_agrees_with_eager(lowered: Lowered, images: NDArray[np.float32], reference: Outputs) -> None:
    outputs = outputs_of(lowered, "fp32", images)
    for name in OUTPUTS:
        np.testing.assert_allclose(outputs[name], reference[name], atol=1e-4 * np.abs(reference[name]).max(), rtol=0)


def test_other_schemes_stay_near(lowered: Lowered, images: NDArray[np.float32], reference: Outputs) -> None:
    for scheme in set(lowered.artifacts) - {"fp32"}:
        outputs = outputs_of(lowered, scheme, images)
        for name in OUTPUTS:
            assert sqnr_db(reference[name], outputs[name]) > SQNR_DB[scheme], (scheme, name)


def test_artifacts_describe_their_files(lowered: Lowered, recipe: Recipe) -> None:
    assert set(lowered.artifacts) == set(lowered.target.schemes)
    for scheme, artifact in lowered.artifacts.items():
        data = (lowered.folder / artifact.file).read_bytes()
        assert artifact.file == f"{scheme}{lowered.target.suffix}"
        assert (artifact.bytes, artifact.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert Artifact.model_validate_json(artifact.model_dump_json()) == artifact
        assert (bool(artifact.ranges), artifact.cam_step is not None) == (scheme == "w8a8", scheme == "w8a8")
        for label in recipe.labels.names:
            assert label.encode() in data
        assert str(Path.home()).encode() + b"/" not in data
        assert str(Path(__file__).parents[2]).encode() not in data


def test_census_tells_the_schemes_apart(lowered: Lowered) -> None:
    for scheme, artifact in lowered.artifacts.items():
        census = artifact.census
        assert census.inputs == {"image": "float32"}
        assert census.outputs == dict.fromkeys(OUTPUTS, "float32")
        small = sum(n for dtype, n in census.weight_bytes.items() if dtype in ("int8", "uint8"))
        assert (small > 0.5 * sum(census.weight_bytes.values())) == (scheme in ("w8", "w8a8"))
        assert any(dtype in ("int8", "uint8") for dtype in census.activations) == (scheme == "w8a8")
        # Core ML computes in float16 in all schemes but one
        halves = ("fp16", "w8", "w8a8") if lowered.target.computes_in_half else ("fp16",)
        assert ("float16" in census.weight_bytes) == (scheme in halves)


def test_census_counts_the_students_parameters(lowered: Lowered) -> None:
    from support.tiny_student import make_student

    student = make_student()
    from torch import nn

    convolutions = [m for m in student.modules() if isinstance(m, nn.Conv2d)]
    # batch norms are folded into weights and a bias for each output channel
    values = sum(c.weight.numel() + c.out_channels for c in convolutions)
    assert student.novelty is not None
    assert student.quality is not None
    values += sum(b.numel() for head in (student.novelty, student.quality) for b in head.buffers())
    found = lowered.artifacts["fp32"].census.weight_bytes["float32"]
    assert 4 * values <= found <= 4 * values + 64


def test_everything_but_small_change_is_delegated(lowered: Lowered) -> None:
    for artifact in lowered.artifacts.values():
        delegation = artifact.delegation
        if lowered.target.name == "coreml":  # it decides on the device
            assert delegation is None
            continue
        assert delegation is not None
        assert delegation.partitions == 1
        assert delegation.total - delegation.delegated == sum(delegation.left.values())
        assert delegation.share() > 0.9


def test_operators_cost_what_the_eager_student_multiplies(lowered: Lowered) -> None:
    """torch counts two operations for each multiply-accumulate, by hooks on what eager really calls."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from support.tiny_student import SIZE, make_student

    student = make_student()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        student(torch.zeros(1, 1, SIZE, SIZE))
    for scheme, artifact in lowered.artifacts.items():
        operations = lowered.target.read(lowered.folder / artifact.file).operations
        assert 2 * sum(o.macs or 0 for o in operations) == counter.get_total_flops(), scheme
        assert all(o.macs is not None and o.bytes_moved for o in operations), scheme


def test_operators_hold_the_weights_that_the_census_counts(lowered: Lowered) -> None:
    for scheme, artifact in lowered.artifacts.items():
        found = lowered.target.read(lowered.folder / artifact.file)
        counted = sum(artifact.census.weight_bytes.values())
        # a constant that several operators read is theirs each time, and some that a program keeps nobody reads
        assert abs(sum(o.weight_bytes for o in found.operations) - counted) <= 0.01 * counted + 64, scheme
        by_dtype = {o.weight_dtype for o in found.operations if o.weight_bytes > 1000}
        assert by_dtype <= set(artifact.census.weight_bytes), scheme
        assert ("int8" in by_dtype) == (scheme in ("w8", "w8a8")), scheme


def test_operators_are_named_and_delegated_as_the_file_says(lowered: Lowered) -> None:
    for artifact in lowered.artifacts.values():
        found = lowered.target.read(lowered.folder / artifact.file)
        assert len({o.name for o in found.operations}) == len(found.operations)
        assert {t.name: t.dtype for t in found.inputs} == artifact.census.inputs
        assert {t.name: t.shape for t in found.outputs}["logits"] == (1, 3)
        if found.delegation is None:
            assert {o.delegate for o in found.operations} == {None}
        else:
            inside = [o for o in found.operations if o.delegate == found.delegation.delegate]
            assert len(inside) == artifact.delegation.delegated


def test_inspecting_needs_the_file_alone(lowered: Lowered) -> None:
    for artifact in lowered.artifacts.values():
        assert lowered.target.inspect(lowered.folder / artifact.file) == (artifact.census, artifact.delegation)


def test_one_scheme_alone_gives_the_same_bytes(lowered: Lowered, recipe: Recipe, tmp_path: Path) -> None:
    alone = lower_all(lowered.target.name, recipe, tmp_path, ("w8a8",))
    assert alone["w8a8"].sha256 == lowered.artifacts["w8a8"].sha256


def test_a_rounded_student_at_hand_is_used_and_gives_the_same_bytes(
    lowered: Lowered, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cxredge.quantize import rounding
    from support.tiny_student import films, make_student

    student, images = make_student(), films(24, 2)
    calibration = CalibrationFilms(images, PERCENTILE)
    rounded = rounding.round_weights(student, recipe.input, calibration)

    def again(*_: object) -> None:
        raise AssertionError("rounded a second time")

    monkeypatch.setattr(rounding, "round_weights", again)
    (made,) = lower(lowered.target, student, ["w8a8"], recipe, calibration, tmp_path, rounded)
    assert made.sha256 == lowered.artifacts["w8a8"].sha256


SCRIPT = """
import json, sys
from pathlib import Path
from cxredge.recipe import Recipe
from support.lowering import lower_all
recipe = Recipe.model_validate_json(Path(sys.argv[2]).read_bytes())
made = lower_all(sys.argv[1], recipe, Path(sys.argv[3]), ("w8a8",))
Path(sys.argv[3], "digest.json").write_text(json.dumps(made["w8a8"].sha256))
"""


@pytest.mark.slow
def test_bytes_depend_on_neither_process_nor_hash_seed(lowered: Lowered, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    for seed in ("1", "77"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-c", SCRIPT, lowered.target.name, str(tmp_path / "recipe.json"), str(folder)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        assert json.loads((folder / "digest.json").read_text()) == lowered.artifacts["w8a8"].sha256


def test_runner_refuses_what_is_no_image(lowered: Lowered, images: NDArray[np.float32]) -> None:
    runner = lowered.target.open(lowered.folder / lowered.artifacts["fp32"].file)
    for bad in (images[0], images[:2], images[:1].astype(np.float64), np.full_like(images[:1], np.nan)):
        with pytest.raises(InputError) as caught:
            runner.run(bad)
        assert caught.value.code == "RUN-INPUT"
    runner.close()
    runner.close()
    with pytest.raises(InputError) as caught:
        runner.run(images[:1])
    assert caught.value.code == "RUN-CLOSED"


def test_outputs_are_copies(lowered: Lowered, images: NDArray[np.float32]) -> None:
    with lowered.target.open(lowered.folder / lowered.artifacts["fp32"].file, threads=2) as runner:
        first = runner.run(images[:1])
        kept = {name: value.copy() for name, value in first.items()}
        runner.run(images[1:2])
    assert all(np.array_equal(first[name], kept[name]) for name in OUTPUTS)


OPEN = """
import sys
from pathlib import Path
from cxredge.errors import InputError
from cxredge.targets import get_target
target = get_target(sys.argv[1])
for file in sys.argv[2:]:
    for step in (target.open, target.inspect):
        try:
            step(Path(file))
        except InputError as error:
            assert error.code == "TARGET-LOAD", error.code
        else:
            sys.exit(f"{step.__name__} took {file}")
print("all refused")
"""


def test_broken_files_are_clean_errors(lowered: Lowered, tmp_path: Path) -> None:
    """In a process of its own, as bytes that no hash vouches for may take the process with them."""
    whole = (lowered.folder / lowered.artifacts["fp32"].file).read_bytes()
    files = [tmp_path / f"missing{lowered.target.suffix}"]
    for keep in (0.0, 0.3, 0.9):
        files.append(tmp_path / f"{keep}{lowered.target.suffix}")
        files[-1].write_bytes(whole[: int(len(whole) * keep)])
    command = [sys.executable, "-c", OPEN, lowered.target.name, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "all refused" in done.stdout


def test_refusals_before_any_work(lowered: Lowered, recipe: Recipe, tmp_path: Path) -> None:
    from support.tiny_student import make_student

    target, student = lowered.target, make_student()

    def code(scheme: str, one: Recipe = recipe) -> str:
        with pytest.raises(InputError) as caught:
            list(lower(target, student, [scheme], one, None, tmp_path))  # type: ignore[list-item]
        assert not list(tmp_path.iterdir())
        return caught.value.code

    assert code("int4") == "TARGET-SCHEME"
    for scheme in set(target.schemes) & {"w8", "w8a8"}:
        assert code(scheme) == "CALIBRATION-NEEDED"
    fewer = recipe.labels.model_copy(update={"names": recipe.labels.names[:2]})
    assert code("fp32", recipe.model_copy(update={"labels": fewer})) == "STUDENT-CONTRACT"
    student.train()
    assert code("fp32") == "STUDENT-TRAINING"


def test_nan_in_calibration_names_the_tensor(lowered: Lowered, recipe: Recipe, tmp_path: Path) -> None:
    import torch

    from support.tiny_student import films, make_student

    student = make_student()
    with torch.no_grad():
        # overflows to infinity behind the last convolution, on every film
        student.backbone.last[0].weight.fill_(3e38)  # type: ignore[union-attr, index]
        student.backbone.last[2] = torch.nn.Identity().eval()  # type: ignore[index]
    with pytest.raises(InputError) as caught:
        list(lower(lowered.target, student, ["w8a8"], recipe, CalibrationFilms(films(2, 2), PERCENTILE), tmp_path))
    assert caught.value.code == "CALIBRATION-NAN"


def test_unknown_target_names_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        get_target("tflight")
    assert caught.value.code == "TARGET-UNKNOWN"
    assert caught.value.choices[0] == "tflite"


def test_missing_package_is_said(monkeypatch: pytest.MonkeyPatch, lowered: Lowered) -> None:
    monkeypatch.setattr(type(lowered.target), "run_packages", ("no-such-package",))
    with pytest.raises(EnvironmentProblem, match="no-such-package"):
        lowered.target.open(lowered.folder / lowered.artifacts["fp32"].file)
