"""From grey levels to what an original was trained on, in the graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cxredge.recipe_student import Normalise

LEVELS = 255.0


class Normalisation(nn.Module):
    """forward: image float32[N, ch, H, W], 0..255 -> float32[N, c, H, W] in the original's own range and channels."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: Normalise) -> None:
        super().__init__()
        low, high = spec.range
        self.low, self.span = low, high - low
        self.repeat = spec.repeat
        self.shifted = bool(spec.mean)
        if self.shifted:
            self.register_buffer("mean", torch.tensor(spec.mean).reshape(1, -1, 1, 1), persistent=False)
            self.register_buffer("std", torch.tensor(spec.std).reshape(1, -1, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        x = image / LEVELS
        if self.span != 1:
            x = x * self.span
        if self.low != 0:
            x = x + self.low
        if self.shifted:
            # spreads one channel to three by itself
            return (x - self.mean) / self.std
        # not expand, of which litert-converter 0.5.0 dies
        return torch.cat([x] * self.repeat, 1) if self.repeat > 1 else x
