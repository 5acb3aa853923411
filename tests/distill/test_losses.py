from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, distributions

from cxredge.distill.loss_batch import LOSSES, Batch
from cxredge.distill.loss_terms import looks_at_masks, weighted
from cxredge.distill.losses import POSITIVE_WEIGHT_CAP, hard_loss, positive_weights, soft_loss
from cxredge.distill.map_losses import attention
from cxredge.distill.mask_loss import at_cells
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


def test_films_that_tell_nothing_leave_the_teacher_to_teach() -> None:
    """The mean of nothing is no number, and a weight of 0 does not make it one."""
    b = replace(batch(), told=())
    assert torch.equal(total(plan(alpha=0.0), b), total(plan(losses=[{"loss": "soft"}]), b))


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


def total(of: Distillation, b: Batch) -> Tensor:
    return torch.stack(list(weighted(of.terms)(b).values())).sum()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_alpha_and_temperature_are_short_for_hard_and_soft(
    kind: Literal["multi-label", "single-label"], alpha: float
) -> None:
    b = batch(kind)
    expected = alpha * hard_loss(b.student["logits"], b.targets, kind, b.weights)
    expected = expected + (1 - alpha) * soft_loss(b.student["logits"], b.teacher["logits"], kind, 3.0)
    assert torch.equal(total(plan(alpha=alpha, temperature=3.0), b), expected)
    long = plan(
        losses=[
            {"loss": "hard", "weight": alpha},
            {"loss": "soft", "weight": 1 - alpha, "parameters": {"temperature": 3}},
        ]
    )
    assert torch.equal(total(long, b), expected)


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


