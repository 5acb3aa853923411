"""How much of a trained student's answer is where a film is from: before and after what was done about it.

    cxredge distill model_zoo/covid-cxr --profile as-collected
    cxredge distill model_zoo/covid-cxr
    python benchmarks/source_shortcut.py covid19 build/zoo/covid-cxr-as-collected model_zoo/covid-cxr

For each recipe, on its films of test, two AUCs of the named class's score, with 95 % intervals over patients. "source":
on films of all other classes, how well it tells the source that most films of the class are from; 0.5 would be an
answer that does not know where films are from. "class": on films of that source alone, how well it tells the class.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.data.data_sets import open_data
from cxredge.data.film_sources import sources_of
from cxredge.distill.evaluate import LEVEL, RESAMPLES, answers, scores
from cxredge.distill.splits import read_films
from cxredge.recipe import recipe_path, weights_file
from cxredge.recipe_file import load_recipe
from cxredge.stages import cache_folder
from cxredge.statistics.auc import Auc, auc
from cxredge.statistics.bootstrap import interval, resample
from cxredge.students import build_student


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("label")
    options.add_argument("recipes", nargs="+", type=Path)
    options.add_argument("--column", default="source")
    asked = options.parse_args()
    for place in asked.recipes:
        told(place, asked.label, asked.column)


def told(place: Path, label: str, column: str) -> None:
    recipe = load_recipe(place)
    if recipe.data is None:
        raise SystemExit(f"{place}: names no data")
    listed = open_data(recipe.data, recipe.labels, cache_folder()).films("test")
    films = read_films(recipe, "test", listed)
    student = build_student(recipe, weights_file(recipe, recipe_path(place)))
    at = recipe.labels.names.index(label)
    score = scores(recipe, answers(student, films, recipe.name))[:, at]
    there = films.targets[:, at].numpy() > 0.5
    sources = np.asarray(sources_of(listed, column))
    main_source, _ = Counter(sources[there]).most_common(1)[0]
    own, patients = sources == main_source, np.asarray(films.patients)
    print(recipe.name)
    line("source", own[~there], score[~there], patients[~there], f"{main_source}, films without {label}")
    line("class", there[own], score[own], patients[own], f"{label}, films of {main_source}")


def line(name: str, truth: NDArray[np.bool_], score: NDArray[np.float32], patients: NDArray[np.str_], of: str) -> None:
    found = float(auc(truth[:, None], score[:, None])[0])
    spread = resample({"auc": Auc(truth[:, None], score[:, None])}, patients.tolist(), RESAMPLES, 0)["auc"]
    ends = interval(spread[0], LEVEL)
    shown = "too few patients for an interval" if ends is None else f"[{ends[0]:.3f}, {ends[1]:.3f}]"
    print(f"  {name}: AUC {found:.3f} {shown}; {truth.sum()} of {len(truth)}: {of}")


if __name__ == "__main__":
    main()
