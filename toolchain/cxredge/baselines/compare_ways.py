"""``cxredge baselines`` from one end to the other: trainings by seed and fold, pooled answers, one table."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cxredge.baselines.baselines_record import FILE, WAYS, BaselinesRecord, Way, digest_of_recipe, finding
from cxredge.baselines.comparison import compared
from cxredge.baselines.experiment import Experiment
from cxredge.baselines.held_out import HeldOut, Part, hold_out
from cxredge.baselines.kept_answers import WayAnswers
from cxredge.baselines.possible import check_possible, labels_compared, replaces
from cxredge.baselines.pruner import PACKAGE
from cxredge.baselines.pruning import parameters
from cxredge.distill.finish import VERSIONED
from cxredge.distill.processes import Processes, started
from cxredge.distill.roles import untrained
from cxredge.distill.saying import say
from cxredge.distill.telling import FILM_STATEMENT, PHANTOM_STATEMENT
from cxredge.errors import counted
from cxredge.files import canonical_json, write_text
from cxredge.parity.paired import BOOTSTRAP
from cxredge.path_errors import shown
from cxredge.recipe import Recipe, recipe_path
from cxredge.recipe_card import by_groups
from cxredge.recipe_data import PhantomData
from cxredge.recipe_file import load_recipe

Every = dict[Way, list[list[WayAnswers]]]
"""Of each way the answers by seed and fold."""


def baselines(
    place: Path, work: Path, seeds: int = 1, folds: int = 1, test_films: int | None = None, fresh: bool = False
) -> BaselinesRecord:
    """Train and measure a recipe's student, and other ways to make its teacher small; write ``baselines.json``.

    place: recipe folder or file. work: where trainings go, ``<work>/<recipe name>/<seed>-<fold>/<way>/``. seeds: how
    many, from the recipe's own on. folds: over the films of all splits; 1: the recipe's own split. test_films: so many
    phantoms to measure on. fresh: train anew what an earlier run kept. A run that was stopped goes on where it was.
    Raises what ``check_possible`` and ``Experiment.run`` raise.
    """
    check_possible(place, work, seeds, folds, test_films)
    file, recipe = recipe_path(place), load_recipe(place)
    assert recipe.distill is not None, "it was checked"
    numbers = range(recipe.distill.seed, recipe.distill.seed + seeds)
    held = hold_out(recipe, numbers, folds, test_films, drawn=True)
    if (said := replaces(file.parent / FILE, seeds, folds, len(held.patients))) is not None:
        say(said)
    ways, not_run = _ways(recipe)
    with started() as processes:
        try:
            every = _answers(recipe, file.parent, work / recipe.name, held, numbers, ways, processes, fresh)
        except KeyboardInterrupt:
            say(f"stopped; what was trained is kept in {shown(work / recipe.name)}; {_again(fresh)} goes on from there")
            raise
        record = _record(recipe, held, numbers, folds, every, not_run, processes)
    write_text(file.parent / FILE, canonical_json(record.model_dump(mode="json")))
    return record


def _again(fresh: bool) -> str:
    return "the same command without --fresh" if fresh else "the same command"


def bare(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed of its trainings, and without heads that are fitted behind them."""
    assert recipe.distill is not None, "it was checked"
    plan = recipe.distill.model_copy(update={"seed": seed})
    return recipe.model_copy(update={"distill": plan, "novelty": None, "quality": None})


def _ways(recipe: Recipe) -> tuple[list[Way], dict[Way, str]]:
    """The ways that can be gone, and why not the others."""
    assert recipe.distill is not None, "it was checked"
    own = bare(recipe, recipe.distill.seed)
    teacher, student = (parameters(untrained(own, recipe.distill, role)) for role in ("teacher", "student"))
    if teacher > student:
        return list(WAYS), {}
    why = f"the teacher has {teacher:,} parameters, no more than the student's {student:,}"
    return [way for way in WAYS if way != "pruned"], {"pruned": why}


def _answers(
    recipe: Recipe,
    beside: Path,
    work: Path,
    held: HeldOut,
    seeds: Sequence[int],
    ways: Sequence[Way],
    processes: Processes,
    fresh: bool,
) -> Every:
    every: Every = {way: [] for way in ways}
    for number, (seed, parts) in enumerate(zip(seeds, held.parts, strict=True), 1):
        own = bare(recipe, seed)
        assert own.distill is not None, "it was checked"
        for way in ways:
            every[way].append([])
        for fold, part in enumerate(parts, 1):
            folder = work / f"{seed}-{f'{fold}of{len(parts)}' if len(parts) > 1 else 'split'}"
            title = _title(number, len(seeds), fold, len(parts))
            experiment = Experiment(own, own.distill, beside, part, folder, processes, title)
            for way, found in experiment.run(ways, fresh).items():
                every[way][-1].append(found)
    return every


def _title(seed: int, seeds: int, fold: int, folds: int) -> str:
    parts = [f"{what} {at} of {of}" for what, at, of in (("seed", seed, seeds), ("fold", fold, folds)) if of > 1]
    return f"{', '.join(parts)}: " if parts else ""


def _record(
    recipe: Recipe,
    held: HeldOut,
    seeds: Sequence[int],
    folds: int,
    every: Every,
    not_run: dict[Way, str],
    processes: Processes,
) -> BaselinesRecord:
    shown = labels_compared(recipe, held)
    left = shown.left_out
    names = recipe.labels.names
    pooled = {
        way: [pool(part, found) for part, found in zip(held.parts, answers, strict=True)]
        for way, answers in every.items()
    }
    kept = np.array([name not in left for name in names])
    records = compared(recipe, held, kept, shown.no_interval, every, pooled)
    films, patients = len(held.measured), len(set(held.patients))
    owners = by_groups(counted(patients, "patient"), recipe.card.groups)
    measured = f"Measured on {counted(films, 'film')} of {owners}. {FILM_STATEMENT}"
    phantoms = isinstance(recipe.data, PhantomData)
    return BaselinesRecord(
        name=recipe.name,
        version=recipe.version,
        recipe_sha256=digest_of_recipe(recipe),
        data=f"phantoms, seed {recipe.data.seed}" if isinstance(recipe.data, PhantomData) else recipe.data.name,
        statement=PHANTOM_STATEMENT if phantoms else measured,
        seeds=tuple(seeds),
        folds=folds,
        films=films,
        patients=patients,
        labels=tuple(name for name in names if name not in left),
        left_out=left,
        open_films=held.open_films,
        calibration_films=every["quantised teacher"][0][0].calibration_films,
        ways=tuple(records),
        not_run=not_run,
        finding=finding(next(found for found in records if found.way == "hard labels")),
        bootstrap=BOOTSTRAP,
        threads=torch.get_num_threads(),
        processes=processes.words,
        versions={
            "python": platform.python_version(),
            **{package: importlib.metadata.version(package) for package in (*VERSIONED, PACKAGE)},
        },
    )


def pool(parts: Sequence[Part], found: Sequence[WayAnswers]) -> NDArray[np.float32]:
    """float32[N, C]: logits of all measured films, each from the model whose part holds it out."""
    whole = np.full((sum(len(part.places) for part in parts), found[0].logits.shape[1]), np.nan, np.float32)
    for part, one in zip(parts, found, strict=True):
        whole[part.places] = one.logits
    return whole
