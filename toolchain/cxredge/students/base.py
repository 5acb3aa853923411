"""The student contract: what every model that this toolchain lowers looks like from outside."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Novelty(nn.Module):
    """PCA-Mahalanobis distance of the pooled features from the training films, per component.

    Pooling stands inside, so that keeping this module in float keeps the pooled vector in float too.
    forward: features float32[N, d, h, w] -> float32[N], >= 0, about 1 on the training films.

    bias: float32[1, k] and proj: float32[d, k] hold mean and whitened principal axes (Lee et al. 2018, the
    Mahalanobis score, restricted to the first k principal components).
    """

    bias: Tensor
    proj: Tensor

    def __init__(self, features: int, rank: int) -> None:
        super().__init__()
        self.register_buffer("bias", torch.zeros(1, rank))
        self.register_buffer("proj", torch.zeros(features, rank))

    def forward(self, features: Tensor) -> Tensor:
        pooled = features.mean((2, 3), keepdim=True).flatten(1)
        z = torch.matmul(pooled, self.proj) - self.bias
        return (z * z).mean(1)

    @torch.no_grad()
    def fit(self, pooled: Tensor) -> None:
        """Set mean and axes from pooled: float32[n, d], n > k, the training films' pooled features."""
        rank = self.proj.shape[1]
        wide = pooled.double()
        mean = wide.mean(0)
        _, singular, axes = torch.linalg.svd(wide - mean, full_matrices=False)
        spread = (singular[:rank] / (len(pooled) - 1) ** 0.5).clamp_min(1e-6)
        proj = axes[:rank].T / spread
        self.proj.copy_(proj)
        self.bias.copy_((mean @ proj)[None])


class Student(nn.Module):
    """``forward(image float32[N, ch, H, W], 0..255) -> {"logits", "cam", "novelty"}``, normalisation inside.

    backbone: module that maps float32[N, ch, H, W] to float32[N, d, h, w].
    logits float32[N, C] are the spatial mean of cam float32[N, C, h, w]: the heatmap costs nothing and is exact.
    novelty float32[N], see ``Novelty``.
    """

    def __init__(self, backbone: nn.Module, features: int, classes: int, novelty_rank: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Conv2d(features, classes, 1)
        self.novelty = Novelty(features, novelty_rank)

    def features(self, image: Tensor) -> Tensor:
        """float32[N, ch, H, W] 0..255 -> float32[N, d, h, w]. Grey levels are centred and scaled to about [-1, 1]."""
        feats: Tensor = self.backbone((image - 127.5) / 127.5)
        return feats

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.features(image)
        cam = self.head(features)
        # keepdim, then flatten: the form that XNNPACK takes (mean without keepdim splits the int8 graph)
        logits = cam.mean((2, 3), keepdim=True).flatten(1)
        return {"logits": logits, "cam": cam, "novelty": self.novelty(features)}
