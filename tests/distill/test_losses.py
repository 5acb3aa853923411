from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, distributions

from cxredge.distill.losses import (
    LOSSES,
    POSITIVE_WEIGHT_CAP,
    Batch,
    add_up,
    attention,
    hard_loss,
    positive_weights,
    soft_loss,
)
from cxredge.errors import InputError
from cxredge.recipe_distillation import Distillation

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


def test_the_hard_loss_leaves_out_what_the_films_do_not_tell_and_the_soft_one_keeps_it() -> None:
    logits, teacher = (torch.randn(6, 4, generator=torch.Generator().manual_seed(i)) for i in (1, 2))
    b = replace(batch(), student={"logits": logits.requires_grad_()}, teacher={"logits": teacher}, told=(0, 2))
    parts = logits[:, [0, 2]], b.targets[:, [0, 2]]
    expected = torch.nn.functional.binary_cross_entropy_with_logits(*parts, pos_weight=b.weights[[0, 2]])
    found = LOSSES["hard"](b)
    torch.testing.assert_close(found, expected)
    assert torch.equal(LOSSES["hard"](replace(b, targets=b.targets + torch.tensor([0.0, 1, 0, 5]))), found)
    (gradient,) = torch.autograd.grad(found, logits)
    assert gradient[:, [1, 3]].abs().max() == 0 < gradient[:, [0, 2]].abs().min()
    (gradient,) = torch.autograd.grad(LOSSES["soft"](b), logits)
    assert gradient[:, [1, 3]].abs().min() > 0


def batch(kind: Literal["multi-label", "single-label"] = "multi-label", **outputs: tuple[Tensor, Tensor]) -> Batch:
    """outputs: the student's and the teacher's, by name."""
    student, teacher = pair()
    both = {"logits": (student, teacher), **outputs}
    return Batch(
        films=torch.zeros(6, 1, 8, 8),
        student={name: own for name, (own, _) in both.items()},
        teacher={name: other for name, (_, other) in both.items()},
        targets=torch.eye(4)[[0, 1, 2, 3, 0, 1]],
        kind=kind,
        weights=torch.tensor([1.0, 2.0, 3.0, 4.0]),
    )


def plan(**keys: Any) -> Distillation:
    return Distillation(teacher={"backbone": "timm/mobilenetv2_035"}, **keys)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_alpha_and_temperature_are_short_for_hard_and_soft(
    kind: Literal["multi-label", "single-label"], alpha: float
) -> None:
    b = batch(kind)
    expected = alpha * hard_loss(b.student["logits"], b.targets, kind, b.weights)
    expected = expected + (1 - alpha) * soft_loss(b.student["logits"], b.teacher["logits"], kind, 3.0)
    assert torch.equal(add_up(plan(alpha=alpha, temperature=3.0).terms)(b), expected)
    long = plan(
        losses=[
            {"loss": "hard", "weight": alpha},
            {"loss": "soft", "weight": 1 - alpha, "parameters": {"temperature": 3}},
        ]
    )
    assert torch.equal(add_up(long.terms)(b), expected)


def test_attention_by_hand() -> None:
    """One film, maps of 1 x 2: the student's attention is (9 + 16, 0), the teacher's (0, 4), then (4, 4)."""
    own = torch.tensor([[[[3.0, 0.0]], [[-4.0, 0.0]]]])
    for other, distance in (([[0.0, 2.0]], 2.0), ([[2.0, -2.0]], 2 - 2**0.5), ([[7.0, 0.0]], 0.0)):
        maps = batch(cam=(own, torch.tensor([[other]])))
        assert attention(maps, of="cam").item() == pytest.approx(distance, abs=1e-6)
    # power 1: (3 + 4, 0) has the same direction
    assert attention(maps, of="cam", power=1.0).item() == pytest.approx(0, abs=1e-6)
    # of features, and the mean over films
    two = (torch.cat([own, own]), torch.tensor([[[[0.0, 2.0]]], [[[2.0, -2.0]]]]))
    assert attention(batch(features=two)).item() == pytest.approx((4 - 2**0.5) / 2, abs=1e-6)


def test_attention_does_not_ask_for_equal_sizes_or_channels() -> None:
    rows = torch.linspace(0, 1, 8)[:, None].expand(8, 8)
    fine, coarse = rows.expand(2, 5, 8, 8), torch.full((2, 3, 4, 4), 2.0) * torch.linspace(0.07, 0.93, 4)[:, None]
    assert attention(batch(features=(fine, coarse))).item() < 0.01
    assert attention(batch(features=(fine, coarse.flip(2)))).item() > 0.5


def test_attention_pulls_the_students_map_to_the_teachers() -> None:
    own = (torch.rand(2, 4, 6, 6, generator=torch.Generator().manual_seed(1)) + 0.1).requires_grad_(True)
    other = torch.rand(2, 8, 6, 6, generator=torch.Generator().manual_seed(2))
    first = attention(batch(features=(own, other)))
    optimizer = torch.optim.Adam([own], 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss = attention(batch(features=(own, other)))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05 * first.item()
    # where a film's activations are all zero, there is no map, and no NaN either
    dead = torch.zeros(2, 4, 6, 6, requires_grad=True)
    attention(batch(features=(dead, other))).backward()
    assert dead.grad is not None
    assert bool(torch.isfinite(dead.grad).all())


@pytest.mark.parametrize(
    ("term", "code", "choice"),
    [
        ({"loss": "atention"}, "LOSS-UNKNOWN", "attention"),
        ({"loss": "soft", "parameters": {"temprature": 2.0}}, "LOSS-PARAMETER", "temperature"),
        ({"loss": "soft", "parameters": {"temperature": 0}}, "LOSS-PARAMETER", "temperature"),
        ({"loss": "soft", "parameters": {"temperature": "2"}}, "LOSS-PARAMETER", "temperature"),
        ({"loss": "attention", "parameters": {"of": "logits"}}, "LOSS-PARAMETER", "of"),
    ],
)
def test_unknown_losses_and_parameters_are_refused(term: dict[str, Any], code: str, choice: str) -> None:
    with pytest.raises(InputError) as caught:
        add_up(plan(losses=[term]).terms)
    assert caught.value.code == code
    assert caught.value.choices[0] == choice


def test_losses_are_said_once_and_survive_the_way_through_json() -> None:
    with pytest.raises(ValueError, match="short form of losses"):
        plan(losses=[{"loss": "hard"}], alpha=0.5)
    for keys in ({"alpha": 0.2}, {"losses": [{"loss": "attention", "weight": 3.0, "parameters": {"of": "cam"}}]}):
        before = plan(**keys)
        after = Distillation.model_validate_json(before.model_dump_json())
        assert (after, after.terms) == (before, before.terms)
    assert "losses" not in plan().model_dump()
