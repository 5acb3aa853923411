"""What a loss may look at, and how it is registered under the name that recipes call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cxredge.errors import InputError
from cxredge.statistics.probabilities import Kind


@dataclass(frozen=True, eq=False)
class Batch:
    """What a loss may look at, of N films.

    student, teacher: ``logits`` float32[N, C], ``cam`` float32[N, C, h, w], ``novelty`` float32[N] and ``features``
    float32[N, d, h, w]; d, h and w may differ between the two. The teacher's carry no gradient.
    """

    films: Tensor
    """float32[N, ch, H, W] as both saw them, 0..255."""
    student: Mapping[str, Tensor]
    teacher: Mapping[str, Tensor]
    targets: Tensor
    """float32[N, C] of 0 and 1; NaN where a film does not tell the label: a loss of the films' own targets leaves
    that out, one of the teacher's answers need not, for the teacher may speak of what nobody wrote down."""
    kind: Kind
    weights: Tensor
    """float32[C], see ``positive_weights``."""
    told: tuple[int, ...] | None = None
    """Places of the labels that the films tell: the targets of the others mean nothing. None: all."""
    masks: Tensor | None = None
    """float32[N, C, H, W] 0..1, where each label's finding lies in the films; None: no loss of the recipe asked."""


BatchLoss = Callable[..., Tensor]
LOSSES: dict[str, BatchLoss] = {}
MASKED: set[str] = set()
"""Losses that look at ``Batch.masks``: only data sets with masks can be learned from with them."""


def loss(name: str, masks: bool = False) -> Callable[[BatchLoss], BatchLoss]:
    """Register a function of a ``Batch`` (and keyword parameters with defaults) -> scalar, under a recipe's name.

    masks: whether it looks at ``Batch.masks``.
    """

    def register(function: BatchLoss) -> BatchLoss:
        LOSSES[name] = function
        if masks:
            MASKED.add(name)
        return function

    return register


def chances(logits: Tensor, kind: Kind) -> Tensor:
    """float32[N, C] 0..1: sigmoids of independent findings, the softmax of exclusive classes."""
    return torch.sigmoid(logits) if kind == "multi-label" else torch.softmax(logits, 1)


def both(batch: Batch, name: str) -> tuple[Tensor, Tensor]:
    """An output of student and teacher. Raises InputError LOSS-OUTPUT: one of the two does not give it."""
    return output(batch.student, name, "student"), output(batch.teacher, name, "teacher")


def output(outputs: Mapping[str, Tensor], name: str, who: str) -> Tensor:
    """One output of ``who``. Raises InputError LOSS-OUTPUT: it does not give it."""
    if name not in outputs:
        raise InputError(
            "LOSS-OUTPUT",
            f"a loss in distill.losses compares {name}, which the {who} does not give",
            "leave the loss out, or take another backbone; of losses of maps some can compare other outputs",
            sorted(outputs),
        )
    return outputs[name]
