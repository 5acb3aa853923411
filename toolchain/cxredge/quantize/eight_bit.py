"""8-bit numbers as every runtime has them: weights symmetric with a step for each row, activations affine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = 127
"""Largest step of a symmetric 8-bit weight."""
STEPS = 255
"""Steps of an 8-bit activation."""


def row_steps(weight: Tensor) -> Tensor:
    """The step of each row, over the last axis, as exporters choose it: the largest weight is 127 of them."""
    import torch

    step = weight.abs().amax(-1, keepdim=True) / LEVELS
    return torch.where(step > 0, step, torch.ones_like(step))


def nearest(weight: Tensor) -> Tensor:
    """Weights [rows, ...] on the nearest steps of their rows."""
    flat = weight.detach().reshape(len(weight), -1)
    step = row_steps(flat)
    return ((flat / step).round() * step).reshape(weight.shape)


@dataclass(frozen=True)
class Affine:
    """The real value is step * (whole number - zero)."""

    step: float
    zero: int

    @classmethod
    def of(cls, low: float, high: float) -> Affine | None:
        """Over low <= 0 <= high; None for a tensor that is always 0."""
        if high <= low:
            return None
        step = (high - low) / STEPS
        return cls(step, round(-low / step))

    def __call__(self, x: Tensor) -> Tensor:
        """The nearest 8-bit values of ``x``."""
        # five times as fast as torch.fake_quantize_per_tensor_affine, which also makes a mask; the values are the same
        return x.mul(1 / self.step).round_().clamp_(-self.zero, STEPS - self.zero).mul_(self.step)


@dataclass(frozen=True)
class Floats:
    """What a run leaves in float: the weights of some units, and some activations, by their places in the graph."""

    weights: frozenset[int] = frozenset()
    activations: frozenset[int] = frozenset()
