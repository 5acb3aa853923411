"""A recipe's losses, tried on black films before anything is trained: what they cannot compare is refused at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from cxredge.distill.losses import Batch, add_up
from cxredge.distill.training import film_size
from cxredge.recipe import Recipe
from cxredge.recipe_distillation import Distillation

M = TypeVar("M", bound=nn.Module)


@torch.no_grad()
def rehearse(
    plan: Distillation, recipe: Recipe, answer: Callable[[M, Tensor], Mapping[str, Tensor]], student: M, teacher: M
) -> None:
    """Ask both, as ``answer`` does, for the smallest films of the training, and the losses for their sum.

    Neither model is changed, nothing random is drawn. Raises what ``add_up`` and the losses raise.
    """
    height, width = film_size((recipe.input.height, recipe.input.width), 0, plan.epochs)
    films = torch.zeros(2, recipe.input.channels, height, width)
    targets = torch.zeros(2, len(recipe.labels.names))
    targets[:, 0] = 1
    own, other = (_asked(model, answer, films) for model in (student, teacher))
    weights = torch.ones(len(recipe.labels.names))
    add_up(plan.terms)(Batch(films, own, other, targets, recipe.labels.kind, weights, recipe.labels.places_told))


def _asked(model: M, answer: Callable[[M, Tensor], Mapping[str, Tensor]], films: Tensor) -> Mapping[str, Tensor]:
    training = model.training
    model.eval()
    try:
        return answer(model, films)
    finally:
        model.train(training)
