"""Lines to paste for keys that a recipe lacks: plausible ones with a comment, or texts with EDIT that no value can be.

What only its writer knows (a name, labels, a data set) is refused as it stands, at its place; texts for people are not,
and ``cxredge build`` ends with those that still say EDIT.
"""

from __future__ import annotations

from collections.abc import Sequence

Way = tuple[int | str, ...]
"""Keys from the recipe's top to a place in it."""

LINES = {
    "recipe": "recipe: 1",
    "name": 'name: "EDIT: small letters, digits and -"',
    "version": "version: 0.1.0",
    "licence": 'licence: "EDIT: licence of the weights"',
    "card": """\
card:
  summary: "EDIT: what the model is, in one sentence."
  intended_use: "EDIT: what it is for, and what it is not for."
  limitations:
    - "EDIT: what is known to go wrong."
""",
    "card.summary": 'summary: "EDIT: what the model is, in one sentence."',
    "card.intended_use": 'intended_use: "EDIT: what it is for, and what it is not for."',
    "card.limitations": 'limitations:\n  - "EDIT: what is known to go wrong."',
    "student": """\
student:
  # a network of timm; this one loses little as INT8
  backbone: timm/efficientnet_lite0
""",
    "student.backbone": "# a network of timm; this one loses little as INT8\nbackbone: timm/efficientnet_lite0",
    "input": """\
input:
  channels: 1
  # more sees smaller findings and takes longer, by the square
  height: 224
  width: 224
  # bars make the film as wide as high; crop cuts, squash distorts
  fit: pad
""",
    "input.height": "# more sees smaller findings and takes longer, by the square\nheight: 224",
    "input.width": "width: 224",
    "input.fit": "# bars make the film as wide as high; crop cuts, squash distorts\nfit: pad",
    "labels": """\
labels:
  # or single-label: classes that exclude each other
  kind: multi-label
  # columns of labels.csv
  names: ["EDIT: one or more labels"]
""",
    "labels.names": '# columns of labels.csv\nnames: ["EDIT: one or more labels"]',
    "data": """\
data:
  # a folder with labels.csv under CXR_DATA; or source: phantom
  source: folder
  name: "EDIT: the folder's name"
""",
    "data.source": "# a folder with labels.csv under CXR_DATA; or phantom\nsource: folder",
    "data.name": 'name: "EDIT: the folder\'s name"',
    "data.seed": "seed: 1",
    "data.patients": "patients: {train: 800, val: 150, test: 150}",
    "calibration": """\
calibration:
  # INT8 ranges come from this many films of this split, at least 100
  split: val
  count: 100
""",
    "calibration.count": "# films that set the INT8 ranges, at least 100\ncount: 100",
    "targets": """\
targets:
  executorch: [fp32, w8a8]
  tflite: [fp32, w8a8]
  coreml: [fp16, w8a8]
  onnx: [fp32, w8a8]
""",
    "primary": "# what `predict` uses: one of the targets' artifacts\nprimary: {primary}",
    "bundles": """\
# what apps get, the first of each in use: {android: [executorch/w8a8], ios: [coreml/w8a8]}
bundles: {}
""",
    "gates": """\
# each artifact of a scheme is held against the float32 student
gates:
  fp32: {logit_max_abs: 0.001, cam_sqnr_db: 80, flip_rate: 0}
  fp16: {logit_sqnr_db: 40, flip_rate: 0.005}
  w8: {logit_sqnr_db: 30, flip_rate: 0.02, auc_loss: 0.01}
  w8a8: {logit_sqnr_db: 20, flip_rate: 0.03, auc_loss: 0.02}
""",
    "distill.teacher": "teacher:\n  # learns first, and teaches the student\n  backbone: timm/efficientnet_lite2",
    "distill.teacher.backbone": "backbone: timm/efficientnet_lite2",
}
"""By the keys on the way, with dots."""


def lines_for(missing: Sequence[Way], artifacts: Sequence[str]) -> str:
    """What to paste for each of the ``missing`` keys. artifacts: that the recipe's targets build, as far as it says."""
    primary = next((name for name in artifacts if name.endswith("/w8a8")), next(iter(artifacts), "executorch/w8a8"))
    blocks, above = [], ""
    for way in sorted(missing, key=len):
        dotted, inside = ".".join(map(str, way)), ".".join(map(str, way[:-1]))
        block = LINES.get(dotted, f'{way[-1]}: "EDIT: see docs/recipe.md"').rstrip("\n").replace("{primary}", primary)
        if inside and inside != above:
            blocks.append(f"# below {inside}:")
        above = inside
        indent = "  " * (len(way) - 1)
        blocks.append("\n".join(indent + line for line in block.split("\n")))
    return "\n".join(blocks)
