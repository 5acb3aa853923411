"""Static INT8 played in PyTorch: every rounding that the runtimes make, each of which can be left out.

Runtimes differ in their kernels and agree in where they round: weights per output channel, and every activation that
one unit hands to another per tensor. That is what is played here, with the ranges and the rounded weights that the
targets use. It tells what one rounding costs, which no artifact does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.outputs import Outputs
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.eight_bit import Affine, Floats
from cxredge.quantize.ranges import RangeEstimator
from cxredge.recipe_input import InputSpec

if TYPE_CHECKING:
    from torch import Tensor

    from cxredge.quantize.unit_graph import Change, UnitGraph
    from cxredge.students.base import Student

BATCH = 8
"""Films at a time: a larger batch is no faster on one core."""


class SimulatedInt8:
    """One student in static INT8, with ranges from the calibration films. It runs in one thread.

    rounded: the student after ``round_weights`` with these films. weights_only: activations stay in float, as in the
    scheme w8. Raises InputError CALIBRATION-NAN.
    """

    def __init__(
        self, student: Student, spec: InputSpec, calibration: CalibrationFilms, rounded: Student, weights_only: bool
    ) -> None:
        import torch

        from cxredge.quantize.folding import fold_batch_norm
        from cxredge.quantize.unit_graph import UnitGraph, integer_weights

        torch.set_num_threads(1)
        self.graph: UnitGraph = UnitGraph(rounded, spec, BATCH)
        self._float = {**self.graph.weights, **fold_batch_norm(student, spec).state_dict()}
        self._integer = {**self.graph.weights, **integer_weights(rounded)}
        self._roundings: list[Affine | None] = [None] * len(self.graph.activations)
        if not weights_only:
            self._roundings = self._calibrate(calibration)

    def _calibrate(self, calibration: CalibrationFilms) -> list[Affine | None]:
        """One for each activation; None for what is no float."""
        from cxredge.quantize.unit_graph import Change, batches

        estimator, kept = RangeEstimator(), 0

        def watch(place: int, value: Tensor) -> Tensor:
            if value.is_floating_point():
                films = value[:kept] if len(value) == self.graph.batch else value
                estimator.update(str(place), films.contiguous().numpy())
            return value

        for images, kept in batches(calibration.images, BATCH):  # noqa: B007 - watch reads kept
            self.graph.advance(self.graph.start(images), Change(lambda _: self._integer, watch))
        seen = set(estimator.names())
        return [
            Affine.of(*estimator.range(str(i), calibration.rule)) if str(i) in seen else None
            for i in range(len(self.graph.activations))
        ]

    @property
    def everything(self) -> Floats:
        """The float student."""
        return Floats(frozenset(range(len(self.graph.units))), frozenset(range(len(self.graph.activations))))

    def run(self, images: NDArray[np.uint8], floats: Floats) -> Outputs:
        """Outputs on uint8[N, ch, H, W]."""
        found: dict[str, list[NDArray[np.float32]]] = {}
        from cxredge.quantize.unit_graph import batches

        for batch, kept in batches(images, BATCH):
            for name, value in self._outputs(batch, floats).items():
                found.setdefault(name, []).append(value[:kept].numpy())
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def errors(
        self, images: NDArray[np.uint8], base: Floats, variants: Sequence[Floats]
    ) -> tuple[float, float, list[float]]:
        """Squared logits summed over the films: the float student's, the error of ``base``, the errors of ``variants``.

        images: uint8[N, ch, H, W]. Variants share one run of ``base`` up to where they begin to differ from it.
        """
        order = sorted(range(len(variants)), key=lambda i: self._start(variants[i], base))
        signal, error, found = 0.0, 0.0, [0.0] * len(variants)
        from cxredge.quantize.unit_graph import batches

        for batch, kept in batches(images, BATCH):
            reference = self._outputs(batch, self.everything)["logits"][:kept]
            state, change = self.graph.start(batch), self._change(base)
            for i in order:
                self.graph.advance(state, change, self._start(variants[i], base))
                branch = state.copy()
                self.graph.advance(branch, self._change(variants[i]))
                found[i] += _squares(self.graph.outputs(branch)["logits"][:kept] - reference)
            self.graph.advance(state, change)
            signal += _squares(reference)
            error += _squares(self.graph.outputs(state)["logits"][:kept] - reference)
        return signal, error, found

    def _start(self, variant: Floats, base: Floats) -> int:
        """The first step at which the two differ."""
        steps = [self.graph.first[unit] for unit in variant.weights ^ base.weights]
        steps += [self.graph.activations[i].step for i in variant.activations ^ base.activations]
        return min(steps, default=0)

    def _change(self, floats: Floats) -> Change:
        from cxredge.quantize.unit_graph import Change

        def activation(place: int, value: Tensor) -> Tensor:
            rounding = self._roundings[place]
            return value if rounding is None or place in floats.activations else rounding(value)

        return Change(lambda unit: self._float if unit is None or unit in floats.weights else self._integer, activation)

    def _outputs(self, batch: Tensor, floats: Floats) -> dict[str, Tensor]:
        state = self.graph.start(batch)
        self.graph.advance(state, self._change(floats))
        return self.graph.outputs(state)


def _squares(x: Tensor) -> float:
    return float(x.double().square().sum())
