"""The precision ladder: for each target the cheapest precision that keeps every gate, found by building and judging.

Every attempt is a build of stages, so that a search that was interrupted goes on where it was. All targets climb side
by side: a round lowers and runs one attempt of each.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, get_args

from cxredge.errors import InputError
from cxredge.evidence import PrecisionAttempt, PrecisionSearch
from cxredge.files import write_text
from cxredge.progress import live
from cxredge.recipe import Bundles, Recipe, recipe_path
from cxredge.recipe_file import rewritten
from cxredge.results import Artifact
from cxredge.stages import Stage, source_digest
from cxredge.targets import get_target
from cxredge.vocabulary import SchemeName, TargetName
from cxredge.workers.fork_server import Nursery
from cxredge.workers.pool import ORDER, ORDER_FILE, ROUNDED, TIMES, Job, run_jobs
from cxredge.workflows.build import judge_walk
from cxredge.workflows.materialize import try_fill, work_folder
from cxredge.workflows.pipeline import Walk, walk_recipe
from cxredge.workflows.precision_order import Rung, climb

CHOSEN = "model.auto.yaml"
"""Beside the recipe that was searched, because it names the same weights."""
Climb = Generator[Rung, bool, Rung | None]


def search(place: Path, targets: tuple[str, ...], say: Callable[[PrecisionAttempt], None]) -> PrecisionSearch:
    """Climb for each target of the recipe (or of ``targets``); ``say`` hears every attempt when it is judged.

    An artifact that its target cannot make (an InputError of its own job) is an attempt that failed, and says why.
    Raises what else a build raises, and InputError PRECISION-GATES when the recipe bounds no scheme of a target.
    """
    walk = walk_recipe(place, targets, ())
    recipe = walk.recipe
    wanted: list[TargetName] = [t for t in recipe.targets if any(a.startswith(f"{t}/") for a in walk.artifacts)]
    integers = Walk(recipe, walk.weights, tuple(f"{target}/w8a8" for target in wanted))
    attempts: list[PrecisionAttempt] = []
    chosen: dict[TargetName, Rung] = {}
    with Nursery() as nursery:
        climbs: dict[TargetName, Climb] = {
            target: climb(_schemes(recipe, target), lambda: _groups(integers, nursery)) for target in wanted
        }
        rungs = {target: next(steps) for target, steps in climbs.items()}
        while rungs:
            found = _attempt(walk, rungs, nursery)
            for attempt in found.values():
                attempts.append(attempt)
                say(attempt)
            following: dict[TargetName, Rung] = {}
            for target, attempt in found.items():
                try:
                    following[target] = climbs[target].send(attempt.passed)
                except StopIteration as end:
                    if end.value is not None:
                        chosen[target] = end.value
            rungs = following
    return PrecisionSearch(
        recipe=f"{recipe.name} {recipe.version}",
        attempts=tuple(attempts),
        chosen={target: f"{target}/{rung.scheme}" for target, rung in chosen.items()},
        keep_float={f"{t}/{rung.scheme}": patterns(rung.keep) for t, rung in chosen.items() if rung.keep},
    )


def patterns(names: Sequence[str]) -> tuple[str, ...]:
    """Module names as regular expressions of ``keep_float``, each of which fits its module alone."""
    return tuple(re.escape(name) for name in names)


def write_chosen(place: Path, found: PrecisionSearch) -> Path:
    """Write the recipe with what was chosen, comments kept, as ``model.auto.yaml`` beside it; returns its place.

    Targets for which nothing was chosen are left out. Raises InputError PRECISION-NONE when nothing was.
    """
    if not found.chosen:
        raise InputError(
            "PRECISION-NONE",
            f"no precision of {found.recipe} keeps every gate on any target, not even float32",
            "look at the gates that broke; a gate that float32 breaks cannot be kept by quantising less",
        )

    def change(tree: Any) -> None:
        tree["targets"] = {target: [name.split("/")[1]] for target, name in found.chosen.items()}
        tree["keep_float"] = {name: list(kept) for name, kept in found.keep_float.items()}
        if not found.keep_float:
            del tree["keep_float"]
        tree["primary"] = _moved(tree["primary"], found) or next(iter(found.chosen.values()))
        for kind, names in tree["bundles"].items():
            moved = [_moved(name, found) for name in names]
            tree["bundles"][kind] = list(dict.fromkeys(name for name in moved if name is not None))

    file = recipe_path(place)
    goal = file.with_name(CHOSEN)
    write_text(goal, rewritten(file, change))
    return goal


def _moved(name: str, found: PrecisionSearch) -> str | None:
    """The chosen artifact of ``name``'s target."""
    target = name.split("/")[0]
    return next((chosen for t, chosen in found.chosen.items() if t == target), None)


