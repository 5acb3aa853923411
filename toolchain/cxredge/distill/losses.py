"""What a student is taught: hard targets, and the teacher's softened answers.

Hinton, Vinyals, Dean: "Distilling the Knowledge in a Neural Network" (2015) for one softmax. For independent labels a
softmax over labels has no meaning, so each label gets its own binary divergence (the logit part of L2D, Yang et al.,
"Multi-Label Knowledge Distillation", ICCV 2023).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

Kind = Literal["multi-label", "single-label"]

POSITIVE_WEIGHT_CAP = 10.0
"""A label with 3 positives in 600 films would otherwise weigh 200 times, and those 3 would be learned by heart."""


def positive_weights(targets: Tensor) -> Tensor:
    """targets float32[n, C] of 0 and 1 -> float32[C] in [1, POSITIVE_WEIGHT_CAP]: negatives over positives, capped.

    A label without any positive gets 1: it teaches "absent", and a weight on nothing would be arbitrary.
    Common labels keep 1 too, so a weight never plays down a positive film.
    """
    positives = targets.sum(0)
    ratio = (len(targets) - positives) / positives.clamp_min(1)
    ratio = torch.where(positives > 0, ratio, torch.ones_like(ratio))
    return ratio.clamp(1.0, POSITIVE_WEIGHT_CAP)


def hard_loss(logits: Tensor, targets: Tensor, kind: Kind, weights: Tensor) -> Tensor:
    """logits, targets float32[N, C] -> scalar: weighted binary cross-entropy, its mean over films and labels, or for
    ``single-label`` (targets one-hot) the cross-entropy, where ``weights`` float32[C] weigh the film's class.
    """
    if kind == "multi-label":
        return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
    return F.cross_entropy(logits, targets.argmax(1), weight=weights)


def soft_loss(logits: Tensor, teacher: Tensor, kind: Kind, temperature: float) -> Tensor:
    """T^2 KL(teacher || student) of answers softened by T; zero exactly where both agree.

    logits, teacher float32[N, C] -> scalar: mean over films, and over labels where these are independent. T^2 keeps
    the gradient's size independent of T (Hinton et al. 2015, section 2).
    """
    s, t = logits / temperature, teacher / temperature
    if kind == "multi-label":
        p = torch.sigmoid(t)
        on = p * (F.logsigmoid(t) - F.logsigmoid(s))
        off = (1 - p) * (F.logsigmoid(-t) - F.logsigmoid(-s))
        return temperature**2 * (on + off).mean()
    divergence = F.kl_div(F.log_softmax(s, 1), F.log_softmax(t, 1), reduction="batchmean", log_target=True)
    return temperature**2 * divergence


def distillation_loss(
    logits: Tensor, teacher: Tensor, targets: Tensor, kind: Kind, temperature: float, alpha: float, weights: Tensor
) -> Tensor:
    """alpha * hard + (1 - alpha) * soft; all arrays float32[N, C], ``weights`` float32[C]."""
    hard = hard_loss(logits, targets, kind, weights)
    return alpha * hard + (1 - alpha) * soft_loss(logits, teacher, kind, temperature)
