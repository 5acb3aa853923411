"""How far maps are from pointing at findings whose masks are known."""

from __future__ import annotations

import torch
from torch import Tensor

from cxredge.images.geometry import tents


def mask_loss(maps: Tensor, masks: Tensor, there: Tensor) -> Tensor:
    """maps float32[N, C, h, w], masks float32[N, C, H, W] 0..1, there bool[N, C] -> scalar; 0 where nothing is there.

    Of each finding that is there and has a mask, the cross-entropy between the mask, spread over the map's cells, and
    the map's softmax over cells, ``-sum_i m_i log softmax(map)_i`` with m of sum 1; its mean over these findings. What
    is added to a whole map changes nothing, so the logit, its mean, is left to other losses. (A binary cross-entropy by
    cell would ask of a finding that is small and there that its logit be far below 0.)
    """
    cells = at_cells(masks, (maps.shape[2], maps.shape[3])).flatten(2)
    whole = cells.sum(2, keepdim=True)
    counted = there & (whole[..., 0] > 0)
    parts = -(cells / whole.clamp_min(1e-6) * maps.flatten(2).log_softmax(2)).sum(2)
    return torch.where(counted, parts, 0.0).sum() / counted.sum().clamp_min(1)


def at_cells(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """float32[N, C, H, W] 0..1 -> float32[N, C, *size] 0..1: how much of each cell's tent lies in the mask.

    Tents as maps are laid over films with (``geometry.upsample``): cell i is centred on pixel i * H / h.
    """
    down, across = (
        torch.from_numpy(tents(cells, pixels)).to(masks) for cells, pixels in zip(size, masks.shape[2:], strict=True)
    )
    return (down / down.sum(0)).T @ masks @ (across / across.sum(0))
