"""A network as somebody else would hand it in: timm's MobileNetV3 with its own classifier, fitted to drawn films."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from bundle.make_fixture import KINDS

ARCH = "timm/mobilenetv3_small_100"
SIDE = 64
SPREAD = 6.0
"""Logits of a class against the others, on the films that the classifier is fitted to."""
IMPORT = (
    "--arch", ARCH, "--labels", ",".join(KINDS), "--normalise", "inception", "--size", str(SIDE), "--data", "drawn",
)  # fmt: skip


def write_checkpoint(path: Path, drawn: Path) -> None:
    """A training checkpoint with a prefix: random features, and a classifier fitted by ridge regression."""
    import timm
    import torch

    from cxredge.images.preprocess import preprocess
    from cxredge.recipe import InputSpec

    with (drawn / "labels.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "train"]
    spec = InputSpec(channels=1, height=SIDE, width=SIDE, fit="squash")
    levels = torch.from_numpy(np.stack([preprocess(drawn / row["file"], spec) for row in rows])).float()
    images = ((levels / 255 - 0.5) / 0.5).expand(-1, 3, -1, -1)
    torch.manual_seed(0)
    network = timm.create_model("mobilenetv3_small_100", num_classes=len(KINDS))
    with torch.no_grad():
        for _ in range(10):
            network.train()(images[:: len(images) // 32][:32])
        network.eval()
        hidden = torch.cat(
            [network.forward_head(network.forward_features(x), pre_logits=True) for x in images.split(64)]
        )
        kinds = torch.tensor([list(KINDS).index(row["kind"]) for row in rows])
        wanted = SPREAD * (torch.nn.functional.one_hot(kinds, len(KINDS)).double() - 1 / len(KINDS))
        centre = hidden.double().mean(0)
        spread = hidden.double() - centre
        ridge = 1e-2 * spread.square().sum() / spread.shape[1] * torch.eye(spread.shape[1], dtype=torch.float64)
        weight = torch.linalg.solve(spread.T @ spread + ridge, spread.T @ wanted)
        network.classifier.weight.copy_(weight.T)
        network.classifier.bias.copy_(wanted.mean(0) - centre @ weight)
    torch.save({"epoch": 1, "state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, path)
