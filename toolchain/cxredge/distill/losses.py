"""What a student is taught: losses over all outputs of student and teacher, by the names that recipes call them.

A loss is one function that takes a ``Batch`` and its own parameters, which the recipe may set by keyword; their types
and bounds are the function's annotations. ``weighted`` gives a recipe's terms.
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, get_type_hints

import torch
from pydantic import ConfigDict, Field, ValidationError, create_model
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from cxredge.distill.correlation import correlation
from cxredge.distill.mask_loss import mask_loss
from cxredge.errors import InputError, nearest
from cxredge.recipe_distillation import LossTerm
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
    other ones in the teacher, or of the class activation maps. Raises InputError LOSS-MAPS: maps of one cell.
    """
    own, other = _both(batch, of)
    return attention_distance(own, other, power)


def attention_distance(own: Tensor, other: Tensor, power: float = 2.0) -> Tensor:
    """own float32[N, d, h, w], other float32[N, e, k, l] -> scalar: see ``attention``."""
    own, other = (_attention(maps, power) for maps in (own, other))
    _check_cells("attention", _common(own, other))
    if other.shape != own.shape:
        other = F.interpolate(other[:, None], size=own.shape[1:], mode="bilinear", antialias=True)[:, 0]
    own, other = (F.normalize(x.flatten(1), dim=1) for x in (own, other))
    return (own - other).square().sum(1).mean()


def _attention(maps: Tensor, power: float) -> Tensor:
    """float32[N, d, h, w] -> float32[N, h, w]."""
    return maps.abs().pow(power).sum(1)


@loss("cam")
def cam(batch: Batch) -> Tensor:
    """Where student and teacher look for each label: p (1 - r), its mean over films and labels, within 0..2.

    After Zhang et al., "Knowledge Distillation from Single to Multi Labels: an Empirical Study" (arXiv 2303.08360),
    who distil class activation maps; of each map only its form counts here. r is the mean over cells of the product of
    both maps, each standardised over its cells (mean 0, variance 1), hence their correlation, and p the teacher's
    sigmoid (softmax of exclusive classes) at temperature 1: a finding that the teacher does not see has no place. The
    larger map is brought to the size of the smaller. A map that is the same everywhere has no form, and counts 0.
    Raises InputError LOSS-MAPS: maps of one cell.
    """
    own, other = _both(batch, "cam")
    size = _common(own, other)
    _check_cells("cam", size)
    own, other = (
        maps if list(maps.shape[2:]) == size else F.interpolate(maps, size=size, mode="bilinear", antialias=True)
        for maps in (own, other)
    )
    seen = _chances(batch.teacher["logits"], batch.kind)
    return (seen * (1 - correlation(own.flatten(2), other.flatten(2)))).mean()


@loss("masks", masks=True)
def masks(batch: Batch) -> Tensor:
    """``mask_loss`` of the student's maps, of findings that the films tell, have, and have masks of.

    Raises InputError LOSS-OUTPUT (no maps) or LOSS-MAPS (maps of one cell).
    """
    own = _output(batch.student, "cam", "student")
    _check_cells("masks", own.shape[2:])
    assert batch.masks is not None, "asked for by its registration"
    return mask_loss(own, batch.masks, batch.targets > 0.5)


@loss("dist")
def dist(batch: Batch, temperature: Annotated[float, Field(gt=0)] = 1.0) -> Tensor:
    """1 - Pearson correlation, across the batch, of both answers to a label; its mean over labels, within 0..2.

    Huang et al., "Knowledge Distillation from A Stronger Teacher" (NeurIPS 2022, arXiv 2205.10536): the intra-class
    relation, (1 / C) sum over j of 1 - r(Y_s[:, j], Y_t[:, j]). Y are sigmoids of the logits over T here, for exclusive
    classes their softmax as in the paper. It asks that the label ranks films as the teacher does, not that it says the
    same: another loss has to. In a batch of one, and where either says the same of all films, a label counts 0.
    """
    own, other = (_chances(outputs["logits"] / temperature, batch.kind) for outputs in (batch.student, batch.teacher))
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


def _common(own: Tensor, other: Tensor) -> list[int]:
    """Rows and columns that both maps have."""
    return [min(a, b) for a, b in zip(own.shape[-2:], other.shape[-2:], strict=True)]


def _check_cells(name: str, size: Sequence[int]) -> None:
    """Raises InputError LOSS-MAPS: a map of one cell."""
    if math.prod(size) < 2:
        raise InputError(
            "LOSS-MAPS",
            f"the loss {name} compares where maps are high and low, and the smaller of the two has one cell",
            "take larger films (a cell is 32 pixels wide in most backbones), or leave the loss out",
        )


def _chances(logits: Tensor, kind: Kind) -> Tensor:
    return torch.sigmoid(logits) if kind == "multi-label" else torch.softmax(logits, 1)


def _both(batch: Batch, name: str) -> tuple[Tensor, Tensor]:
    """An output of student and teacher. Raises InputError LOSS-OUTPUT: one of the two does not give it."""
    return _output(batch.student, name, "student"), _output(batch.teacher, name, "teacher")


def _output(outputs: Mapping[str, Tensor], name: str, who: str) -> Tensor:
    if name not in outputs:
        raise InputError(
            "LOSS-OUTPUT",
            f"a loss in distill.losses compares {name}, which the {who} does not give",
            "leave the loss out, or take another backbone; of losses of maps some can compare other outputs",
            sorted(outputs),
        )
    return outputs[name]


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
            f"the loss {term.loss} does not take {place} = {first['input']!r}: {first['msg']}",
            "change the parameter in the recipe's distill.losses",
            nearest(place, fields),
        ) from error
    return partial(function, **{name: getattr(checked, name) for name in fields})
