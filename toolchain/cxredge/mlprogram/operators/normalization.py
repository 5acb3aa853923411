"""Normalisations; variances are those of the whole (divided by n)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cxredge.mlprogram.operators.windows import spatial_axes
from cxredge.mlprogram.registry import FLOATS, operator


@operator("batch_norm", accepts=FLOATS)
def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta; x [N, C, *D], all others [C]."""
    spatial_axes(x)
    return functional.batch_norm(x, mean, variance, gamma, beta, training=False, eps=epsilon)


@operator("instance_norm", accepts=FLOATS)
def instance_norm(x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5) -> Tensor:
    """x [N, C, *D], normalised over D; gamma and beta [C]."""
    spatial_axes(x)
    # a group for each channel; torch's own instance norm refuses a single pixel
    return torch.group_norm(x, x.shape[1], gamma, beta, epsilon)


@operator("layer_norm", accepts=FLOATS)
def layer_norm(
    x: Tensor,
    axes: tuple[int, ...] = (),
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """x normalised over ``axes`` together, or over all; gamma and beta have the shape of these axes."""
    rank = x.dim()
    if any(not -rank <= a < rank for a in axes):
        raise ValueError(f"axes {list(axes)} are not all of x's {rank}")
    over = sorted({a % rank for a in axes}) if axes else list(range(rank))
    shape = [x.shape[a] for a in over]
    for given in (gamma, beta):
        if given is not None and list(given.shape) != shape:
            raise ValueError(f"gamma or beta of shape {list(given.shape)} does not fit {shape}")
    if over == list(range(over[0], rank)):
        return functional.layer_norm(x, shape, gamma, beta, epsilon)
    # any other axes become the last ones
    order = [a for a in range(rank) if a not in over] + over
    normed = functional.layer_norm(x.permute(order), shape, gamma, beta, epsilon)
    return normed.permute([order.index(a) for a in range(rank)])


@operator("l2_norm", accepts=FLOATS)
def l2_norm(x: Tensor, epsilon: float = 1e-6) -> Tensor:
    """x / sqrt(sum of squares over the last three axes + epsilon)."""
    if x.dim() < 3:
        raise ValueError(f"x has {x.dim()} axes, fewer than 3")
    return x / (x.square().sum((-3, -2, -1), keepdim=True) + epsilon).sqrt()


@operator("local_response_norm", accepts=FLOATS)
def local_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha / size * sum of squares of ``size`` channels around its own) ** beta.

    An even size is refused: PyTorch takes one channel more before; by coremltools' own values, Core ML takes neither.
    """
    spatial_axes(x)
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size is {size}, not odd: Core ML and PyTorch do not take the same channels then")
    return functional.local_response_norm(x, size, alpha, beta, k)
