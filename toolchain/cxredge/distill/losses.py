"""What a student is taught: losses over all outputs of student and teacher, by the names that recipes call them.

A loss is one function that takes a ``Batch`` and its own parameters, which the recipe may set by keyword; their types
and bounds are the function's annotations. ``add_up`` makes the weighted sum of a recipe's terms.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Annotated, Any, Literal, get_type_hints

import torch
from pydantic import ConfigDict, Field, ValidationError, create_model
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from cxredge.errors import InputError, nearest
from cxredge.recipe_distillation import LossTerm
from cxredge.statistics.probabilities import Kind

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


def hard_loss(
    logits: Tensor, targets: Tensor, kind: Kind, weights: Tensor, told: Sequence[int] | None = None
) -> Tensor:
    """logits, targets float32[N, C] -> scalar: weighted binary cross-entropy, its mean over films and labels, or for
    ``single-label`` (targets one-hot) the cross-entropy, where ``weights`` float32[C] weigh the film's class.

    told: places of the labels that the films tell, at least one; of the others the targets mean nothing, and they do
    not count. None: all, as of exclusive classes.
    """
    if kind == "multi-label":
        if told is not None:
            columns = list(told)
            logits, targets, weights = logits[:, columns], targets[:, columns], weights[columns]
        return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
    return F.cross_entropy(logits, targets.argmax(1), weight=weights)


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
    """float32[N, C] of 0 and 1."""
    kind: Kind
    weights: Tensor
    """float32[C], see ``positive_weights``."""
    told: tuple[int, ...] | None = None
    """Places of the labels that the films tell: the targets of the others mean nothing. None: all."""


BatchLoss = Callable[..., Tensor]
LOSSES: dict[str, BatchLoss] = {}


def loss(name: str) -> Callable[[BatchLoss], BatchLoss]:
    """Register a function of a ``Batch`` (and keyword parameters with defaults) -> scalar, under a recipe's name."""

    def register(function: BatchLoss) -> BatchLoss:
        LOSSES[name] = function
        return function

    return register


@loss("hard")
def hard(batch: Batch) -> Tensor:
    """``hard_loss`` against the films' own targets, of the labels that the films tell; the other losses keep all."""
    return hard_loss(batch.student["logits"], batch.targets, batch.kind, batch.weights, batch.told)


@loss("soft")
def soft(batch: Batch, temperature: Annotated[float, Field(gt=0)] = 2.0) -> Tensor:
    """``soft_loss`` against the teacher's logits."""
    return soft_loss(batch.student["logits"], batch.teacher["logits"], batch.kind, temperature)


@loss("attention")
def attention(
    batch: Batch, of: Literal["features", "cam"] = "features", power: Annotated[float, Field(gt=0)] = 2.0
) -> Tensor:
    """Squared distance of the two attention maps, each of length 1; its mean over films, within 0..2.

    Zagoruyko & Komodakis, "Paying More Attention to Attention" (ICLR 2017), activation-based: a film's map is the sum
    over channels of |activation|^power, at the student's resolution. ``of`` the last features, whose channels may be
    other ones in the teacher, or of the class activation maps.
    """
    own, other = (_attention(outputs[of], power) for outputs in (batch.student, batch.teacher))
    if other.shape != own.shape:
        other = F.interpolate(other[:, None], size=own.shape[1:], mode="bilinear", antialias=True)[:, 0]
    own, other = (F.normalize(x.flatten(1), dim=1) for x in (own, other))
    return (own - other).square().sum(1).mean()


def _attention(maps: Tensor, power: float) -> Tensor:
    """float32[N, d, h, w] -> float32[N, h, w]."""
    return maps.abs().pow(power).sum(1)


def add_up(terms: Sequence[LossTerm]) -> Callable[[Batch], Tensor]:
    """The weighted sum of a recipe's terms. Raises InputError LOSS-UNKNOWN or LOSS-PARAMETER."""
    weighted = [(term.weight, _bound(term)) for term in terms]

    def total(batch: Batch) -> Tensor:
        return reduce(torch.add, (weight * function(batch) for weight, function in weighted))

    return total


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
            f"the loss {term.loss} does not take {place} = {first['input']!r}: {first['msg']}",
            "change the parameter in the recipe's distill.losses",
            nearest(place, fields),
        ) from error
    return partial(function, **{name: getattr(checked, name) for name in fields})