@pytest.mark.parametrize("of", ["features", "cam"])
def test_attention_refuses_maps_of_one_cell(of: str) -> None:
    """Of length 1 they are all alike, and would teach nothing."""
    for pair in ((maps(1, 6, 4, 1, 1), maps(2, 6, 4, 3, 3)), (maps(1, 6, 4, 3, 3), maps(2, 6, 4, 1, 1))):
        with pytest.raises(InputError) as caught:
            LOSSES["attention"](batch(**{of: pair}), of=of)
        assert caught.value.code == "LOSS-MAPS"


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


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """By numpy's own covariance, in float64."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x.astype(np.float64))
    return e / e.sum(1, keepdims=True)


def maps(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_cam_is_the_teachers_chance_times_one_minus_the_correlation(
    kind: Literal["multi-label", "single-label"],
) -> None:
    own, other = maps(1, 6, 4, 3, 5), 7 * maps(2, 6, 4, 3, 5) - 3
    b = batch(kind, cam=(own, other))
    chance = (sigmoid if kind == "multi-label" else softmax)(b.teacher["logits"].numpy())
    expected = [
        chance[n, c] * (1 - pearson(own[n, c].numpy(), other[n, c].numpy())) for n in range(6) for c in range(4)
    ]
    assert LOSSES["cam"](b).item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_cam_by_hand() -> None:
    """One film, one label of which the teacher is sure by 0.75: maps of 1 x 4, and a flat one."""
    own = torch.tensor([[[[0.0, 1, 2, 3]]]])
    for other, r in (([5.0, 7, 9, 11], 1.0), ([3.0, 2, 1, 0], -1.0), ([0.0, 2, 1, 3], 0.8), ([4.0, 4, 4, 4], 1.0)):
        b = Batch(
            films=torch.zeros(1, 1, 8, 8),
            student={"cam": own},
            teacher={"cam": torch.tensor([[[other]]]), "logits": torch.tensor([[np.log(3.0)]])},
            targets=torch.zeros(1, 1),
            kind="multi-label",
            weights=torch.ones(1),
        )
        assert LOSSES["cam"](b).item() == pytest.approx(0.75 * (1 - r), abs=1e-6)


def test_cam_brings_the_larger_map_to_the_size_of_the_smaller() -> None:
    rows = torch.linspace(0, 1, 8)[:, None].expand(8, 8)
    fine, coarse = rows.expand(6, 4, 8, 8), torch.linspace(-4, 9, 4)[:, None].expand(6, 4, 4, 4)
    for pair in ((fine, coarse), (coarse, fine)):
        assert LOSSES["cam"](batch(cam=pair)).item() == pytest.approx(0, abs=1e-3)
        turned = (pair[0], pair[1].flip(2))
        chance = sigmoid(batch().teacher["logits"].numpy()).mean()
        assert LOSSES["cam"](batch(cam=turned)).item() == pytest.approx(2 * chance, rel=1e-3)
    # neither is the smaller one: 2 x 3 cells are common to both
    assert np.isfinite(LOSSES["cam"](batch(cam=(maps(1, 6, 4, 2, 5), maps(2, 6, 4, 4, 3)))).item())


def test_cam_refuses_maps_of_one_cell_and_outputs_that_are_not_there() -> None:
    with pytest.raises(InputError) as caught:
        LOSSES["cam"](batch(cam=(maps(1, 6, 4, 1, 1), maps(2, 6, 4, 3, 3))))
    assert caught.value.code == "LOSS-MAPS"
    b = batch(cam=(maps(1, 6, 4, 3, 3), maps(2, 6, 4, 3, 3)))
    for side in ("student", "teacher"):
        bare = {"logits": b.student["logits"]}
        lacking = replace(b, student=bare) if side == "student" else replace(b, teacher=bare)
        for loss in (LOSSES["cam"], lambda x: attention(x, of="cam")):
            with pytest.raises(InputError) as caught:
                loss(lacking)
            assert (caught.value.code, caught.value.choices) == ("LOSS-OUTPUT", ("logits",))
            assert side in caught.value.cause


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_dist_is_one_minus_the_correlation_across_the_batch(
    kind: Literal["multi-label", "single-label"], temperature: float
) -> None:
    b = batch(kind)
    soften = sigmoid if kind == "multi-label" else softmax
    own, other = (soften(x["logits"].numpy() / temperature) for x in (b.student, b.teacher))
    expected = np.mean([1 - pearson(own[:, c], other[:, c]) for c in range(4)])
    assert LOSSES["dist"](b, temperature=temperature).item() == pytest.approx(expected, rel=1e-5)


def test_dist_is_zero_where_nothing_can_be_ranked() -> None:
    """A batch of one, and answers that are the same for all films: no loss, no gradient and no NaN."""
    own, other = (x.clone() for x in pair())
    for student, teacher in ((own[:1], other[:1]), (own[:1].expand(6, 4), other), (own, other[:1].expand(6, 4))):
        logits = student.clone().requires_grad_()
        found = LOSSES["dist"](replace(batch(), student={"logits": logits}, teacher={"logits": teacher}))
        found.backward()
        assert found.item() == 0
        assert logits.grad is not None
        assert logits.grad.abs().max() == 0
    # a label that does vary still counts, as one of four
    other[:, 1:] = 0.1
    found = LOSSES["dist"](replace(batch(), student={"logits": own}, teacher={"logits": other}))
    expected = (1 - pearson(sigmoid(own[:, 0].numpy()), sigmoid(other[:, 0].numpy()))) / 4
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["cam", "dist"])
def test_what_is_learned_is_the_form_and_not_the_size(name: str) -> None:
    """Descent reaches the teacher's form; scale and shift of what it says are free."""
    own = maps(3, 6, 4, 3, 3).requires_grad_()
    other = 5 * maps(4, 6, 4, 3, 3) + 2
    optimizer = torch.optim.Adam([own], 0.05)
    for _ in range(150):
        optimizer.zero_grad()
        b = batch(cam=(own, other))
        b = replace(
            b,
            student={"cam": own, "logits": own.mean((2, 3))},
            teacher={"cam": other, "logits": other.mean((2, 3)) / 5},
        )
        found = LOSSES[name](b)
        found.backward()
        optimizer.step()
    assert found.item() < 0.05


