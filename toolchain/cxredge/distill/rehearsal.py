"""A recipe's losses, tried on black films before anything is trained: what they cannot compare is refused at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from cxredge.distill.loss_batch import Batch
from cxredge.distill.loss_terms import looks_at_masks, weighted
from cxredge.distill.views import film_size
from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.recipe_distillation import Distillation

M = TypeVar("M", bound=nn.Module)


class _Noted(dict[str, Tensor]):
    """A teacher's answers, which note what was asked for."""

    def __init__(self, outputs: Mapping[str, Tensor]) -> None:
        super().__init__(outputs)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.read.add(name)
        return super().__getitem__(name)


def rehearse(
    plan: Distillation,
    recipe: Recipe,
    answer: Callable[[M, Tensor], Mapping[str, Tensor]],
    student: M,
    teacher: M,
    one_size: bool = False,
) -> tuple[str, ...]:
    """Ask both, as ``answer`` does, for the smallest films of the training, and the losses for their terms.

    Returns the names of the teacher's outputs that the losses read. Neither model is changed, nothing random is drawn.
    one_size: the films of the training are of one size. Raises what ``weighted`` and the losses raise, and InputError
    LOSS-REACH: a part of the student that no loss depends on would stay random.
    """
    full = (recipe.input.height, recipe.input.width)
    height, width = full if one_size else film_size(full, 0, plan.epochs)
    films = torch.zeros(2, recipe.input.channels, height, width)
    targets = torch.zeros(2, len(recipe.labels.names))
    targets[:, 0] = 1
    with torch.no_grad():
        other = _Noted(_asked(teacher, answer, films))
    own = _asked(student, answer, films)
    weights = torch.ones(len(recipe.labels.names))
    masks = None
    if looks_at_masks(plan.terms):
        masks = torch.zeros(2, len(recipe.labels.names), height, width)
        masks[:, 0, 0, 0] = 1
    batch = Batch(films, own, other, targets, recipe.labels.kind, weights, recipe.labels.places_told, masks)
    _check_reach(student, sum(weighted(plan.terms)(batch).values(), start=torch.zeros(())))
    return tuple(sorted(other.read))


def _check_reach(student: nn.Module, total: Tensor) -> None:
    named = dict(student.named_parameters())
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True) if total.requires_grad else ()
    left = [name for name, slope in zip(named, found, strict=True) if slope is None] if found else list(named)
    if left:
        parts = sorted({name.partition(".")[0] for name in left})
        raise InputError(
            "LOSS-REACH",
            f"no loss in distill.losses depends on the student's {', '.join(parts)}, which would stay random",
            "add a loss of the logits, as hard and soft are, or raise its weight above 0",
        )


def _asked(model: M, answer: Callable[[M, Tensor], Mapping[str, Tensor]], films: Tensor) -> Mapping[str, Tensor]:
    training = model.training
    model.eval()
    try:
        return answer(model, films)
    finally:
        model.train(training)
