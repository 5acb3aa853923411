"""A small student with exclusive classes, for tests: a random backbone, and a head fitted on its features.

The fit is a ridge regression, so that some films get an answer and others stay uncertain, without any training.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from bundle.make_fixture import BACKBONE, KINDS, draw_classes
from support.tiny_recipe import write_weights

SIDE, RANK = 64, 2
RECIPE = """\
recipe: 1
name: classes
version: 1.0.0
licence: Apache-2.0
card:
  summary: A random backbone with a fitted head, for tests of apps.
  intended_use: Tests.
  limitations: [It was never trained.]
student: {{backbone: {backbone}, novelty_rank: {rank}}}
weights: {{file: weights.safetensors, sha256: "{digest}"}}
input:
  {{channels: 1, height: {side}, width: {side}, fit: pad, modalities: [CR, DX], body_parts: [CHEST], views: [PA, AP]}}
labels:
  kind: single-label
  names: [clear, enlarged_heart, fluid]
  display:
    en: {{clear: Nothing seen, enlarged_heart: Enlarged heart, fluid: Fluid in the chest}}
    fr: {{clear: Rien de visible, enlarged_heart: Cœur élargi, fluid: Liquide pleural}}
least_margin: {{log_odds: 1.5, rule: none}}
novelty: {{threshold: 20.0, rule: none}}
data: {{source: folder, name: drawn, label_column: kind}}
calibration: {{split: val, count: 100}}
evaluation: {{split: test, chance: allowed, count: 12}}
targets: {{onnx: [fp32]}}
primary: onnx/fp32
bundles: {{}}
gates: {{fp32: {{flip_rate: 1}}}}
"""
SPREAD = 4.0
"""Logits of a class against the others, on the films that the head is fitted to."""


def make(recipe: Path, drawn: Path, patients: int = 300) -> None:
    """Write the recipe's folder, and the films that it names."""
    from cxredge.files import sha256_file

    draw_classes(drawn, patients)
    recipe.mkdir()
    weights = recipe / "weights.safetensors"
    write_weights(weights, None, BACKBONE, SIDE, len(KINDS), RANK)
    _fit(weights, drawn)
    text = RECIPE.format(backbone=BACKBONE, rank=RANK, digest=sha256_file(weights), side=SIDE)
    (recipe / "model.yaml").write_text(text, encoding="utf-8")


def _fit(weights: Path, drawn: Path) -> None:
    """Set the head, and what is novel, by the drawn films of the split ``train``."""
    import torch
    from safetensors.torch import load_file, save_file

    from cxredge.images.preprocess import preprocess, to_student
    from cxredge.recipe_input import InputSpec
    from cxredge.students.backbone_student import BackboneStudent
    from cxredge.students.timm_backbone import TimmBackbone

    with (drawn / "labels.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "train"]
    spec = InputSpec(channels=1, height=SIDE, width=SIDE, fit="pad")
    images = to_student(np.stack([preprocess(drawn / row["file"], spec) for row in rows]))
    network = TimmBackbone(BACKBONE, 1, SIDE, SIDE)
    student = BackboneStudent(network, network.features, len(KINDS), RANK)
    student.load_state_dict(load_file(weights), strict=False)
    student.eval()
    with torch.no_grad():
        pooled = student.features(torch.from_numpy(images)).mean((2, 3)).double()
        kinds = torch.tensor([list(KINDS).index(row["kind"]) for row in rows])
        wanted = SPREAD * (torch.nn.functional.one_hot(kinds, len(KINDS)).double() - 1 / len(KINDS))
        centre = pooled.mean(0)
        spread = pooled - centre
        ridge = 1e-3 * spread.square().sum() / pooled.shape[1] * torch.eye(pooled.shape[1], dtype=torch.float64)
        head = torch.linalg.solve(spread.T @ spread + ridge, spread.T @ wanted)
        student.head.weight.copy_(head.T[:, :, None, None])
        student.head.bias.copy_(wanted.mean(0) - centre @ head)
        student.fit_novelty(pooled.float())
    save_file({k: v.contiguous() for k, v in student.state_dict().items()}, weights)
