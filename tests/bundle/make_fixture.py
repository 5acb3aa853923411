"""Makes the bundles of ``tests/bundle/fixtures/vN``, once for each schema version N, and never again for an old one.

``python tests/bundle/make_fixture.py tests/bundle/fixtures/vN``: the smallest student that timm has, with random
weights, as one with independent findings (``bundle``) and as one with exclusive classes (``classes``), both built and
signed by the product; their private key is thrown away. The schemas are frozen beside them.
"""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
from pathlib import Path

from cxredge.files import anything, fresh_directory

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.command import ROOT, must
from support.tiny_recipe import write_weights

SCHEMAS = ("manifest", "selftest")
BACKBONE, SIDE, RANK = "timm/test_efficientnet", 64, 2
COMMON = """\
recipe: 1
name: {name}
version: 1.0.0
licence: Apache-2.0
card:
  summary: A student with random weights, for tests of readers.
  intended_use: Tests.
  limitations: [It was never trained.]
student: {{backbone: {backbone}, novelty_rank: {rank}}}
weights: {{file: weights.safetensors, sha256: "{digest}"}}
input: {{channels: 1, height: {side}, width: {side}, fit: pad}}
novelty: {{threshold: 1000.0, rule: none}}
calibration: {{split: val, count: 100}}
evaluation: {{split: test, count: 4, chance: allowed}}
"""
FINDINGS = """\
labels:
  names: [Effusion, Nodule]
  display:
    en: {Effusion: Pleural effusion, Nodule: Nodule}
    fr: {Effusion: Épanchement pleural, Nodule: Nodule pulmonaire}
operating_points:
  Effusion: {logit: 0.0, rule: none}
  Nodule: {logit: 0.0, rule: none}
data: {source: phantom, seed: 3, patients: {train: 2, val: 60, test: 4}}
targets: {tflite: [w8a8]}
primary: tflite/w8a8
bundles: {android: [tflite/w8a8]}
gates: {w8a8: {flip_rate: 1}}
"""
CLASSES = """\
labels:
  kind: single-label
  names: [clear, enlarged_heart, fluid]
least_margin: {log_odds: 0.25, rule: none}
data: {source: folder, name: drawn, label_column: kind}
targets: {tflite: [fp32]}
primary: tflite/fp32
bundles: {android: [tflite/fp32]}
gates: {fp32: {flip_rate: 1}}
"""
KINDS = {"clear": (), "enlarged_heart": ("Cardiomegaly",), "fluid": ("Effusion",)}
"""Phantoms with exactly these findings are of the class."""


def main(goal: Path) -> None:
    """Build, sign, and freeze the schemas."""
    with tempfile.TemporaryDirectory() as name, fresh_directory(goal, anything) as fresh:
        work = Path(name)
        draw_classes(work / "drawn")
        must("keygen", work / "signer", "--development")
        for bundle, name, labels, rest in (("bundle", "fixture", 2, FINDINGS), ("classes", "classes", 3, CLASSES)):
            recipe = work / name
            recipe.mkdir()
            digest = write_weights(recipe / "weights.safetensors", None, BACKBONE, SIDE, labels, RANK)
            text = COMMON.format(name=name, backbone=BACKBONE, rank=RANK, side=SIDE, digest=digest) + rest
            (recipe / "model.yaml").write_text(text)
            must("build", recipe, "--out", work / "dist", CXR_DATA=str(work))
            shutil.copytree(work / "dist" / f"{name}-1.0.0-android", fresh / bundle)
            must("sign", fresh / bundle, "--key", work / "signer.key")
        shutil.copyfile(work / "signer.pub", fresh / "signer.pub")
        for schema in SCHEMAS:
            file = f"{schema}.schema.json"
            shutil.copyfile(ROOT / "docs" / "schemas" / file, fresh / file)


def draw_classes(goal: Path, patients: int = 300) -> None:
    """A folder of phantoms whose column ``kind`` names one of the classes."""
    must("phantom", goal, "--patients", patients)
    with (goal / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    findings = ("Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax")
    kept = []
    for row in rows:
        found = tuple(label for label in findings if row[label] == "1")
        kind = next((kind for kind, needed in KINDS.items() if needed == found), None)
        if kind is not None:
            kept.append({**row, "kind": kind})
    with (goal / "labels.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
