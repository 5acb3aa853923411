"""Convolutions (MIL ``conv``, ``conv_transpose``): 1 to 3 spatial axes, channels first."""

from __future__ import annotations

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

    Each pixel lays its kernel down, strides apart; ``pad`` is cut off what results. ``output_shape`` [N, C_out, *D_out]
    may be longer than that by less than a stride: as long as a ``conv`` of the same window makes D of D_out. Without
    it, ``same`` gives D * strides, and the odd pixel is cut off behind.
    """
    spatial = spatial_axes(x)
    _fit(x.shape[1], weight.shape[0], weight.shape[1] * groups, bias, groups)
    strides, dilations = strides or (1,) * spatial, dilations or (1,) * spatial
    if pad_type not in ("valid", "same", "custom"):
        raise ValueError(f"there is no pad_type {pad_type!r:.40}")
    if output_shape and (len(output_shape) != x.dim() or output_shape[:2] != (x.shape[0], weight.shape[1] * groups)):
        raise ValueError(f"output_shape {list(output_shape)} does not fit x and weight")
    # of ``same``, the pads are those of the forward convolution, whose size is not known without the output's
    size = output_shape[2:] or [d * s for d, s in zip(x.shape[2:], strides, strict=True)]
    before, after = split_pads(size, weight.shape[2:], strides, dilations, pad_type, pad)
    places = []
    for axis in range(spatial):
        step, reach = strides[axis], (weight.shape[2 + axis] - 1) * dilations[axis] + 1
        full = (x.shape[2 + axis] - 1) * step + reach
        least = full - before[axis] - after[axis]
        length = size[axis] if output_shape or pad_type == "same" else least
        # ``same`` may leave a gap before the next stride, too: then least < length
        if length < 1 or not 0 <= length - least < step:
            raise ValueError(f"{length} pixels cannot come of {x.shape[2 + axis]} along axis {2 + axis}")
        places.append(_place(full, before[axis], length, max(step, dilations[axis])))
    padding, output_padding, first, lengths = zip(*places, strict=True)
    result: Tensor = _TRANSPOSED[spatial - 1](x, weight, bias, strides, padding, output_padding, groups, dilations)
    for axis, (start, length) in enumerate(zip(first, lengths, strict=True), start=2):
        if result.shape[axis] != length:
            result = result.narrow(axis, start, length)
    return result


def _fit(channels: int, taken: int, made: int, bias: Tensor | None, groups: int) -> None:
    """Raises ValueError; torch checks no channels of tensors without values."""
    if groups < 1 or channels % groups or made % groups or channels != taken:
        raise ValueError(f"weight takes {taken} channels and makes {made} in {groups} groups; x has {channels}")
    if bias is not None and bias.shape != (made,):
        raise ValueError(f"bias of shape {list(bias.shape)} is not one for each of {made} channels")


def _place(full: int, before: int, length: int, limit: int) -> tuple[int, int, int, int]:
    """(torch's padding, its output padding below ``limit``, first pixel to keep, ``length``) along one axis.

    torch cuts as much behind as before, and then adds less than ``limit`` pixels behind; the pixels to keep are
    ``length`` from ``before`` on, of ``full``.
    """
    more = length - (full - 2 * before)
    if 0 <= more < limit:
        return before, more, 0, length
    if more < 0:
        return before, 0, 0, length
    return 0, max(0, before + length - full), before, length
