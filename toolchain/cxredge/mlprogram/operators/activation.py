"""Activations. What has one factor a channel takes it along axis 1 of x [N, C, *D]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cxredge.mlprogram.operators.windows import spatial_axes
from cxredge.mlprogram.registry import FLOATS, operator


@operator("relu", accepts=FLOATS, exact=True)
def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return x.relu()


@operator("relu6", accepts=FLOATS, exact=True)
def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6)."""
    return x.clamp(0, 6)


@operator("leaky_relu", accepts=FLOATS)
def leaky_relu(x: Tensor, alpha: float) -> Tensor:
    """x from 0 up, alpha * x below."""
    return functional.leaky_relu(x, alpha)


@operator("clamped_relu", accepts=FLOATS)
def clamped_relu(x: Tensor, alpha: float, beta: float) -> Tensor:
    """min(x, beta) from 0 up, min(alpha * x, beta) below."""
    if beta < 0:
        raise ValueError(f"beta is {beta}: MIL's words and its arithmetic differ below 0")
    return functional.leaky_relu(x, alpha).clamp_(max=beta)


@operator("thresholded_relu", accepts=FLOATS, exact=True)
def thresholded_relu(x: Tensor, alpha: float) -> Tensor:
    """x from alpha up (PyTorch's ``Threshold`` starts above it), 0 below."""
    return torch.where(x >= alpha, x, 0)


@operator("prelu", accepts=FLOATS)
def prelu(x: Tensor, alpha: Tensor) -> Tensor:
    """x from 0 up, alpha[c] * x below.

    Core ML takes a factor for each channel on images only; along one or three axes all must be the same. (So MIL's
    definition says for iOS 15; that for iOS 17 leaves the check out, and coremltools' own tests fail there.)
    """
    if spatial_axes(x) != 2 and not alpha.is_meta and float(alpha.max() - alpha.min()) > 1e-5:
        raise ValueError(f"Core ML takes one factor for all channels of {x.dim()} axes")
    return functional.prelu(x, _of_channels(x, alpha))


@operator("elu", accepts=FLOATS)
def elu(x: Tensor, alpha: float) -> Tensor:
    """x from 0 up, alpha * (exp(x) - 1) below."""
    return functional.elu(x, alpha)


@operator("gelu", accepts=FLOATS)
def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    """x * (1 + erf(x / sqrt(2))) / 2, or an approximation of it by tanh, or x * sigmoid(1.702 x)."""
    if mode == "EXACT":
        return functional.gelu(x)
    if mode == "TANH_APPROXIMATION":
        return functional.gelu(x, approximate="tanh")
    if mode == "SIGMOID_APPROXIMATION":
        return x.mul(1.702).sigmoid_().mul_(x)
    raise ValueError(f"there is no mode {mode!r:.40}")


@operator("silu", accepts=FLOATS)
def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x)."""
    return functional.silu(x)


@operator("sigmoid", accepts=FLOATS)
def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return x.sigmoid()


@operator("sigmoid_hard", accepts=FLOATS)
def sigmoid_hard(x: Tensor, alpha: float, beta: float) -> Tensor:
    """min(max(alpha * x + beta, 0), 1)."""
    return x.mul(alpha).add_(beta).clamp_(0, 1)


@operator("linear_activation", accepts=FLOATS)
def linear_activation(x: Tensor, alpha: float, beta: float) -> Tensor:
    """alpha * x + beta."""
    return x.mul(alpha).add_(beta)


@operator("scaled_tanh", accepts=FLOATS)
def scaled_tanh(x: Tensor, alpha: float, beta: float) -> Tensor:
    """alpha * tanh(beta * x)."""
    return x.mul(beta).tanh_().mul_(alpha)


@operator("softplus", accepts=FLOATS)
def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), without overflow."""
    return functional.softplus(x)


@operator("softplus_parametric", accepts=FLOATS)
def softplus_parametric(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """alpha[c] * log(1 + exp(beta[c] * x))."""
    shape = [-1] + [1] * (x.dim() - 2)
    if x.dim() < 3:
        raise ValueError(f"x has {x.dim()} axes, fewer than 3")
    return functional.softplus(x * _of_channels(x, beta).view(shape)).mul_(_of_channels(x, alpha).view(shape))


@operator("softsign", accepts=FLOATS)
def softsign(x: Tensor) -> Tensor:
    """x / (1 + abs(x))."""
    return functional.softsign(x)


@operator("softmax", accepts=FLOATS)
def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) divided by its sum along ``axis``."""
    if not -x.dim() <= axis < x.dim():
        raise ValueError(f"x has no axis {axis}")
    return x.softmax(axis)


def _of_channels(x: Tensor, factors: Tensor) -> Tensor:
    """``factors``, if they are one for each channel of x. Raises ValueError."""
    if factors.shape != x.shape[1:2]:
        raise ValueError(f"factors of shape {list(factors.shape)} are not one for each of {x.shape[1]} channels")
    return factors
