"""Max pooling without minus infinity: the converter pads with it, and no INT8 range holds it.

Each border row and column is repeated instead, mirrored. A window that reaches i cells over the border also holds the
first i cells inside of it, because PyTorch allows a padding of at most half the kernel: the maximum stays the same.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxredge.students.base import Student


def mirrored_pools(student: Student) -> Student:
    """A copy whose padded ``MaxPool2d`` (no dilation, sizes rounded down) mirror their border; else ``student``."""
    from torch import nn

    def fits(module: nn.Module) -> bool:
        return (
            type(module) is nn.MaxPool2d
            and any(_pair(module.padding))
            and not module.ceil_mode
            and not module.return_indices
            and _pair(module.dilation) == (1, 1)
        )

    names = [name for name, module in student.named_modules() if fits(module)]
    if not names:
        return student
    changed = copy.deepcopy(student)
    for name in names:
        changed.set_submodule(name, _mirrored(changed.get_submodule(name)))
    return changed


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _mirrored(pool: Any) -> Any:
    import torch
    from torch import Tensor, nn

    class MirroredMaxPool2d(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for axis, cells in zip((2, 3), _pair(pool.padding), strict=True):
                size = x.shape[axis]
                before = [x.narrow(axis, i, 1) for i in reversed(range(cells))]
                behind = [x.narrow(axis, size - 1 - i, 1) for i in range(cells)]
                x = torch.cat([*before, x, *behind], axis)
            return nn.functional.max_pool2d(x, pool.kernel_size, pool.stride)

    return MirroredMaxPool2d()