def _schemes(recipe: Recipe, target: TargetName) -> list[SchemeName]:
    """Schemes that the target has and the recipe has gates for."""
    schemes = [s for s in get_args(SchemeName) if s in get_target(target).schemes and s in recipe.gates]
    if not schemes:
        raise InputError(
            "PRECISION-GATES",
            f"{recipe.name} has gates for no scheme of {target}",
            "write gates for the schemes that may be chosen",
            get_target(target).schemes,
        )
    return schemes


def _attempt(walk: Walk, rungs: dict[TargetName, Rung], nursery: Nursery) -> dict[TargetName, PrecisionAttempt]:
    """Build one rung of each target, and judge it."""
    names = {target: f"{target}/{rung.scheme}" for target, rung in rungs.items()}
    recipe = walk.recipe.model_copy(
        update={
            "targets": {target: (rung.scheme,) for target, rung in rungs.items()},
            "keep_float": {names[t]: patterns(rung.keep) for t, rung in rungs.items() if rung.keep},
            "primary": next(iter(names.values())),
            "bundles": Bundles(),
        }
    )
    tried = Walk(recipe, walk.weights, tuple(names.values()))
    lowered, refused = try_fill(tried, nursery)
    judged = judge_walk(tried, lowered)
    found: dict[TargetName, PrecisionAttempt] = {}
    for target, name in names.items():
        made, error = lowered.get(name), refused.get(name)
        found[target] = PrecisionAttempt(
            artifact=name,
            keep_float=rungs[target].keep,
            bytes=made and made.bytes,
            p50_ms=made and _latency(tried, made),
            verdict=judged[name].verdict if made else None,
            refused=error and f"[{error.code}] {error.cause}",
        )
    return found


def _latency(walk: Walk, artifact: Artifact) -> float | None:
    if not get_target(artifact.target).runtime().native:
        return None
    times = json.loads((walk.outputs_stage(artifact.name, artifact.sha256).folder / TIMES).read_text())
    return float(times["evaluation"])


def _groups(walk: Walk, nursery: Nursery) -> tuple[tuple[str, ...], ...]:
    """Modules to keep in float, those first that the simulation says help most; kept as a stage."""
    assert walk.calibration is not None  # w8a8 was tried before
    inputs = {"rounded": walk.rounded_stage().key, "percentile": walk.recipe.calibration.percentile}
    stage = Stage("order", {**inputs, "source": source_digest("targets", "students")})
    if not stage.hit():
        with work_folder() as work:
            job = Job(
                name="sensitivity",
                target=ORDER,
                recipe=walk.recipe,
                weights=str(walk.weights),
                calibration=str(walk.calibration.images),
                rounded=str(walk.rounded_stage().folder / ROUNDED),
                out=str(work / "order"),
            )
            with live("measuring which modules INT8 harms most") as say:
                (result,) = run_jobs([job], say, nursery=nursery)
            if result.error is not None:
                raise result.error
            with stage.fill() as folder:
                shutil.move(work / "order" / ORDER_FILE, folder / ORDER_FILE)
    return tuple(tuple(group) for group in json.loads((stage.folder / ORDER_FILE).read_text()))
