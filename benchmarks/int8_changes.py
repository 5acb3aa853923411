"""Ways of choosing INT8 weights that were tried beside the product's and are not part of it (``int8_variants.py``)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.eight_bit import LEVELS, Affine, row_steps
from cxredge.quantize.folding import fold_batch_norm
from cxredge.quantize.rounding import round_weights
from cxredge.quantize.simulated_int8 import SimulatedInt8
from cxredge.quantize.unit_graph import UnitGraph, batches, integer_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cxredge.recipe import Recipe
    from cxredge.students.base import Student

    Outputs = dict[str, Tensor]

CLIP = 6.0
"""Where ReLU6 ends."""
STEPS = 100
LONG = 200
TEMPERATURE = 2.0
RATE = 0.02
"""Of training: weights move by so many of their steps at a time (Adam)."""


def dithered(student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool) -> Student:
    """Stem channels that are always 0 repeat the ones whose rounding costs most, half a step higher.

    The two are rounded differently, and the layer behind them takes the mean.
    """
    changed = fold_batch_norm(student, recipe.input)
    stem, filters, mixing = _front(changed)
    with torch.no_grad():
        dead = (_stem_outputs(changed, calibration).amax((0, 2, 3)) <= 0).nonzero().flatten().tolist()
        weighed = filters.weight.flatten(1).norm(dim=1) * mixing.weight.flatten(1).norm(dim=0)
        weighed[dead] = 0
        worst = weighed.argsort(descending=True).tolist()
        for to, source in zip(dead, worst, strict=False):
            half = CLIP / 255 / 2
            stem.weight[to] = stem.weight[source]
            _bias(stem)[to] = _bias(stem)[source] + half
            filters.weight[to] = filters.weight[source]
            _bias(filters)[to] = _bias(filters)[source] - half * filters.weight[source].sum()
            mixing.weight[:, source] /= 2
            mixing.weight[:, to] = mixing.weight[:, source]
    return round_weights(changed, recipe.input, calibration, weights_only)


def absorbed(student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool) -> Student:
    """Stem channels that never come near 0 begin there, and use the whole range up to the clip.

    Exact but at the border, where the padding behind the stem then stands for each channel's least value.
    """
    changed = fold_batch_norm(student, recipe.input)
    stem, filters, _ = _front(changed)
    with torch.no_grad():
        least = _stem_outputs(changed, calibration).amin((0, 2, 3)).clamp(0, 0.75 * CLIP)
        scale = CLIP / (CLIP - least)
        stem.weight *= scale[:, None, None, None]
        _bias(stem).sub_(least).mul_(scale)
        _bias(filters).add_(least * filters.weight.sum((1, 2, 3)))
        filters.weight /= scale[:, None, None, None]
    return round_weights(changed, recipe.input, calibration, weights_only)


def trained(student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool) -> Student:
    """From the product's weights on, ``STEPS`` steps towards the float student's own answers, without labels."""

    def loss(answers: Outputs, wanted: Outputs, _: Tensor) -> Tensor:
        return torch.stack([_relative(answers, wanted, name) for name in ("logits", "cam") if name in wanted]).sum()

    return _trained(student, recipe, calibration, weights_only, (calibration.images, None), STEPS, loss)


def distilled(student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool) -> Student:
    """Distilled while it is quantised: ``LONG`` steps on the films that the student learnt from, without labels.

    The float student teaches: its softened answers (Zhao & Zhao, "Self-Supervised Quantization-Aware Knowledge
    Distillation", AISTATS 2024) and its maps.
    """
    return _distilled(student, recipe, calibration, weights_only, labels=0.0)


def distilled_with_labels(
    student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool
) -> Student:
    """As ``distilled``; half of the answers' loss is the films' own labels."""
    return _distilled(student, recipe, calibration, weights_only, labels=0.5)


def _distilled(
    student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool, labels: float
) -> Student:
    from cxredge.data.data_sets import open_data
    from cxredge.distill.losses import hard_loss, positive_weights, soft_loss
    from cxredge.distill.splits import read_films
    from cxredge.stages import cache_folder

    assert recipe.data is not None
    films = read_films(recipe, "train", open_data(recipe.data, recipe.labels, cache_folder()).films("train"))
    kind, weights = recipe.labels.kind, positive_weights(films.targets)

    def loss(answers: Outputs, wanted: Outputs, targets: Tensor) -> Tensor:
        whole = (1 - labels) * soft_loss(answers["logits"], wanted["logits"], kind, TEMPERATURE)
        if labels:
            whole = whole + labels * hard_loss(answers["logits"], targets, kind, weights)
        return whole + _relative(answers, wanted, "cam") if "cam" in wanted else whole

    images = films.images.numpy()
    return _trained(student, recipe, calibration, weights_only, (images, films.targets), LONG, loss)


def _relative(answers: Outputs, wanted: Outputs, name: str) -> Tensor:
    return (answers[name] - wanted[name]).square().sum() / wanted[name].square().sum()


def _trained(
    student: Student,
    recipe: Recipe,
    calibration: CalibrationFilms,
    weights_only: bool,
    films: tuple[NDArray[np.uint8], Tensor | None],
    count: int,
    loss: Callable[[Outputs, Outputs, Tensor], Tensor],
) -> Student:
    """The product's weights, ``count`` steps of Adam further on ``films``: images uint8[N, ch, H, W], targets.

    Roundings pass gradients on as if they were not there. A row's largest weight keeps its place, as exporters read the
    row's step from it. loss: of the played INT8 student's outputs, the float student's, and the films' targets.
    """
    made = round_weights(student, recipe.input, calibration, weights_only)
    played = SimulatedInt8(student, recipe.input, calibration, made, weights_only)
    graph: UnitGraph = played.graph
    whole = {name: w for name, w in integer_weights(made).items() if name in graph.weights}
    steps = {name: row_steps(w.reshape(len(w), -1)) for name, w in whole.items()}
    places = {name: (w.reshape(len(w), -1) / steps[name]).requires_grad_() for name, w in whole.items()}
    fixed = {name: p.abs() >= LEVELS - 0.5 for name, p in places.items()}
    optimizer = torch.optim.Adam(places.values(), lr=RATE)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, count)
    roundings = played._roundings
    images, targets = films

    def integer(name: str) -> Tensor:
        place = torch.where(fixed[name], places[name].detach(), places[name].clamp(1 - LEVELS, LEVELS - 1))
        return ((place + (place.round() - place).detach()) * steps[name]).reshape(whole[name].shape)

    def activation(place: int, value: Tensor) -> Tensor:
        rounding: Affine | None = roundings[place]
        return value if rounding is None else _straight(rounding, value)

    for step in range(count):
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(step))[: graph.batch]
        ((batch, _),) = batches(images[order.numpy()], graph.batch)
        wanted = played._outputs(batch, played.everything)
        change = replace(
            graph.with_weights({**graph.weights, **{name: integer(name) for name in whole}}), activation=activation
        )
        state = graph.start(batch)
        inspect.unwrap(UnitGraph.advance)(graph, state, change)  # the decorator turns gradients off
        whole_loss = loss(graph.outputs(state), wanted, torch.zeros(0) if targets is None else targets[order])
        optimizer.zero_grad()
        whole_loss.backward()
        optimizer.step()
        slower.step()
    with torch.no_grad():
        for name in whole:
            made.get_parameter(name).copy_(integer(name))
    return made


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _straight(rounding: Affine, value: Tensor) -> Tensor:
    inside = value.clamp(-rounding.zero * rounding.step, (255 - rounding.zero) * rounding.step)
    return inside + (rounding(value.detach()) - inside).detach()


def _front(student: Student) -> tuple[nn.Conv2d, nn.Conv2d, nn.Conv2d]:
    """The stem, the filter of each channel behind it, and what mixes them, of an EfficientNet-Lite."""
    names = ("conv_stem", "blocks.0.0.conv_dw", "blocks.0.0.conv_pw")
    return tuple(student.get_submodule(f"backbone.net.{name}") for name in names)  # type: ignore[return-value]


def _stem_outputs(student: Student, calibration: CalibrationFilms) -> Tensor:
    """Of every eighth film."""
    found: list[Tensor] = []
    stem = student.get_submodule("backbone.net.bn1")
    hook = stem.register_forward_hook(lambda _module, _given, made: found.append(made.detach().clamp(0, CLIP)))
    with torch.no_grad():
        for films, _ in batches(calibration.images[::8], 4):
            student(films)
    hook.remove()
    return torch.cat(found)
