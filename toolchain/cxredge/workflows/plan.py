"""What a build would do and why, from the same pipeline that the build materializes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cxredge.stages import Cache, Stage, Store
from cxredge.vocabulary import Frozen
from cxredge.workflows.materialize import missing_of, with_needs
from cxredge.workflows.pipeline import recipe_pipeline


class Step(Frozen):
    """One step: ``keep`` uses a result that is there, ``do`` makes it, ``cannot`` says why not."""

    step: str
    action: Literal["keep", "do", "cannot"]
    why: str


def plan_steps(place: Path, targets: tuple[str, ...], schemes: tuple[str, ...]) -> list[Step]:
    """The steps of a build, in order. Raises what the build would raise before its first step."""
    pipeline = recipe_pipeline(place, targets, schemes)
    store = Cache()
    missing = set(missing_of(pipeline.wanted, store))
    by_step: dict[str, list[Stage]] = {}
    for stage in with_needs(pipeline.wanted):
        by_step.setdefault(stage.step, []).append(stage)
    return [
        *(_step(name, stages, missing, store) for name, stages in by_step.items()),
        Step(step="judge", action="do", why=f"hold every artifact against the gates of {pipeline.recipe.name}"),
        Step(step="bundle", action="do", why="written beside the last one, and renamed when all gates are kept"),
    ]


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
