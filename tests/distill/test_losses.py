from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, distributions

from cxredge.distill.losses import (
    POSITIVE_WEIGHT_CAP,
    distillation_loss,
    hard_loss,
    positive_weights,
    soft_loss,
)

KINDS: tuple[Literal["multi-label", "single-label"], ...] = ("multi-label", "single-label")


def pair(seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(6, 4, generator=random) * 3, torch.randn(6, 4, generator=random) * 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_soft_loss_is_zero_where_both_agree(kind: Literal["multi-label", "single-label"], temperature: float) -> None:
    logits, _ = pair()
    assert soft_loss(logits, logits, kind, temperature).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_sigmoid_form_is_the_mean_bernoulli_divergence(temperature: float) -> None:
    student, teacher = pair()
    kl = distributions.kl_divergence(
        distributions.Bernoulli(logits=teacher / temperature), distributions.Bernoulli(logits=student / temperature)
    )
    torch.testing.assert_close(soft_loss(student, teacher, "multi-label", temperature), temperature**2 * kl.mean())


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_softmax_form_is_the_mean_categorical_divergence(temperature: float) -> None:
    student, teacher = pair()
    kl = distributions.kl_divergence(
        distributions.Categorical(logits=teacher / temperature), distributions.Categorical(logits=student / temperature)
    )
    torch.testing.assert_close(soft_loss(student, teacher, "single-label", temperature), temperature**2 * kl.mean())


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_pulls_the_student_to_the_teacher(kind: Literal["multi-label", "single-label"]) -> None:
    """d/ds of T^2 KL is T (softened student - softened teacher), over the number of terms in the mean."""
    student, teacher = pair()
    student.requires_grad_(True)
    soft_loss(student, teacher, kind, 2.0).backward()
    soften = torch.sigmoid if kind == "multi-label" else (lambda x: torch.softmax(x, 1))
    terms = student.numel() if kind == "multi-label" else len(student)
    expected = 2.0 * (soften(student.detach() / 2) - soften(teacher / 2)) / terms
    torch.testing.assert_close(student.grad, expected)


def test_large_logits_stay_finite() -> None:
    student = torch.tensor([[90.0, -90.0]], requires_grad=True)
    loss = soft_loss(student, torch.tensor([[-90.0, 90.0]]), "multi-label", 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(90)
    assert student.grad is not None
    assert bool(torch.isfinite(student.grad).all())


def test_positive_weights_are_capped() -> None:
    targets = torch.zeros(100, 4)
    targets[:2, 0] = 1  # 49 negatives a positive: capped
    targets[:25, 1] = 1  # 3
    targets[:80, 2] = 1  # more positives than negatives: 1
    assert positive_weights(targets).tolist() == [POSITIVE_WEIGHT_CAP, 3.0, 1.0, 1.0]


def test_hard_loss_by_hand() -> None:
    logits, targets = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])
    weights = torch.tensor([5.0, 1.0])
    expected = (5 * torch.log(torch.tensor(2.0)) + torch.nn.functional.softplus(torch.tensor(2.0))) / 2
    torch.testing.assert_close(hard_loss(logits, targets, "multi-label", weights), expected)
    expected = torch.nn.functional.softplus(torch.tensor(2.0))  # -log softmax([0, 2])[0]
    torch.testing.assert_close(hard_loss(logits, targets, "single-label", weights), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_alpha_mixes(kind: Literal["multi-label", "single-label"]) -> None:
    student, teacher = pair()
    targets, weights = torch.eye(4)[[0, 1, 2, 3, 0, 1]], torch.ones(4)
    hard, soft = hard_loss(student, targets, kind, weights), soft_loss(student, teacher, kind, 2.0)
    for alpha in (0.0, 0.3, 1.0):
        mixed = distillation_loss(student, teacher, targets, kind, 2.0, alpha, weights)
        torch.testing.assert_close(mixed, alpha * hard + (1 - alpha) * soft)
