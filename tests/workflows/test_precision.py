"""The ladder rescues students that plain INT8 breaks, on all targets: one channel of huge range, a small MobileNetV3.

tests/cli has one rescue on one target, as a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cxredge.evidence import PrecisionSearch
from cxredge.recipe_data import PhantomData
from cxredge.recipe_decision import Labels
from cxredge.recipe_file import load_recipe
from cxredge.recipe_input import InputSpec
from cxredge.targets import TARGETS
from cxredge.workflows.precision import search, write_chosen
from support.tiny_recipe import TINY

if TYPE_CHECKING:
    from torch import Tensor

    from cxredge.students.backbone_student import BackboneStudent

pytestmark = pytest.mark.timeout(3600)

LABELS = ("Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax")
EVERY = tuple(TARGETS)


def train(backbone: str, size: int, steps: int, folder: Path) -> BackboneStudent:
    """A student that has learnt something of phantoms: random weights would err by chance, and not where ranges are."""
    import numpy as np
    import torch
    from torch import nn

    from cxredge.data.data_sets import open_data
    from cxredge.images.preprocess import preprocess_films
    from cxredge.students.backbone_student import BackboneStudent
    from cxredge.students.timm_backbone import TimmBackbone

    phantoms = PhantomData(source="phantom", seed=3, patients={"train": 200, "val": 1, "test": 1})
    films = open_data(phantoms, Labels(names=LABELS), folder).films("train")
    spec = InputSpec(height=size, width=size, fit="pad")
    images = torch.from_numpy(preprocess_films([f.path for f in films], spec, "train")).float()
    truth = torch.from_numpy(np.stack([f.targets for f in films]))
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = TimmBackbone(backbone, 1, size, size)
    student = BackboneStudent(network, network.features, len(LABELS), 4).train()
    optimiser = torch.optim.AdamW(student.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    for _ in range(steps):
        some = torch.randint(len(images), (16,))
        loss: Tensor = nn.functional.binary_cross_entropy_with_logits(student(images[some])["logits"], truth[some])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    student.eval()
    with torch.no_grad():
        student.fit_novelty(torch.cat([student.features(part).mean((2, 3)) for part in images.split(32)]))
    return student


def write_recipe(
    folder: Path, student: BackboneStudent, backbone: str, size: int, least_db: float, targets: Sequence[str]
) -> None:
    from safetensors.torch import save_file

    from cxredge.files import sha256_file

    folder.mkdir()
    weights = folder / "weights.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in student.state_dict().items()}, weights)
    changes = {
        "timm/mobilenetv2_035": backbone,
        "height: 64, width: 64": f"height: {size}, width: {size}",
        "{onnx: [fp32, w8a8], executorch: [fp32]}": "{" + ", ".join(f"{t}: [w8a8]" for t in targets) + "}",
        "primary: executorch/fp32": f"primary: {targets[0]}/w8a8",
        "{android: [executorch/fp32]}": "{}",
        "{logit_sqnr_db: 1}": f"{{logit_sqnr_db: {least_db}}}",
    }
    text = TINY.format(digest=sha256_file(weights))
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "model.yaml").write_text(text)


def assert_rescued(found: PrecisionSearch, folder: Path, targets: Sequence[str]) -> None:
    assert found.chosen == {target: f"{target}/w8a8" for target in targets}
    for target in targets:
        tried = [a for a in found.attempts if a.artifact == f"{target}/w8a8"]
        assert not tried[0].keep_float
        assert not tried[0].verdict.passed, "plain INT8 should fail, or nothing is shown"
        assert found.keep_float[f"{target}/w8a8"]
        kept = [a for a in tried if a.verdict.passed]
        fewest = min(kept, key=lambda a: len(a.keep_float))
        assert len(fewest.keep_float) == len(found.keep_float[f"{target}/w8a8"]) < 30
    chosen = load_recipe(write_chosen(folder, found, folder))
    assert chosen.keep_float == found.keep_float


@pytest.mark.slow
def test_a_channel_of_huge_range_is_kept_in_float_on_all_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.hot_channel import heat

    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    backbone, size, conv = "timm/mobilenetv2_035", 64, "backbone.net.blocks.0.0.conv_pw"
    student = train(backbone, size, 100, tmp_path / "phantoms")
    hot, readers = heat(student, conv, InputSpec(height=size, width=size, fit="pad"))
    write_recipe(tmp_path / "hot", hot, backbone, size, 14, EVERY)
    found = search(tmp_path / "hot", (), tmp_path / "dist", lambda attempt: None)
    assert_rescued(found, tmp_path / "hot", EVERY)
    for kept in found.keep_float.values():
        names = {pattern.replace("\\", "") for pattern in kept}
        assert {conv, *readers} <= names, "what makes the channel, and what reads it"


@pytest.mark.slow
def test_a_mobilenetv3_that_int8_breaks_is_rescued_on_all_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    backbone, size = "timm/mobilenetv3_small_050", 96
    student = train(backbone, size, 240, tmp_path / "phantoms")
    write_recipe(tmp_path / "v3", student, backbone, size, 20, EVERY)
    found = search(tmp_path / "v3", (), tmp_path / "dist", lambda attempt: None)
    assert_rescued(found, tmp_path / "v3", EVERY)


@pytest.mark.slow
def test_what_a_target_cannot_make_is_an_attempt_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """coremltools converts no GhostNet: the other target is chosen for all the same, and the reason is said."""
    import torch

    from cxredge.report import attempts
    from cxredge.students.backbone_student import BackboneStudent
    from cxredge.students.timm_backbone import TimmBackbone

    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    backbone, size = "timm/ghostnet_050", 64
    torch.manual_seed(0)
    network = TimmBackbone(backbone, 1, size, size)
    student = BackboneStudent(network, network.features, len(LABELS), 4).eval()
    student.fit_novelty(torch.rand(50, network.features))
    write_recipe(tmp_path / "r", student, backbone, size, 1, ["onnx", "coreml"])
    found = search(tmp_path / "r", (), tmp_path / "dist", lambda attempt: None)
    assert set(found.chosen) == {"onnx"}
    refused = [a for a in found.attempts if a.artifact.startswith("coreml/")]
    assert {a.artifact for a in refused} == {"coreml/w8a8", "coreml/fp32"}
    for attempt in refused:
        assert (attempt.bytes, attempt.verdict, attempt.passed) == (None, None, False)
        assert attempt.refused is not None
        assert attempt.refused.startswith("[TARGET-LOWERING]")
        assert "REFUSED: [TARGET-LOWERING]" in attempts.line(attempts.cells(attempt))
    assert load_recipe(write_chosen(tmp_path / "r", found, tmp_path / "dist")).targets.keys() == {"onnx"}
