"""Makes the bundle of ``tests/bundle/fixtures/vN``, once for each schema version N, and never again for an old one.

``python tests/bundle/make_fixture.py tests/bundle/fixtures/vN``: the smallest student that timm has,
with random weights, built and signed by the product; its private key is thrown away. The schemas are frozen beside it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from cxredge.files import fresh_directory

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.command import ROOT, must
from support.tiny_recipe import write_weights

SCHEMAS = ("manifest", "selftest")
BACKBONE, SIDE, RANK = "timm/test_efficientnet", 64, 2
LABELS = ("Effusion", "Nodule")
RECIPE = """\
recipe: 1
name: fixture
version: 1.0.0
licence: Apache-2.0
card:
  summary: A student with random weights, for tests of readers.
  intended_use: Tests.
  limitations: [It was never trained.]
student: {{backbone: {backbone}, novelty_rank: {rank}}}
weights: {{file: weights.safetensors, sha256: "{digest}"}}
input: {{channels: 1, height: {side}, width: {side}, fit: pad}}
labels: {{names: [Effusion, Nodule]}}
operating_points:
  Effusion: {{logit: 0.0, rule: none}}
  Nodule: {{logit: 0.0, rule: none}}
novelty: {{threshold: 1000.0, rule: none}}
data: {{source: phantom, seed: 3, patients: {{train: 2, val: 60, test: 4}}}}
calibration: {{split: val, count: 100}}
evaluation: {{split: test, count: 4}}
targets: {{tflite: [w8a8]}}
primary: tflite/w8a8
bundles: {{android: [tflite/w8a8]}}
gates: {{w8a8: {{flip_rate: 1}}}}
"""


def main(goal: Path) -> None:
    """Build, sign, and freeze the schemas."""
    with tempfile.TemporaryDirectory() as name, fresh_directory(goal) as fresh:
        work = Path(name)
        (work / "recipe").mkdir()
        digest = write_weights(work / "recipe" / "weights.safetensors", None, BACKBONE, SIDE, len(LABELS), RANK)
        text = RECIPE.format(backbone=BACKBONE, rank=RANK, side=SIDE, digest=digest)
        (work / "recipe" / "model.yaml").write_text(text)
        must("build", work / "recipe", "--out", work / "dist")
        shutil.copytree(work / "dist" / "fixture-1.0.0-android", fresh / "bundle")
        must("keygen", work / "signer", "--development")
        must("sign", fresh / "bundle", "--key", work / "signer.key")
        shutil.copyfile(work / "signer.pub", fresh / "signer.pub")
        for schema in SCHEMAS:
            file = f"{schema}.schema.json"
            shutil.copyfile(ROOT / "docs" / "schemas" / file, fresh / file)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
