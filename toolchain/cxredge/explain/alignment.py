"""Which of an artifact's tensors is which unit's output, and how far it is from the float student's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.explain.records import UnitError
from cxredge.progress import track
from cxredge.recipe_input import InputSpec
from cxredge.targets.base import Target
from cxredge.targets.lowering import Lowering
from cxredge.targets.tracer import Origin, Traced, Tracer

if TYPE_CHECKING:
    from torch import Tensor

    from cxredge.quantize.units import Unit
    from cxredge.students.base import Student

Values = NDArray[np.float32]
Picture = NDArray[np.uint8] | NDArray[np.float32]

MATCH_DB = 30.0
"""Least SQNR of a float twin's tensor against the unit's output. The right one has 100 dB and more, or 40 where a twin
has rounded weights that its student has not; a wrong one of the same shape has hardly ever 10."""
EQUAL_DB = 1.0
"""Tensors as near as that are equal: a copy, or what a clipping leaves where there is nothing to clip."""
LOUD = 4096.0
"""Largest value of the noise, whose grey levels a film has up to 255."""
HALF_MAX = 65504.0
"""Largest finite float16."""


def trace_units(
    target: Target, path: Path, origin: Origin, student: Student, images: NDArray[np.uint8]
) -> tuple[str, tuple[UnitError, ...]]:
    """What the tensors were read from, in words, and every unit's error, in the order of execution.

    path: the artifact, hash-checked. student: the float32 reference. images: uint8[N, ch, H, W], N >= 1.
    Raises what ``Target.lower`` raises, or InputError TARGET-LOAD.
    """
    spec = origin.recipe.input
    tracer = target.tracer(path, origin)
    outputs = UnitOutputs(student, spec)
    names = align(target, tracer, origin, images[0])
    errors = [UnitError(unit=u.name, operator=u.operator, tensor=n) for u, n in zip(outputs.units, names, strict=True)]
    for image in track(images, "tracing"):
        found = _by_name(tracer, image, {name for name in names if name is not None})
        for place, expected in outputs.of(image):
            name = errors[place].tensor
            if name is not None:
                errors[place] = _added(errors[place], expected, found[name], target.layout)
    return tracer.source, tuple(errors)


class UnitOutputs:
    """What each unit of an eager student hands on. units: in the order of execution."""

    def __init__(self, student: Student, spec: InputSpec) -> None:
        from cxredge.quantize.unit_graph import UnitGraph

        self._graph = UnitGraph(student, spec, 1)
        self.units: tuple[Unit, ...] = self._graph.units

    def of(self, image: Picture) -> Iterator[tuple[int, Values]]:
        """Each unit's place, and its output as float32. image: [ch, H, W]."""
        import torch

        from cxredge.quantize.unit_graph import Change

        found: list[tuple[int, Values]] = []

        def note(place: int, value: Tensor) -> Tensor:
            maker = self._graph.activations[place].maker
            if maker is not None:
                found.append((maker, value.float().numpy().copy()))
            return value

        state = self._graph.start(torch.from_numpy(_student_input(image)))
        self._graph.advance(state, Change(lambda _: self._graph.weights, note))
        return iter(found)


def align(target: Target, tracer: Tracer, origin: Origin, film: NDArray[np.uint8]) -> list[str | None]:
    """For each unit the name of the artifact's tensor that holds its output; None where it has none.

    Names are found by values: in a float32 twin of the artifact, whose tensors have the same names, and values that
    no broken layer spoils. film: uint8[ch, H, W]. Loud noise is the second image: it reaches the ends of every
    clipping, which on a film may have nothing to clip.
    """
    noise = np.random.default_rng(0).uniform(-LOUD, LOUD, film.shape).astype(np.float32)
    there = {traced.name for traced in tracer.trace(_student_input(film))}
    outputs = UnitOutputs(origin.student, origin.recipe.input)
    with tempfile.TemporaryDirectory(prefix="cxredge-twin-") as work:
        twin = target.float_tracer(origin) or _float_twin(target, origin, Path(work))
        first, second = (_fits(outputs, twin, there, image, target.layout) for image in (film, noise))
    return [
        _best({name: min(db, b.get(name, 0.0)) for name, db in a.items()}) for a, b in zip(first, second, strict=True)
    ]