@pytest.mark.parametrize(("temperature", "alpha", "gamma"), [(2.0, 0.5, 2.0), (1.0, 0.3, 1.0), (4.0, 1.0, 3.0)])
def test_faithful_by_hand(temperature: float, alpha: float, gamma: float) -> None:
    b = batch()
    s, t = b.student["logits"].numpy(), b.teacher["logits"].numpy()
    right = np.where(b.targets.numpy() == 1, sigmoid(s), 1 - sigmoid(s))
    focal = ((1 - right) ** gamma * -np.log(right)).mean()
    square = ((softmax(s / temperature) - softmax(t / temperature)) ** 2).mean()
    expected = alpha * focal + (1 - alpha) * temperature**2 * square
    found = LOSSES["faithful"](b, temperature=temperature, alpha=alpha, gamma=gamma)
    assert found.item() == pytest.approx(expected, rel=1e-5)
    if (temperature, alpha, gamma) == (2.0, 0.5, 2.0):
        assert torch.equal(LOSSES["faithful"](b), found)  # the published constants


def test_what_is_unsound_about_faithful() -> None:
    """All findings there, or none: its part of the teacher does not tell the two, and that of ``soft`` does."""
    every, none = torch.full((6, 4), 5.0), torch.full((6, 4), -5.0)
    b = replace(batch(), student={"logits": every}, teacher={"logits": none})
    assert LOSSES["faithful"](b, alpha=0.0).item() == 0
    assert LOSSES["soft"](b).item() > 1
    with pytest.raises(InputError) as caught:
        LOSSES["faithful"](batch("single-label"))
    assert caught.value.code == "LOSS-KIND"


@pytest.mark.parametrize("name", ["hard", "faithful"])
def test_what_a_film_does_not_tell_does_not_count(name: str) -> None:
    b = batch()
    targets = b.targets.clone()
    targets[0, 1] = targets[3, 0] = targets[3, 2] = torch.nan
    parameters = {} if name == "hard" else {"alpha": 1.0}
    logits = b.student["logits"].clone().requires_grad_()
    found = LOSSES[name](replace(b, targets=targets, student={"logits": logits}), **parameters)
    found.backward()
    s, y, w = logits.detach().numpy(), targets.numpy(), np.array([1.0, 2, 3, 4])
    p = sigmoid(s)
    if name == "hard":
        parts = -(w * y * np.log(p) + (1 - y) * np.log(1 - p))
    else:
        right = np.where(y == 1, p, 1 - p)
        parts = np.where(np.isnan(y), np.nan, (1 - right) ** 2 * -np.log(right))
    assert found.item() == pytest.approx(np.nanmean(parts), rel=1e-5)  # of 21 entries
    assert logits.grad is not None
    assert torch.equal(logits.grad == 0, targets.isnan())
    # a batch that tells nothing teaches nothing
    nothing = replace(b, targets=torch.full_like(targets, torch.nan), student={"logits": logits})
    (gradient,) = torch.autograd.grad(LOSSES[name](nothing, **parameters), logits)
    assert gradient.abs().max() == 0


@pytest.mark.parametrize("name", ["soft", "dist", "cam", "faithful"])
def test_the_teacher_may_speak_of_what_a_film_does_not_tell(name: str) -> None:
    b = batch(cam=(maps(1, 6, 4, 3, 3), maps(2, 6, 4, 3, 3)))
    parameters = {"alpha": 0.0} if name == "faithful" else {}
    untold = replace(b, targets=torch.full_like(b.targets, torch.nan))
    assert torch.equal(LOSSES[name](b, **parameters), LOSSES[name](untold, **parameters))


def test_positive_weights_count_what_is_told() -> None:
    targets = torch.full((100, 2), torch.nan)
    targets[:5, 0], targets[5:20, 0] = 1, 0  # 15 negatives, 5 positives, 80 that say neither
    targets[:4, 1] = 0
    assert positive_weights(targets).tolist() == [3.0, 1.0]


@pytest.mark.parametrize(
    ("term", "code", "choice"),
    [
        ({"loss": "atention"}, "LOSS-UNKNOWN", "attention"),
        ({"loss": "soft", "parameters": {"temprature": 2.0}}, "LOSS-PARAMETER", "temperature"),
        ({"loss": "soft", "parameters": {"temperature": 0}}, "LOSS-PARAMETER", "temperature"),
        ({"loss": "soft", "parameters": {"temperature": "2"}}, "LOSS-PARAMETER", "temperature"),
        ({"loss": "attention", "parameters": {"of": "logits"}}, "LOSS-PARAMETER", "of"),
        ({"loss": "dist", "parameters": {"temperature": 0.0}}, "LOSS-PARAMETER", "temperature"),
        ({"loss": "cam", "parameters": {"temperature": 2.0}}, "LOSS-PARAMETER", None),
        ({"loss": "faithful", "parameters": {"alpha": 1.5}}, "LOSS-PARAMETER", "alpha"),
    ],
)
def test_unknown_losses_and_parameters_are_refused(term: dict[str, Any], code: str, choice: str | None) -> None:
    with pytest.raises(InputError) as caught:
        weighted(plan(losses=[term]).terms)
    assert caught.value.code == code
    assert caught.value.choices[:1] == (() if choice is None else (choice,))


