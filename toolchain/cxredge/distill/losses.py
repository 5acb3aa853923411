"""Losses of what a student answers, beside the films' own labels or a teacher's answers.

A loss is one function that takes a ``Batch`` and its own parameters, which the recipe may set by keyword; their types
and bounds are the function's annotations. ``loss_terms.weighted`` gives a recipe's terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from cxredge.distill.correlation import correlation
from cxredge.distill.loss_batch import Batch, chances, loss
from cxredge.errors import InputError
from cxredge.statistics.probabilities import Kind

POSITIVE_WEIGHT_CAP = 10.0
"""A label with 3 positives in 600 films would otherwise weigh 200 times, and those 3 would be learned by heart."""


def positive_weights(targets: Tensor) -> Tensor:
    """targets float32[n, C] of 0 and 1 -> float32[C] in [1, POSITIVE_WEIGHT_CAP]: negatives over positives, capped.

    NaN, where a film does not tell the label, is neither.
    A label without any positive gets 1: it teaches "absent", and a weight on nothing would be arbitrary.
    Common labels keep 1 too, so a weight never plays down a positive film.
    """
    positives, told = targets.nansum(0), len(targets) - targets.isnan().sum(0)
    ratio = (told - positives) / positives.clamp_min(1)
    ratio = torch.where(positives > 0, ratio, torch.ones_like(ratio))
    return ratio.clamp(1.0, POSITIVE_WEIGHT_CAP)


def hard_loss(
    logits: Tensor, targets: Tensor, kind: Kind, weights: Tensor, told: Sequence[int] | None = None
) -> Tensor:
    """logits, targets float32[N, C] -> scalar: weighted binary cross-entropy, its mean over films and labels, or for
    ``single-label`` (targets one-hot) the cross-entropy, where ``weights`` float32[C] weigh the film's class.

    told: places of the labels that the films tell; of the others the targets mean nothing, and they do
    not count. None: all, as of exclusive classes. Nor does a label of which a film's target is NaN: the mean is over
    those that are told, and 0 where none is (U-Ignore of Irvin et al., "CheXpert", AAAI 2019).
    """
    if kind == "single-label":
        return F.cross_entropy(logits, targets.argmax(1), weight=weights)
    if told is not None:
        columns = list(told)
        logits, targets, weights = logits[:, columns], targets[:, columns], weights[columns]
    known = ~targets.isnan()
    if targets.numel() and bool(known.all()):
        return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
    parts = F.binary_cross_entropy_with_logits(logits, targets.nan_to_num(), pos_weight=weights, reduction="none")
    return _mean_of(parts, known)


def _mean_of(parts: Tensor, known: Tensor) -> Tensor:
    """The mean of those of ``parts`` that ``known`` marks; 0 where it marks none."""
    return (parts * known).sum() / known.sum().clamp_min(1)


def soft_loss(logits: Tensor, teacher: Tensor, kind: Kind, temperature: float) -> Tensor:
    """T^2 KL(teacher || student) of answers softened by T; zero exactly where both agree.

    Hinton, Vinyals, Dean: "Distilling the Knowledge in a Neural Network" (2015) for one softmax. For independent labels
    a softmax over labels has no meaning, so each label gets its own binary divergence (the logit part of L2D, Yang et
    al., "Multi-Label Knowledge Distillation", ICCV 2023).

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


@loss("hard")
def hard(batch: Batch) -> Tensor:
    """``hard_loss`` against the films' own targets, of the labels that the films tell; the other losses keep all."""
    return hard_loss(batch.student["logits"], batch.targets, batch.kind, batch.weights, batch.told)


@loss("soft")
def soft(batch: Batch, temperature: Annotated[float, Field(gt=0)] = 2.0) -> Tensor:
    """``soft_loss`` against the teacher's logits."""
    return soft_loss(batch.student["logits"], batch.teacher["logits"], batch.kind, temperature)


@loss("dist")
def dist(batch: Batch, temperature: Annotated[float, Field(gt=0)] = 1.0) -> Tensor:
    """1 - Pearson correlation, across the batch, of both answers to a label; its mean over labels, within 0..2.

    Huang et al., "Knowledge Distillation from A Stronger Teacher" (NeurIPS 2022, arXiv 2205.10536): the intra-class
    relation, (1 / C) sum over j of 1 - r(Y_s[:, j], Y_t[:, j]). Y are sigmoids of the logits over T here, for exclusive
    classes their softmax as in the paper. It asks that the label ranks films as the teacher does, not that it says the
    same: another loss has to. In a batch of one, and where either says the same of all films, a label counts 0.
    """
    own, other = (chances(outputs["logits"] / temperature, batch.kind) for outputs in (batch.student, batch.teacher))
    return (1 - correlation(own.T, other.T)).mean()


@loss("faithful")
def faithful(
    batch: Batch,
    temperature: Annotated[float, Field(gt=0)] = 2.0,
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5,
    gamma: Annotated[float, Field(ge=1)] = 2.0,
) -> Tensor:
    """alpha FL + (1 - alpha) T^2 MSE(softmax(s / T), softmax(t / T)): what was published, to compare with.

    As a replication has the loss of "Explainable Knowledge Distillation for On-device Chest X-Ray Classification"
    (arXiv 2305.06244). FL is the focal loss of Lin et al. (ICCV 2017), (1 - q)^gamma (-log q), q the chance that the
    student gives to what the film's target says; both are means over films and labels.

    Unsound for independent findings: a softmax makes findings compete that may all be there, and takes away what is
    common to all logits. A healthy film and one with every finding look alike to it, and of two findings that are both
    there each looks like half a one. With C labels chances lie about 1 / C, so that their squared differences, and what
    they teach beside the focal loss, are some C^2 times smaller than of sigmoids. ``soft`` is sound. Raises InputError
    LOSS-KIND: the classes exclude each other.
    """
    if batch.kind != "multi-label":
        raise InputError(
            "LOSS-KIND", "the loss faithful is for multi-label students", "take hard and soft for exclusive classes"
        )
    logits, targets = batch.student["logits"], batch.targets
    if batch.told is not None:
        logits, targets = logits[:, list(batch.told)], targets[:, list(batch.told)]
    known = ~targets.isnan()
    towards = logits * (2 * targets.nan_to_num() - 1)
    focal = _mean_of(-(torch.sigmoid(-towards) ** gamma) * F.logsigmoid(towards), known)
    own, other = (torch.softmax(outputs["logits"] / temperature, 1) for outputs in (batch.student, batch.teacher))
    return alpha * focal + (1 - alpha) * temperature**2 * F.mse_loss(own, other)