def _float_twin(target: Target, origin: Origin, work: Path) -> Tracer:
    """Lower the artifact's source in float32, and trace that."""
    lowering = Lowering(origin.student, origin.recipe, None, work)
    twin = target.lower(lowering, "fp32", work)
    return target.tracer(work / twin.file, replace(origin, scheme="fp32", calibration=None))


def _fits(outputs: UnitOutputs, twin: Tracer, there: set[str], image: Picture, layout: str) -> list[dict[str, float]]:
    """For each unit, how well each of the twin's tensors fits its output, in dB."""
    by_shape: dict[tuple[int, ...], list[Traced]] = {}
    for traced in twin.trace(_student_input(image)):
        if traced.name in there:
            by_shape.setdefault(_sides(traced.values), []).append(traced)
    fits: list[dict[str, float]] = [{} for _ in outputs.units]
    for place, expected in outputs.of(image):
        near = by_shape.get(_sides(expected), ())
        fits[place] = {t.name: _fit_db(expected, t.values, layout) for t in near}
    return fits


def _best(fits: dict[str, float]) -> str | None:
    best = max(fits.values(), default=0.0)
    if best < MATCH_DB:
        return None
    # of equal ones the last, because the file may have quantised behind it
    return [name for name, db in fits.items() if db >= best - EQUAL_DB][-1]


def _student_input(image: Picture) -> Values:
    return np.ascontiguousarray(image[None], np.float32)


def _by_name(tracer: Tracer, image: Picture, wanted: set[str]) -> dict[str, Traced]:
    return {traced.name: traced for traced in tracer.trace(_student_input(image)) if traced.name in wanted}


def _sides(values: Values) -> tuple[int, ...]:
    """What a change of axes leaves of a shape."""
    return tuple(sorted(side for side in values.shape if side != 1))


def _arranged(values: Values, shape: tuple[int, ...], layout: str) -> Iterator[Values]:
    """``values`` in the axes of the student, where they can be: as they stand, or from channels last."""
    if values.size == np.prod(shape, dtype=int) and [s for s in values.shape if s != 1] == [s for s in shape if s != 1]:
        yield values.reshape(shape)
    if layout == "NHWC" and values.ndim == 4 and len(shape) == 4:
        turned = values.transpose(0, 3, 1, 2)
        if turned.shape == shape:
            yield turned


def _fit_db(expected: Values, values: Values, layout: str) -> float:
    """SQNR in the arrangement that fits best; at most 200, and 0 where none fits."""
    signal = float(np.square(expected, dtype=np.float64).sum())
    best = 0.0
    for arranged in _arranged(values, expected.shape, layout):
        noise = float(np.square(arranged - expected, dtype=np.float64).sum())
        if np.isfinite(noise) and signal > 0:
            best = max(best, 10 * np.log10(signal / max(noise, signal * 1e-20)))
    return best


def _added(error: UnitError, expected: Values, traced: Traced, layout: str) -> UnitError:
    bad = error.bad or _bad(expected, traced)
    if bad is not None:
        return error.model_copy(update={"bad": bad})
    noise = min(
        float(np.square(arranged - expected, dtype=np.float64).sum())
        for arranged in _arranged(traced.values, expected.shape, layout)
    )
    signal = float(np.square(expected, dtype=np.float64).sum())
    return error.model_copy(update={"signal": error.signal + signal, "noise": error.noise + noise})


def _bad(expected: Values, traced: Traced) -> str | None:
    largest = float(np.abs(expected).max())
    if traced.half and largest > HALF_MAX:
        return f"float16 overflow: the student has values up to {largest:.3g}, and float16 ends at {HALF_MAX:.0f}"
    if np.isnan(traced.values).any():
        return "NaN"
    return None if np.isfinite(traced.values).all() else "infinity"
