"""Convolutions (MIL ``conv``, ``conv_transpose``): 1 to 3 spatial axes, channels first."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cxredge.mlprogram.operators.windows import padded, spatial_axes, split_pads
from cxredge.mlprogram.registry import FLOATS, operator

_CONV = (torch.conv1d, torch.conv2d, torch.conv3d)
_TRANSPOSED = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)


@operator("conv", accepts=FLOATS)
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: tuple[int, ...] = (),
    pad_type: str = "valid",
    pad: tuple[int, ...] = (),
    dilations: tuple[int, ...] = (),
    groups: int = 1,
) -> Tensor:
    """x [N, C, *D], weight [C_out, C / groups, *K] -> [N, C_out, *D_out]."""
    spatial = spatial_axes(x)
    _fit(x.shape[1], weight.shape[1] * groups, weight.shape[0], bias, groups)
    strides, dilations = strides or (1,) * spatial, dilations or (1,) * spatial
    before, after = split_pads(x.shape[2:], weight.shape[2:], strides, dilations, pad_type, pad)
    _refuse_miscomputed(weight.shape[2:], strides, before, after)
    if before != after:
        x = padded(x, before, after)
        before = (0,) * spatial
    result: Tensor = _CONV[spatial - 1](x, weight, bias, strides, before, dilations, groups)
    return result


@operator("conv_transpose", accepts=FLOATS)
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: tuple[int, ...] = (),
    output_shape: tuple[int, ...] = (),
    pad_type: str = "valid",
    strides: tuple[int, ...] = (),
    dilations: tuple[int, ...] = (),
    groups: int = 1,
) -> Tensor:
    """x [N, C, *D], weight [C, C_out / groups, *K] -> [N, C_out, *D_out], the gradient of ``conv``.

    Each pixel lays its kernel down, strides apart; ``pad`` is cut off what results. ``same`` gives D * strides. Pads
    that are not all the same are refused, and an output_shape [N, C_out, *D_out] that is not what results anyway (as
    converters write it): Core ML's compute units do not agree on them.
    """
    spatial = spatial_axes(x)
    _fit(x.shape[1], weight.shape[0], weight.shape[1] * groups, bias, groups)
    strides, dilations = strides or (1,) * spatial, dilations or (1,) * spatial
    if pad_type not in ("valid", "same", "custom"):
        raise ValueError(f"there is no pad_type {pad_type!r:.40}")
    # of ``same``, the pads are those of the convolution that makes D of D * strides
    size = [d * s for d, s in zip(x.shape[2:], strides, strict=True)]
    before, after = split_pads(size, weight.shape[2:], strides, dilations, pad_type, pad)
    if len({*before, *after}) > 1:
        raise ValueError("Core ML's compute units do not agree where pads are not all the same (onnxruntime#21416)")
    full = [
        (d - 1) * s + (k - 1) * dilation + 1
        for d, s, k, dilation in zip(x.shape[2:], strides, weight.shape[2:], dilations, strict=True)
    ]
    # kernels narrower than a stride leave a gap behind the last one, which ``same`` keeps
    gap = [n - f + 2 * before[0] if pad_type == "same" else 0 for n, f in zip(size, full, strict=True)]
    made = tuple(f - 2 * before[0] + g for f, g in zip(full, gap, strict=True))
    if min(made) < 1:
        raise ValueError(f"nothing is left of {full} pixels without {before[0]} on each side")
    if output_shape and output_shape != (x.shape[0], weight.shape[1] * groups, *made):
        raise ValueError(f"Core ML's compute units do not agree on another shape than {list(made)} (coremltools#2281)")
    result: Tensor = _TRANSPOSED[spatial - 1](x, weight, bias, strides, before, gap, groups, dilations)
    return result


def _refuse_miscomputed(
    kernel: Sequence[int], strides: Sequence[int], before: Sequence[int], after: Sequence[int]
) -> None:
    """Raises ValueError for the kind of convolution that Core ML got wrong in coremltools#2515.

    That was a kernel of 3 x 2, stride 2 and padding 1 on 5 x 5 pixels and two channels: the last pixel of the result.
    The cause is not known. Square kernels of that stride and padding are everyday, and right.
    """
    along = zip(kernel, strides, before, after, strict=True)
    if any(k % 2 for k in kernel) and any(k % 2 == 0 and s > 1 and (b or a) for k, s, b, a in along):
        raise ValueError("Core ML miscomputes strided, padded kernels of odd by even sides (coremltools#2515)")


def _fit(channels: int, taken: int, made: int, bias: Tensor | None, groups: int) -> None:
    """Raises ValueError; torch checks no channels of tensors without values."""
    if groups < 1 or channels % groups or made % groups or channels != taken:
        raise ValueError(f"weight takes {taken} channels and makes {made} in {groups} groups; x has {channels}")
    if bias is not None and bias.shape != (made,):
        raise ValueError(f"bias of shape {list(bias.shape)} is not one for each of {made} channels")
