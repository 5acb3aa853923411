"""What a build would do and why, from the same walk that the build follows."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cxredge.targets import get_target
from cxredge.vocabulary import Frozen
from cxredge.workflows.pipeline import Films, Walk, read_artifact, walk_recipe


class Step(Frozen):
    """One step: ``keep`` uses a result that is there, ``do`` makes it, ``cannot`` says why not."""

    step: str
    action: Literal["keep", "do", "cannot"]
    why: str


def plan_steps(place: Path, targets: tuple[str, ...], schemes: tuple[str, ...]) -> list[Step]:
    """The steps of a build, in order. Raises what the build would raise before its first step."""
    walk = walk_recipe(place, targets, schemes)
    steps = [
        _films("calibration films", walk.calibration, walk) if walk.calibration else None,
        _films("evaluation films", walk.evaluation, walk),
        _rounding(walk) if walk.calibration else None,
        *(_lower(walk, name) for name in walk.artifacts),
        *(_outputs(walk, name) for name in walk.artifacts),
        Step(step="judge", action="do", why=f"hold every artifact against the gates of {walk.recipe.name}"),
        Step(step="bundle", action="do", why="written beside the last one, and renamed when all gates are kept"),
    ]
    return [step for step in steps if step is not None]


def _films(what: str, films: Films, walk: Walk) -> Step:
    count = f"{len(films.films)} films of {len({f.patient for f in films.films})} patients from {walk.data.name}"
    if films.stage.hit():
        return Step(step=what, action="keep", why=f"{count}, already preprocessed")
    return Step(step=what, action="do", why=f"{count}: not yet preprocessed with this input spec")


def _rounding(walk: Walk) -> Step:
    if walk.rounded_stage().hit():
        return Step(step="round weights", action="keep", why="same student, weights and calibration films as last time")
    return Step(step="round weights", action="do", why="INT8 weights are rounded once, for all targets")


def _lower(walk: Walk, name: str) -> Step:
    step = f"lower {name}"
    obstacle = get_target(name.split("/")[0]).availability().build
    if walk.lower_stage(name).hit():
        return Step(step=step, action="keep", why="same student, weights, films, tools and code as last time")
    if obstacle is not None:
        return Step(step=step, action="cannot", why=obstacle)
    return Step(step=step, action="do", why="no artifact of this student, weights, films, tools and code is kept")


def _outputs(walk: Walk, name: str) -> Step:
    step = f"run {name}"
    stage = walk.lower_stage(name)
    if not stage.hit():
        return Step(step=step, action="do", why="its artifact will be new")
    if walk.outputs_stage(name, read_artifact(stage).sha256).hit():
        return Step(step=step, action="keep", why="this artifact was run on these films")
    return Step(step=step, action="do", why="this artifact was not run on these films")
