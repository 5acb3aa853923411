"""What float gives back: each unit restored by itself, and an order in which to keep units in float."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.outputs import Outputs
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.eight_bit import Floats
from cxredge.quantize.greedy import Greedy, Group
from cxredge.quantize.simulated_int8 import SimulatedInt8
from cxredge.recipe_input import InputSpec

if TYPE_CHECKING:
    from cxredge.quantize.units import Unit
    from cxredge.students.base import Student

LARGEST_BLOCK = 12
"""Units of the largest module that is tried as a whole: an inverted residual with squeeze-excite has nine."""


@dataclass(frozen=True)
class Restored:
    """What comes back when one unit's roundings are left out: that of its weights, and of what it hands on."""

    unit: Unit
    logit_sqnr_db: float | None
    """Of the logits against the float student's; None when they are equal."""
    share: float
    """Share of the logits' squared error that vanishes; negative where the roundings had cancelled each other."""


@dataclass(frozen=True)
class Kept:
    """One step of the order: the units that it adds to those in float, and the logits' SQNR with all of them.

    share: of the squared error before the step, what it takes away. Both are None where the step was not measured.
    """

    units: tuple[str, ...]
    logit_sqnr_db: float | None
    share: float | None


class Simulation:
    """A student in INT8 as every target has it, played in PyTorch (see ``SimulatedInt8``).

    rounded: the student after ``round_weights`` with these films, if it is at hand. weights_only: the scheme w8.
    units: in the order of execution. Raises InputError CALIBRATION-NAN.
    """

    def __init__(
        self,
        student: Student,
        spec: InputSpec,
        calibration: CalibrationFilms,
        rounded: Student | None = None,
        weights_only: bool = False,
    ) -> None:
        from cxredge.quantize.rounding import round_weights

        rounded = rounded or round_weights(student, spec, calibration, weights_only)
        self._int8 = SimulatedInt8(student, spec, calibration, rounded, weights_only)
        self.units: tuple[Unit, ...] = self._int8.graph.units

    def run(self, images: NDArray[np.uint8], keep: frozenset[str] = frozenset()) -> Outputs:
        """The INT8 student's outputs. images: uint8[N, ch, H, W]; keep: names of units that stay in float."""
        return self._int8.run(images, self._int8.graph.keeping(self._places(keep)))

    def reference(self, images: NDArray[np.uint8]) -> Outputs:
        """The float student's outputs on uint8[N, ch, H, W]."""
        return self._int8.run(images, self._int8.everything)

    def logit_sqnr_db(self, images: NDArray[np.uint8], keep: frozenset[str] = frozenset()) -> float | None:
        """Of the logits against the float student's, on uint8[N, ch, H, W]; None when they are equal."""
        signal, error, _ = self._int8.errors(images, self._int8.graph.keeping(self._places(keep)), [])
        return _decibels(signal, error)

    def sensitivity(self, images: NDArray[np.uint8], keep: frozenset[str] = frozenset()) -> tuple[Restored, ...]:
        """Each unit restored by itself, beside those of ``keep``; in the order of ``units``.

        images: uint8[N, ch, H, W].
        The output of a unit is restored whoever reads it: so a tensor with a bad range stands with the unit that makes
        it. To keep it in float takes that unit and all its readers: see ``order``.
        """
        signal, base, errors = self._alone(images, self._int8.graph.keeping(self._places(keep)))
        return tuple(
            Restored(unit, _decibels(signal, error), (base - error) / base if base > 0 else 0.0)
            for unit, error in zip(self.units, errors, strict=True)
        )

    def order(self, images: NDArray[np.uint8], keep: frozenset[str] = frozenset()) -> Iterator[Kept]:
        """The greedy order: at each step the candidate that takes away the most error for each unit that it adds.

        A candidate is a unit, or what makes a tensor together with all that read it; and with them, what a pattern
        of ``keep_float`` that names them keeps as well (an addition is named by its block). Ends when all are kept.
        images: uint8[N, ch, H, W]; keep: units that are in float already.
        """
        int8, taken = self._int8, self._places(keep)

        def measure(taken: Group, groups: Sequence[Group]) -> list[float]:
            keeping = int8.graph.keeping
            return int8.errors(images, keeping(taken), [keeping(taken | group) for group in groups])[2]

        def look(taken: Group) -> tuple[float, list[float]]:
            return self._alone(images, int8.graph.keeping(taken))[1:]

        signal, left, _ = int8.errors(images, int8.graph.keeping(taken), [])
        for group, error in Greedy(self._candidates(), self._near, measure, look, taken, self._blocks()).steps():
            names = tuple(dict.fromkeys(self.units[place].name for place in sorted(group)))
            if error is None:
                yield Kept(names, None, None)
            else:
                yield Kept(names, _decibels(signal, error), (left - error) / left)
                left = error

    def _alone(self, images: NDArray[np.uint8], base: Floats) -> tuple[float, float, list[float]]:
        """``errors`` with each unit restored by itself."""
        makers = {a.maker: i for i, a in enumerate(self._int8.graph.activations)}
        places = range(len(self.units))
        return self._int8.errors(
            images, base, [Floats(base.weights | {i}, base.activations | {makers[i]}) for i in places]
        )

    def _places(self, names: frozenset[str]) -> Group:
        return frozenset(i for i, unit in enumerate(self.units) if unit.name in names)

    def _candidates(self) -> list[Group]:
        groups = {self._closed([place]) for place in range(len(self.units))}
        for activation in self._int8.graph.activations:
            groups.add(self._closed(i for i in (activation.maker, *activation.readers) if i is not None))
        return sorted(groups, key=sorted)

    def _blocks(self) -> list[Group]:
        """What lies around units: a chain of bad ranges, as around a squeeze-excite, comes back only as a whole."""
        groups = set()
        for name in {name.rpartition(".")[0] for unit in self.units for name in unit.modules}:
            places = [i for i, unit in enumerate(self.units) if f"{unit.name}.".startswith(f"{name}.")]
            if len(places) <= LARGEST_BLOCK:
                groups.add(self._closed(places))
        return sorted((group for group in groups if group), key=sorted)

    def _closed(self, places: Iterable[int]) -> Group:
        """What a recipe keeps that names these units: see ``units.kept_modules``."""
        names = {self.units[place].name for place in places}
        modules = {m for unit in self.units for m in unit.modules if any(f"{m}.".startswith(f"{n}.") for n in names)}
        while added := {m for unit in self.units if unit.modules & modules for m in unit.modules} - modules:
            modules |= added
        return frozenset(i for i, unit in enumerate(self.units) if unit.modules & modules)

    def _near(self, group: Group) -> Group:
        """Units that share an activation with one of ``group``."""
        shared = ({a.maker, *a.readers} for a in self._int8.graph.activations)
        return frozenset(i for places in shared if places & group for i in places if i is not None)


def _decibels(signal: float, noise: float) -> float | None:
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else None
