"""Which logit of a further teacher speaks for which label of the recipe: by name, or by what the recipe maps."""

from __future__ import annotations

from collections.abc import Iterable

from cxredge.errors import InputError, nearest
from cxredge.recipe_decision import Labels
from cxredge.recipe_distillation import FurtherTeacher


def places(labels: Labels, name: str, teacher: FurtherTeacher) -> tuple[int | None, ...]:
    """For each label of the recipe the place of its logit; None: the teacher has no such label, and does not speak.

    Nothing is guessed: a label that it does not name is one that it lacks only where no label of its own is left over,
    or where ``lacks`` says so. Raises InputError DISTILL-TEACHER-LABELS.
    """
    for ours, theirs in teacher.map.items():
        if ours not in labels.names:
            raise _refused(name, f"map names {ours}, which is no label of the recipe", nearest(ours, labels.names))
        if theirs not in teacher.labels:
            raise _refused(name, f"map calls {ours} {theirs}, which it has not", nearest(theirs, teacher.labels))
    for ours in teacher.lacks:
        if ours not in labels.names:
            raise _refused(name, f"lacks names {ours}, which is no label of the recipe", nearest(ours, labels.names))
        if ours in teacher.map:
            raise _refused(name, f"map and lacks both name {ours}", ())
    found = {ours: teacher.map.get(ours, ours) for ours in labels.names if ours not in teacher.lacks}
    named = {ours: theirs for ours, theirs in found.items() if theirs in teacher.labels}
    for theirs in teacher.labels:
        if len(whose := [ours for ours, its in named.items() if its == theirs]) > 1:
            raise _refused(name, f"its {theirs} would speak for {' and '.join(whose)}", ())
    free = [theirs for theirs in teacher.labels if theirs not in named.values()]
    silent = [ours for ours in found if ours not in named]
    if silent and free:
        raise InputError(
            "DISTILL-TEACHER-LABELS",
            f"the further teacher {name} has no {silent[0]}, and labels that the recipe does not name",
            f"say what it calls {silent[0]} in its map ({silent[0]}: its name), or list {silent[0]} in its lacks",
            nearest(silent[0], free),
        )
    if not named:
        raise _refused(name, "it speaks for no label of the recipe", teacher.labels)
    if labels.kind == "single-label" and len(named) < len(labels.names):
        lacking = next(ours for ours in labels.names if ours not in named)
        raise _refused(name, f"it has no {lacking}, and of exclusive classes a teacher weighs all", free)
    return tuple(teacher.labels.index(named[ours]) if ours in named else None for ours in labels.names)


def _refused(name: str, why: str, choices: Iterable[str]) -> InputError:
    return InputError(
        "DISTILL-TEACHER-LABELS",
        f"the further teacher {name}: {why}",
        "correct its labels, map or lacks in distill.further_teachers",
        choices,
    )
