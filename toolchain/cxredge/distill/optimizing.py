"""What moves weights: decay for some, a rate that rises and falls, and an average that follows."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

WEIGHT_DECAY = 0.02
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""
AVERAGE = 0.99
"""Decay of the weights' moving average once it is warm; the average is what a training returns."""


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate at ``step``: a line up over the warm-up, then half a cosine down to zero."""
    rising = max(1, round(WARM_UP * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


@torch.no_grad()
def blend(average: nn.Module, module: nn.Module, step: int) -> None:
    """Move ``average`` towards ``module`` after ``step``, counted from 0; whole numbers (batch counters) are copied."""
    decay = min(AVERAGE, (1 + step) / (10 + step))
    for kept, new in zip(average.state_dict().values(), module.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def parameter_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Weight decay for kernels; none for biases and batch norms, which it would only push to zero."""
    wide = [p for p in module.parameters() if p.ndim > 1]
    flat = [p for p in module.parameters() if p.ndim <= 1]
    return [{"params": wide, "weight_decay": WEIGHT_DECAY}, {"params": flat, "weight_decay": 0.0}]
