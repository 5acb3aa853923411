"""A network as somebody else would hand it in: timm's MobileNetV3 with its own classifier, fitted to phantoms."""

from __future__ import annotations

from pathlib import Path

import numpy as np

ARCH = "timm/mobilenetv3_small_100"
SIDE = 64
LABELS = ("Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax", "Fracture")
"""Of the last the phantoms tell nothing."""
IMPORT = (
    "--arch", ARCH, "--labels", ",".join(LABELS), "--normalise", "inception", "--size", str(SIDE), "--data", "phantom",
)  # fmt: skip
SPREAD = 6.0
"""Logits with a finding against without, on the films that the classifier is fitted to."""


def write_checkpoint(path: Path) -> None:
    """A training checkpoint with a prefix: random features, and a classifier fitted by ridge regression."""
    import timm
    import torch

    from cxredge.data.data_sets import open_data
    from cxredge.data.labelled import labelled
    from cxredge.images.preprocess import preprocess_films
    from cxredge.recipe_input import InputSpec
    from cxredge.stages import cache_folder

    data, labels = labelled("phantom", LABELS, None, None)
    films = open_data(data, labels, cache_folder()).films("train")
    spec = InputSpec(channels=1, height=SIDE, width=SIDE, fit="squash")
    levels = torch.from_numpy(preprocess_films([film.source for film in films], spec, "train")).float()
    images = ((levels / 255 - 0.5) / 0.5).expand(-1, 3, -1, -1)
    torch.manual_seed(0)
    network = timm.create_model("mobilenetv3_small_100", num_classes=len(LABELS))
    with torch.no_grad():
        for _ in range(10):
            network.train()(images[:: max(1, len(images) // 32)][:32])
        network.eval()
        hidden = torch.cat(
            [network.forward_head(network.forward_features(x), pre_logits=True) for x in images.split(64)]
        )
        wanted = SPREAD * (torch.from_numpy(np.stack([film.targets for film in films])).double() - 0.5)
        centre = hidden.double().mean(0)
        spread = hidden.double() - centre
        ridge = 1e-2 * spread.square().sum() / spread.shape[1] * torch.eye(spread.shape[1], dtype=torch.float64)
        weight = torch.linalg.solve(spread.T @ spread + ridge, spread.T @ (wanted - wanted.mean(0)))
        network.classifier.weight.copy_(weight.T)
        network.classifier.bias.copy_(wanted.mean(0) - centre @ weight)
    torch.save({"epoch": 1, "state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, path)
