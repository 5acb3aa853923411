"""What a model's weights take, counted and not built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from cxredge.baselines.pruning import parameters

if TYPE_CHECKING:
    from cxredge.students.backbone_student import BackboneStudent

FLOAT32 = 4
CHANNEL = 8
"""Bytes of an output channel beside its INT8 kernel: a float32 scale and an int32 bias."""


def float_bytes(model: BackboneStudent) -> int:
    """In float32."""
    return FLOAT32 * parameters(model)


def int8_bytes(model: BackboneStudent) -> int:
    """In INT8, as the targets have it: convolutions and linear layers of the backbone, batch norms folded into them.

    What else has parameters stays float32, the head too. An artifact has its graph besides.
    """
    total, counted = 0, 0
    for module in model.backbone.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            total += module.weight.numel() + CHANNEL * module.weight.shape[0]
        elif not isinstance(module, nn.BatchNorm2d):
            continue
        counted += sum(p.numel() for p in module.parameters(recurse=False))
    return total + FLOAT32 * (parameters(model) - counted)
