"""Pearson's correlation as something to be learned from: no NaN and no burst of gradients where one does not vary."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDING = 1e-6
"""Spread, as a share of the greatest magnitude, below which float32 values differ by rounding alone."""


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """float32[..., n] twice -> float32[...], -1..1: Pearson's r over the last axis.

    1, and no gradient, where n is 1 or either does not vary: there is nothing in which the two could differ.
    """
    (first, a), (second, b) = _centred(first), _centred(second)
    varies = (a > 0) & (b > 0)
    # divided by 1 where it is not used: a zero there would reach the gradient as NaN, though `where` drops the value
    lengths = torch.where(varies, a, 1).sqrt() * torch.where(varies, b, 1).sqrt()
    return torch.where(varies, (first * second).sum(-1) / lengths, 1)


def _centred(values: Tensor) -> tuple[Tensor, Tensor]:
    """Differences from the mean, and the sum of their squares: 0 where these are no more than rounding."""
    apart = values - values.mean(-1, keepdim=True)
    squares = apart.square().sum(-1)
    least = (ROUNDING * values.detach().abs().amax(-1)) ** 2 * values.shape[-1]
    return apart, torch.where(squares > least, squares, 0)
