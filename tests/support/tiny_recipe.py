"""A whole recipe with a tiny student of random weights, for all that goes wrong on the way to a bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

TINY = """\
recipe: 1
name: tiny
version: 0.0.1
licence: Apache-2.0
card:
  summary: A student with random weights, for tests.
  intended_use: Tests.
  limitations: [It was never trained.]
student: {{backbone: timm/mobilenetv2_035, novelty_rank: 4}}
weights: {{file: weights.safetensors, sha256: "{digest}"}}
input: {{channels: 1, height: 64, width: 64, fit: pad}}
labels: {{names: [Cardiomegaly, Effusion, Consolidation, Nodule, Pneumothorax]}}
operating_points:
  Cardiomegaly: {{logit: 0.0, rule: none}}
  Effusion: {{logit: 0.0, rule: none}}
  Consolidation: {{logit: 0.0, rule: none}}
  Nodule: {{logit: 0.0, rule: none}}
  Pneumothorax: {{logit: 0.0, rule: none}}
novelty: {{threshold: 1000.0, rule: none}}
data: {{source: phantom, seed: 3, patients: {{train: 2, val: 60, test: 12}}}}
calibration: {{split: val, count: 100}}
evaluation: {{split: test, chance: allowed, count: 12}}
targets: {{onnx: [fp32, w8a8], executorch: [fp32]}}
primary: executorch/fp32
bundles: {{android: [executorch/fp32]}}
gates:
  fp32: {{logit_max_abs: 0.01}}
  w8a8: {{logit_sqnr_db: 1}}
"""


def write_weights(
    path: Path,
    spoil: Callable[[dict[str, Any]], None] | None = None,
    backbone: str = "timm/mobilenetv2_035",
    side: int = 64,
    classes: int = 5,
    rank: int | None = 4,
    quality: bool = False,
    channels: Literal[1, 3] = 1,
) -> str:
    """Random weights with settled batch statistics; returns their sha256. spoil: changes the tensors first.

    rank: of the novelty score; None: without one. quality: with a quality head, of random weights too.
    """
    import torch
    from safetensors.torch import save_file

    from cxredge.files import sha256_file
    from cxredge.recipe_input import InputSpec
    from cxredge.students.backbone_student import BackboneStudent
    from cxredge.students.backbones import parts_of
    from cxredge.vocabulary import QUALITY_KINDS

    torch.manual_seed(0)
    parts = parts_of(backbone, InputSpec(channels=channels, height=side, width=side, fit="pad"))
    student = BackboneStudent(parts.backbone, parts.features, classes, rank, 0, parts.head).train()
    with torch.no_grad():
        for _ in range(30):
            student(torch.rand(8, channels, side, side) * 255)
        student.fit_novelty(torch.rand(50, parts.features))
    if quality:
        student.fit_quality([torch.rand(10, parts.features) for _ in range(1 + len(QUALITY_KINDS))])
    tensors = {k: v.contiguous() for k, v in student.state_dict().items()}
    if spoil is not None:
        spoil(tensors)
    save_file(tensors, path)
    return sha256_file(path)


MAKER, READER = "backbone.net.blocks.0.0.conv_pw", "backbone.net.blocks.1.0.conv_pw"


def plant(tensors: dict[str, Any]) -> None:
    """One channel between MAKER and READER becomes 1000 times as large, and what reads it takes that back: the same
    function, which INT8 cannot hold."""
    for name in ("weight", "bias"):
        tensors[f"backbone.net.blocks.0.0.bn2.{name}"][0] *= 1000
    tensors[f"{READER}.weight"][:, 0] /= 1000
