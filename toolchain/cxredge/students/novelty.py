"""The novelty score: how unlike the training films a film is, from the pooled features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPSILON = 1e-12
LEAST = 2e-4
"""Of all variance: no direction's counts for less. Where features lie on few axes the others hold little but the noise
of INT8, and weighed by their own tiny variances that noise is all that the score tells."""


class Novelty(nn.Module):
    """PCA-Mahalanobis distance of the pooled, length-normalised features from the training films, per dimension.

    forward: features float32[N, d, h, w], or float32[N, d] that are pooled -> float32[N], >= 0, about 1 on the training
    films.

    With c the difference from the training mean, z its coordinates on the first k principal axes with variances s^2,
    and v the mean variance of the other d - k dimensions, the score is (sum z^2 / s^2 + (|c|^2 - sum z^2) / v) / d:
    the Mahalanobis distance under probabilistic PCA (Tipping & Bishop 1999). Without the last term, what lies off the
    axes goes unseen, and pictures that are no films differ from films just there. Features are scaled to length 1
    first, because a picture that excites little has features near the mean, and would look familiar. No variance counts
    for less than ``LEAST`` of all; where one would, what training films then have on average stands in place of d.

    Pooling stands inside, so that keeping this module in float keeps the pooled vector in float too.
    """

    mean: Tensor
    axes: Tensor
    excess: Tensor
    precision: Tensor
    ones: Tensor

    def __init__(self, features: int, rank: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, features))
        self.register_buffer("axes", torch.zeros(features, rank))
        # column sums as products with these: the delegates take a matrix product, and not every sum
        self.register_buffer("excess", torch.zeros(rank, 1))
        self.register_buffer("precision", torch.ones(features, 1))
        self.register_buffer("ones", torch.ones(features, 1), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        pooled = features.mean((2, 3), keepdim=True).flatten(1) if features.ndim == 4 else features
        length = torch.matmul(pooled * pooled, self.ones) + EPSILON
        centred = pooled * torch.rsqrt(length) - self.mean
        z = torch.matmul(centred, self.axes)
        score = torch.matmul(centred * centred, self.precision) + torch.matmul(z * z, self.excess)
        return score.flatten()

    @property
    def fitted(self) -> bool:
        """Whether mean and axes are more than the zeros that they begin as: no films leave these."""
        return bool(self.mean.any()) or bool(self.axes.any())

    @torch.no_grad()
    def fit(self, pooled: Tensor) -> None:
        """Set mean, axes and variances from pooled: float32[n, d], n > k + 1, the training films' pooled features."""
        rank, dimensions = self.axes.shape[1], self.axes.shape[0]
        wide = pooled.double()
        wide = wide * torch.rsqrt((wide * wide).sum(1, keepdim=True) + EPSILON)
        mean = wide.mean(0)
        _, singular, axes = torch.linalg.svd(wide - mean, full_matrices=False)
        variances = singular**2 / (len(pooled) - 1)
        least = max(LEAST * float(variances.sum()), EPSILON)
        tail = float(variances[rank:].sum() / (dimensions - rank))
        own, others = variances[:rank].clamp_min(least), max(tail, least)
        # what training films have on average; without a direction below the least, as many as there are dimensions
        usual = float((variances[:rank] / own).sum()) + (dimensions - rank) * (tail / others)
        self.mean.copy_(mean[None])
        self.axes.copy_(axes[:rank].T)
        self.excess.copy_(((1 / own - 1 / others) / usual)[:, None])
        self.precision.fill_(1 / others / usual)
