"""A recipe's terms: its losses by name, each with its parameters and its weight."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model
from torch import Tensor

from cxredge.distill import losses, map_losses  # noqa: F401 - they register themselves
from cxredge.distill.loss_batch import LOSSES, MASKED, Batch
from cxredge.errors import InputError, nearest
from cxredge.recipe_distillation import LossTerm
from cxredge.recipe_words import words_of


def looks_at_masks(terms: Sequence[LossTerm]) -> bool:
    """Whether one of a recipe's losses looks at masks; one of weight 0 is left out."""
    return any(term.weight and term.loss in MASKED for term in terms)


def weighted(terms: Sequence[LossTerm]) -> Callable[[Batch], dict[str, Tensor]]:
    """A recipe's terms, each times its weight, by name: what is minimised is their sum.

    A loss that stands there again has its number behind its name; one of weight 0 is left out. Raises InputError
    LOSS-UNKNOWN or LOSS-PARAMETER.
    """
    seen: Counter[str] = Counter()
    bound: dict[str, tuple[float, Callable[[Batch], Tensor]]] = {}
    for term in terms:
        seen[term.loss] += 1
        again = f" {seen[term.loss]}" if seen[term.loss] > 1 else ""
        bound[f"{term.loss}{again}"] = (term.weight, _bound(term))
    counted = {name: (weight, function) for name, (weight, function) in bound.items() if weight}
    return lambda batch: {name: weight * function(batch) for name, (weight, function) in counted.items()}


def _bound(term: LossTerm) -> Callable[[Batch], Tensor]:
    """The term's function with its parameters, held against the function's annotations."""
    function = LOSSES.get(term.loss)
    if function is None:
        raise InputError(
            "LOSS-UNKNOWN", f"there is no distillation loss {term.loss!r}", "choose one", nearest(term.loss, LOSSES)
        )
    hints = get_type_hints(function, include_extras=True)
    _, *own = inspect.signature(function).parameters.values()
    fields: dict[str, Any] = {p.name: (hints[p.name], p.default) for p in own}
    try:
        checked = create_model(term.loss, __config__=ConfigDict(extra="forbid", strict=True), **fields)(
            **term.parameters
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            "LOSS-PARAMETER",
            f"the loss {term.loss} does not take {place} = {first['input']!r}: it {words_of(first)}",
            "change the parameter in the recipe's distill.losses",
            nearest(place, fields),
        ) from error
    return partial(function, **{name: getattr(checked, name) for name in fields})
