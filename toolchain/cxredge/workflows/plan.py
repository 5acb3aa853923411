"""What a build would do and why, from the same pipeline that the build materializes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from cxredge.errors import InputError
from cxredge.recipe import Recipe, recipe_path
from cxredge.recipe_file import load_recipe
from cxredge.recipe_training import next_step, untrained_words
from cxredge.stages import Cache, Stage, Store
from cxredge.targets import TARGETS, get_target
from cxredge.vocabulary import ArtifactName, Frozen
from cxredge.workflows.materialize import missing_of, with_needs
from cxredge.workflows.pipeline import Pipeline, chosen_artifacts, recipe_pipeline


class Step(Frozen):
    """One step: ``keep`` uses a result that is there, ``do`` makes it, ``cannot`` says why not."""

    step: str
    action: Literal["keep", "do", "cannot"]
    why: str


class Plan(Frozen):
    """The steps of a build, in order, and what ``--targets`` and ``--schemes`` leave out of it."""

    steps: tuple[Step, ...]
    left_out: tuple[str, ...]
    """A sentence for each target that is asked for in part only, or not at all."""


def plan_build(place: Path, targets: tuple[str, ...], schemes: tuple[str, ...]) -> Plan:
    """What a build would do. Raises what the build would raise before its first step.

    A student that is not trained yet is a step that cannot be done, and so is what it lacks films for.
    """
    recipe = load_recipe(place)
    file, names = recipe_path(place), chosen_artifacts(recipe, targets, schemes)
    left_out = tuple(_left_out(recipe, names, targets, schemes))
    if recipe.not_yet:
        return Plan(steps=(*_untrained(recipe, file, names),), left_out=left_out)
    pipeline = recipe_pipeline(place, targets, schemes)
    store = Cache()
    missing = set(missing_of(pipeline.wanted, store))
    by_step: dict[str, list[Stage]] = {}
    for stage in with_needs(pipeline.wanted):
        by_step.setdefault(stage.step, []).append(stage)
    steps = (
        *(_step(name, stages, missing, store) for name, stages in by_step.items()),
        Step(step="judge", action="do", why=f"hold every artifact against the gates of {pipeline.recipe.name}"),
        Step(step="bundle", action="do", why="written beside the last one, and renamed when all gates are kept"),
    )
    return Plan(steps=steps, left_out=left_out)


def _left_out(
    recipe: Recipe, names: Sequence[ArtifactName], targets: Sequence[str], schemes: Sequence[str]
) -> Iterator[str]:
    """Why artifacts that somebody who asks for ``targets`` and ``schemes`` may expect are none of ``names``."""
    if not targets and not schemes:
        return
    asked = [name for name in TARGETS if name in targets] if targets else [*TARGETS]
    for target in asked:
        listed = recipe.targets.get(target)
        if listed is None:
            yield f"{target}: the recipe's targets do not name it"
            continue
        possible = get_target(target).schemes
        for scheme in schemes:
            if scheme in listed:
                continue
            why = (
                f"targets.{target} lists {', '.join(listed)}"
                if scheme in possible
                else f"{target} has no such scheme, but {', '.join(possible)}"
            )
            yield f"{target}/{scheme}: {why}"
    left = [name for name in recipe.artifacts() if name not in names]
    if left:
        options = [option for option, said in (("--targets", targets), ("--schemes", schemes)) if said]
        yield f"{', '.join(left)}: in the recipe, and not asked for by {' and '.join(options)}"


def _untrained(recipe: Recipe, file: Path, names: Sequence[ArtifactName]) -> Iterator[Step]:
    """The steps before there is a student, or thresholds: what is to be typed, and whether there are films enough."""
    if recipe.trained:
        words = f"not chosen yet: {', '.join(recipe.not_yet)}"
        yield Step(step="thresholds", action="cannot", why=f"{words}; {next_step(recipe, file)}")
    else:
        yield Step(step="student", action="cannot", why=f"{untrained_words(recipe)}; {next_step(recipe, file)}")
    pipeline = Pipeline(recipe, file, tuple(names))
    looks: dict[str, Callable[[], object]] = {
        "calibration films": lambda: pipeline.calibration,
        "evaluation films": lambda: pipeline.trial,
    }
    for step, look in looks.items():
        try:
            look()
        except InputError as error:
            yield Step(step=step, action="cannot", why=f"{error.cause}: {error.fix}")
        else:
            yield Step(step=step, action="do", why="they are there")
    for name in names:
        yield Step(step=f"lower {name}", action="do", why="once there is a student with its thresholds")


def _step(name: str, stages: list[Stage], missing: set[Stage], store: Store) -> Step:
    """One step of one or several stages, such as an artifact's runs on every stack of films."""
    to_make = next((stage for stage in stages if stage in missing), None)
    if to_make is None:
        there = next((stage for stage in stages if not store.has(stage)), None) is None
        return Step(step=name, action="keep", why=stages[0].kept if there else "what is made from it is kept")
    obstacle = to_make.obstacle()
    if obstacle is not None:
        return Step(step=name, action="cannot", why=obstacle)
    if any(need in missing for need in to_make.needs):
        return Step(step=name, action="do", why="what it is made from will be new")
    return Step(step=name, action="do", why=to_make.missing)