def test_losses_are_said_once_and_survive_the_way_through_json() -> None:
    with pytest.raises(ValueError, match="short form of losses"):
        plan(losses=[{"loss": "hard"}], alpha=0.5)
    for keys in ({"alpha": 0.2}, {"losses": [{"loss": "attention", "weight": 3.0, "parameters": {"of": "cam"}}]}):
        before = plan(**keys)
        after = Distillation.model_validate_json(before.model_dump_json())
        assert (after, after.terms) == (before, before.terms)
    assert "losses" not in plan().model_dump()


def test_masks_by_hand() -> None:
    """Maps of 1 x 2, of films of 1 x 4 pixels: cell 0 is centred on pixel 0, cell 1 on pixel 2.

    A map of log 3 and 0 has the softmax (3/4, 1/4).
    """
    masks = torch.tensor([[[[1.0, 0, 0, 0]], [[0.0, 1, 0, 0]], [[0.0, 0, 0, 0]], [[0.0, 0, 1, 0]]]])
    cells = at_cells(masks, (1, 2))[0, :, 0]
    # tents: (1, 1/2, 0, 0), of sum 3/2, and (0, 1/2, 1, 1), of sum 5/2: the last cell reaches to the film's edge
    torch.testing.assert_close(cells, torch.tensor([[2 / 3, 0], [1 / 3, 1 / 5], [0, 0], [0, 2 / 5]]))
    cam = torch.tensor([np.log(3.0), 0.0]).float().expand(1, 4, 1, 2)
    b = replace(
        batch(),
        student={"cam": cam},
        targets=torch.tensor([[1.0, 1, 1, 0]]),
        masks=masks,
        films=torch.zeros(1, 1, 1, 4),
    )
    # of label 2 there is no mask, and label 3 is absent: neither counts
    first, second = -np.log(3 / 4), -(5 / 8 * np.log(3 / 4) + 3 / 8 * np.log(1 / 4))
    assert LOSSES["masks"](b).item() == pytest.approx((first + second) / 2, rel=1e-5)
    assert LOSSES["masks"](replace(b, student={"cam": cam + 7})).item() == pytest.approx((first + second) / 2, rel=1e-5)
    untold = replace(b, targets=torch.tensor([[1.0, float("nan"), 1, 0]]))
    assert LOSSES["masks"](untold).item() == pytest.approx(first, rel=1e-5)
    nothing = replace(b, targets=torch.zeros(1, 4), student={"cam": cam.clone().requires_grad_()})
    found = LOSSES["masks"](nothing)
    found.backward()
    assert found.item() == 0


def test_masks_pull_the_peak_into_the_finding() -> None:
    torch.manual_seed(0)
    cam = torch.randn(1, 1, 6, 6).requires_grad_()
    masks = torch.zeros(1, 1, 48, 48)
    masks[:, :, 30:36, 14:20] = 1  # around pixel (32, 16), where cell (4, 2) is centred
    b = replace(batch(), student={"cam": cam}, targets=torch.ones(1, 1), masks=masks)
    for _ in range(50):
        (slope,) = torch.autograd.grad(LOSSES["masks"](b), cam)
        with torch.no_grad():
            cam -= 2 * slope
    assert divmod(int(cam.argmax()), 6) == (4, 2)


def test_only_losses_of_masks_ask_for_them() -> None:
    assert not looks_at_masks(plan().terms)
    assert looks_at_masks(plan(losses=[{"loss": "hard"}, {"loss": "masks", "weight": 0.1}]).terms)
    assert not looks_at_masks(plan(losses=[{"loss": "hard"}, {"loss": "masks", "weight": 0}]).terms)
