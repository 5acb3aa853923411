"""What each way of choosing INT8 weights gives: error of logits and maps, flips, and seconds, in simulated INT8.

    python benchmarks/int8_variants.py model_zoo/cxr14-lite0 [the first words of a way...]

On the recipe's evaluation films, with ranges from its calibration films. Seconds are CPU seconds of choosing the
weights, as ratios to the product's way.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cxredge.quantize.calibration import CalibrationFilms
    from cxredge.recipe import Recipe
    from cxredge.students.base import Student

Way = Callable[["Student", "Recipe", "CalibrationFilms", bool], "Student"]


def product(student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool) -> Student:
    from cxredge.quantize.rounding import round_weights

    return round_weights(student, recipe.input, calibration, weights_only)


def nearest(student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool) -> Student:
    """As exporters do by themselves: the simulation rounds what is on no grid."""
    from cxredge.quantize.folding import fold_batch_norm

    return fold_batch_norm(student, recipe.input)


def other(name: str) -> Way:
    """A function of ``int8_changes``, which imports PyTorch."""

    def way(student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool) -> Student:
        import int8_changes

        made: Student = getattr(int8_changes, name)(student, recipe, calibration, weights_only)
        return made

    return way


def changed(**values: Any) -> Way:
    """The product's way with other constants of ``layer_fit`` and ``rounding``."""

    def way(student: Student, recipe: Recipe, calibration: CalibrationFilms, weights_only: bool) -> Student:
        with _set(**values):
            return product(student, recipe, calibration, weights_only)

    return way


@contextmanager
def _set(**values: Any) -> Iterator[None]:
    from cxredge.quantize import layer_fit, rounding

    old = []
    for name, value in values.items():
        for module in (layer_fit, rounding):
            if hasattr(module, name):
                old.append((module, name, getattr(module, name)))
                setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in old:
            setattr(module, name, value)


def _always(weight: Any, halves: Any, bias: bool) -> Any:
    from cxredge.quantize.layer_fit import ridge

    return ridge(weight, halves[0] + halves[1], bias)


WAYS: dict[str, Way] = {
    "as built": product,
    "nearest step": nearest,
    "rounded, not fitted": changed(fitted=lambda *_: None),
    "fitted, whatever other films say": changed(fitted=_always),
    "a fifth of the ridge": changed(RIDGE=5.0),
    "four times the ridge": changed(RIDGE=100.0),
    "32 films": changed(FILMS=32),
    "1024 places a film": changed(PATCHES=1024),
    "ranges of least squared error": product,
    "ranges without a cut": product,
    "ranges of all but a ten-thousandth": product,
    "ranges of all but a hundred-thousandth": product,
    "dead stem channels as copies": other("dithered"),
    "what channels never fall below, moved": other("absorbed"),
    "trained on from there": other("trained"),
    "distilled while quantised": other("distilled"),
    "distilled while quantised, with labels": other("distilled_with_labels"),
}
RULES: dict[str, dict[str, str | float]] = {
    "ranges of least squared error": {"rule": "mse"},
    "ranges without a cut": {"rule": "min-max"},
    "ranges of all but a ten-thousandth": {"rule": "percentile", "percentile": 99.99},
    "ranges of all but a hundred-thousandth": {"rule": "percentile", "percentile": 99.999},
}
"""Of ways that are the product's but for the recipe's rule of ranges."""


def main() -> None:
    from pydantic import TypeAdapter

    from cxredge.data.data_sets import open_data
    from cxredge.images.preprocess import preprocess_films
    from cxredge.parity.decisions import rule_of
    from cxredge.parity.numerics import sqnr_db
    from cxredge.quantize.calibration import CalibrationFilms, choose_films
    from cxredge.quantize.sensitivity import Simulation
    from cxredge.recipe import recipe_path, weights_file
    from cxredge.recipe_calibration import RangeRule
    from cxredge.recipe_file import load_recipe
    from cxredge.stages import cache_folder
    from cxredge.students import build_student

    place = Path(sys.argv[1])
    recipe = load_recipe(place)
    student = build_student(recipe, weights_file(recipe, recipe_path(place)))
    data = open_data(recipe.data, recipe.labels, cache_folder())
    chosen, judged = (
        preprocess_films([film.source for film in part], recipe.input, "films")
        for part in (choose_films(data, recipe), data.films(recipe.evaluation.split)[: recipe.evaluation.count])
    )
    ways = {name: way for name, way in WAYS.items() if name.startswith(tuple(sys.argv[2:]) or "")}
    rule = rule_of(recipe.labels.names, recipe.decision)
    print(f"{recipe.name}: {len(judged)} films of {recipe.evaluation.split}, {len(chosen)} calibration films")
    print(f"{'weights':38} {'w8a8 dB':>8} {'maps dB':>8} {'flips':>14} {'w8 dB':>8} {'flips':>6} {'seconds':>8}")
    whole = 0.0
    for name, way in ways.items():
        ranges = RULES.get(name, recipe.calibration.rule)
        calibration = CalibrationFilms(chosen, TypeAdapter[RangeRule](RangeRule).validate_python(ranges))
        cells, seconds = [], 0.0
        for weights_only in (False, True):
            began = time.process_time()
            made = way(student, recipe, calibration, weights_only)
            seconds += time.process_time() - began
            played = Simulation(student, recipe.input, calibration, made, weights_only)
            ours, reference = played.run(judged), played.reference(judged)
            differ = rule.differ(rule.call(reference["logits"]), rule.call(ours["logits"]))
            cells.append((ours, reference, differ))
        whole = whole or seconds
        (a, reference, first), (b, _, second) = cells
        maps = sqnr_db(reference["cam"], a["cam"]) if "cam" in reference else None
        print(
            f"{name:38} {sqnr_db(reference['logits'], a['logits']) or np.inf:8.2f} {maps or np.nan:8.2f} "
            f"{f'{first.sum()} of {first.size}':>14} {sqnr_db(reference['logits'], b['logits']) or np.inf:8.2f} "
            f"{second.sum():>6} {seconds / whole:8.2f}",
            flush=True,
        )
    print(f"seconds of the first: {whole:.1f} for w8a8 and w8 together")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=FutureWarning)
    main()
