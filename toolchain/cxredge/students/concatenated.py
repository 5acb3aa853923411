"""``timm/<name>+timm/<name>``: several networks side by side, their feature maps as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Concatenated(nn.Module):
    """forward: image float32[N, ch, H, W] -> float32[N, d, h, w]: all networks' maps, one behind another in channels.

    Where maps differ in size, h and w are the least of each, and larger maps are averaged by area, so that no channel's
    mean changes: with an exact head the logits are those of one linear layer on the networks' global means side by side
    (arXiv 2301.02735 has ResNet50V2's and VGG19's). For teachers: nothing lowers it.
    """

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        maps = [net(image) for net in self.nets]
        height, width = (min(found.shape[axis] for found in maps) for axis in (2, 3))
        return torch.cat([_averaged(found, height, width) for found in maps], 1)


def _averaged(maps: Tensor, height: int, width: int) -> Tensor:
    """float32[N, d, H, W] -> float32[N, d, height, width], each cell the mean of the area that it covers."""
    if tuple(maps.shape[2:]) == (height, width):
        return maps
    rows, columns = (_shares(old, new).to(maps) for old, new in zip(maps.shape[2:], (height, width), strict=True))
    return rows @ maps @ columns.T


def _shares(old: int, new: int) -> Tensor:
    """float64[new, old]: how much each of ``old`` cells counts for each of ``new`` on the same line; rows sum to 1."""
    ends = torch.arange(1, old + 1, dtype=torch.float64)
    stops = torch.arange(1, new + 1, dtype=torch.float64)[:, None] * old / new
    overlap = torch.minimum(ends, stops) - torch.maximum(ends - 1, stops - old / new)
    return overlap.clamp_min(0) * new / old
