"""What a student's network is put together from, before it knows its labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from cxredge.students.heads import exact_head


@dataclass(frozen=True)
class Parts:
    """backbone: film float32[N, ch, H, W], normalised -> float32[N, d, h, w], d being ``features``. It is the part that
    INT8 quantises: the more of the weights are in it, the smaller the artifacts.

    head: see ``BackboneStudent``.
    """

    backbone: nn.Module
    features: int
    head: Callable[[int, int], nn.Module] = exact_head
