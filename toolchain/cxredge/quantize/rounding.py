"""INT8 weights fitted and rounded once for all targets, layer by layer, to what INT8 really feeds each layer.

Exporters round each weight to its nearest step, and each activation. On chest films neighbouring pixels are nearly
equal: the errors of a filter's taps do not average out but add up on the film's brightness, and the filter behind it,
which looks for small differences, takes a step for structure. So the float student and the INT8 one are run side by
side, and of each layer in turn the weights are fitted to what the INT8 one feeds it (``layer_fit``). The result is a
float student whose weights lie on the very grid that every exporter's own symmetric per-channel rounding (scale =
largest weight / 127) finds again, so that no exporter changes them: one rounding serves all targets.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cxredge.errors import counted, some_of
from cxredge.progress import track
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.eight_bit import Affine
from cxredge.quantize.folding import fold_batch_norm, is_identity
from cxredge.quantize.layer_fit import FilmSums, Layer, Moments, fitted, rounded, samples
from cxredge.quantize.ranges import RangeEstimator, not_finite
from cxredge.quantize.unit_graph import State, UnitGraph, batches, integer_weights
from cxredge.recipe_calibration import RangeRule
from cxredge.recipe_input import InputSpec
from cxredge.students.base import Student

FILMS = 100
"""Calibration films that layers are fitted to."""
BATCH = 8
DIVIDING = frozenset({"div", "reciprocal", "rsqrt", "sqrt", "pow", "log"})
"""Operators of a normalisation that is written out."""


@torch.no_grad()
def round_weights(
    student: Student,
    spec: InputSpec,
    calibration: CalibrationFilms,
    weights_only: bool = False,
    kept: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Student:
    """A copy with batch norms folded and the backbone's convolutions and linear layers fitted and rounded.

    calibration: ``FILMS`` of them are used, evenly spread. weights_only: activations stay in float, as in the scheme
    w8. kept: names of modules that stay in float (``units.kept_modules``). say: hears which layers were not fitted.
    Raises InputError CALIBRATION-NAN.
    """
    threads = torch.get_num_threads()
    # sums of float32, and so the weights, depend on how many threads share them
    torch.set_num_threads(1)
    try:
        made = fold_batch_norm(student, spec)
        images = calibration.images[:: max(1, len(calibration.images) // FILMS)][:FILMS]
        walk = _Walk(made, spec, images, None if weights_only else calibration.rule, frozenset(kept))
        for name, unit in track(walk.layers.items(), "rounding weights", total=len(walk.layers)):
            walk.fit(name, unit)
    finally:
        torch.set_num_threads(threads)
    if walk.unfitted:
        count = f"{len(walk.unfitted)} of {counted(len(walk.layers), 'layer')}"
        say(f"{count} keep their weights, which do better on films not fitted to: {some_of(walk.unfitted)}")
    return made


def load_rounded(student: Student, tensors: dict[str, Tensor]) -> Student:
    """The rounded copy of ``student`` from its saved tensors, which tell what was folded: no export is needed again."""
    made = copy.deepcopy(student).eval()
    for name, module in made.named_modules():
        if isinstance(module, nn.Conv2d) and module.bias is None and f"{name}.bias" in tensors:
            module.bias = nn.Parameter(torch.empty(module.out_channels), requires_grad=False)
        if isinstance(module, nn.BatchNorm2d) and is_identity(tensors, name):
            module.eps = 0.0
    made.load_state_dict(tensors)
    return made


def _plain(module: nn.Module) -> TypeGuard[Layer]:
    """Exactly ``nn.Linear``, or ``nn.Conv2d`` with zero padding: a subclass may pad inside.

    What is left out is rounded to the nearest step by every exporter, as without this file.
    """
    if type(module) is nn.Linear:
        return True
    return type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str)


def _of_divisions(graph: UnitGraph) -> frozenset[int]:
    """Activations that ``DIVIDING`` operators make or read.

    Rounded to 0 they would give NaN; and runtimes differ in which of them they round, so that a layer would be fitted
    to an error that it never meets.
    """
    beside = ((i, {a.maker, *a.readers}) for i, a in enumerate(graph.activations))
    return frozenset(
        i for i, units in beside if any(graph.units[u].operator in DIVIDING for u in units if u is not None)
    )


@dataclass(frozen=True)
class _Run:
    """A batch, in both students. films: how many of its images count."""

    float: State
    integer: State
    films: int


class _Walk:
    """The float student and the INT8 one on the same films, up to where the next layer is fitted."""

    def __init__(
        self, student: Student, spec: InputSpec, images: NDArray[np.uint8], rule: RangeRule | None, kept: frozenset[str]
    ) -> None:
        self._graph = graph = UnitGraph(student, spec, BATCH)
        self._student = student
        self._rule = rule
        stays = frozenset(i for i, unit in enumerate(graph.units) if unit.modules & kept)
        self._float_activations = graph.keeping(stays).activations | _of_divisions(graph)
        self._float = {name: tensor.clone() for name, tensor in graph.weights.items()}
        rounded = integer_weights(student).items()
        self._integer = {**self._float, **{name: w for name, w in rounded if name.rpartition(".")[0] not in kept}}
        self._runs = [_Run(graph.start(films), graph.start(films), n) for films, n in batches(images, BATCH)]
        found = [
            (name, unit) for unit in graph.order() if unit not in stays and (name := self._layer(unit)) is not None
        ]
        self._uses = Counter(name for name, _ in found)
        self.unfitted: list[str] = []
        """Layers whose weights were only rounded."""
        self.layers: dict[str, int] = {}
        """The first unit of each layer, by the layer's name, in order."""
        for name, unit in found:
            self.layers.setdefault(name, unit)

    def _layer(self, unit: int) -> str | None:
        """Name of the module that a unit is of, where its weights can be fitted."""
        weight = self._graph.weight_of(unit)
        name = "" if weight is None else weight.rpartition(".")[0]
        return name if name and _plain(self._student.get_submodule(name)) else None

    def fit(self, name: str, unit: int) -> None:
        """Come to the unit, and fit and round the weights of its layer."""
        layer = self._student.get_submodule(name)
        assert _plain(layer)
        self._advance(self._graph.first[unit])
        halves = self._moments(unit, layer)
        both, bias = halves[0] + halves[1], layer.bias
        if not (both.second.isfinite().all() and both.energy.isfinite().all()):
            raise not_finite(name)
        own = layer.weight.double().reshape(len(both.second), -1, both.second.shape[1])
        # a layer that serves in several places is not fitted: the films show the first one alone
        alone = self._uses[name] == 1
        wanted = fitted(own, halves, bias is not None) if alone else None
        if wanted is None:
            self.unfitted.append(name)
        weight = rounded(own if wanted is None else wanted, both, bias is not None)
        layer.weight.copy_(weight.reshape(layer.weight.shape))
        # nor is its bias: two layers may share a kernel, and each has its own
        if bias is not None and alone:
            bias.copy_(both.offset(weight, True).reshape(-1))
        self._integer.update({f"{name}.{key}": tensor.clone() for key, tensor in layer.state_dict().items()})

    def _moments(self, unit: int, layer: Layer) -> tuple[Moments, Moments]:
        """Of every other film."""
        halves = FilmSums(layer), FilmSums(layer)
        plain = self._graph.with_weights(self._float)
        number = 0
        for run in self._runs:
            x = self._graph.given(unit, run.integer)
            self._graph.advance(run.float, plain, self._graph.first[unit] + 1)
            y = self._graph.result(unit, run.float)
            for film in range(run.films):
                halves[number % 2].add(*samples(layer, x[film : film + 1], y[film : film + 1], number // 2))
                number += 1
        one, other = (half.moments() for half in halves)
        return one, other

    def _advance(self, stop: int) -> None:
        """Run both on; every activation of the INT8 one gets its range from these films, and is rounded."""
        plain, integer = self._graph.with_weights(self._float), self._graph.with_weights(self._integer)
        for run in self._runs:
            self._graph.advance(run.float, plain, stop)
        for place, activation in self._graph.made_until(self._runs[0].integer.position, stop):
            for run in self._runs:
                self._graph.advance(run.integer, integer, activation.step + 1)
            if self._rule is not None and place not in self._float_activations:
                self._round(place, self._rule)
        for run in self._runs:
            self._graph.advance(run.integer, integer, stop)

    def _round(self, place: int, rule: RangeRule) -> None:
        estimator = RangeEstimator()
        for run in self._runs:
            value = self._graph.made(place, run.integer)
            if value is None or not value.is_floating_point():  # nobody reads it, or it is no activation
                return
            estimator.update("", (value[: run.films] if len(value) == BATCH else value).contiguous().numpy())
        rounding = Affine.of(*estimator.range("", rule))
        if rounding is None:
            return
        for run in self._runs:
            self._graph.hand_on(place, run.integer, rounding(self._graph.made(place, run.integer)))
