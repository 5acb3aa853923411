"""Which logit of a loaded teacher speaks for which label of the recipe: by name, or by what the recipe maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cxredge.errors import InputError, nearest
from cxredge.recipe_decision import Labels
from cxredge.recipe_distillation import FurtherTeacher, Teacher


def places(labels: Labels, name: str, teacher: FurtherTeacher) -> tuple[int | None, ...]:
    """For each label of the recipe the place of its logit; None: the teacher has no such label, and does not speak.

    Nothing is guessed: a label that it does not name is one that it lacks only where no label of its own is left over,
    or where ``lacks`` says so. Raises InputError DISTILL-TEACHER-LABELS.
    """
    return _Meeting(labels, f"the further teacher {name}", teacher.labels, teacher.map, teacher.lacks).places()


def all_places(labels: Labels, teacher: Teacher) -> tuple[int, ...]:
    """For each label of the recipe the place of its logit in the first teacher, which is loaded and has them all.

    Raises InputError DISTILL-TEACHER-LABELS.
    """
    meeting = _Meeting(labels, "the teacher", teacher.labels, teacher.map)
    found = meeting.places()
    for label, place in zip(labels.names, found, strict=True):
        if place is None:
            raise meeting.refused(f"it has no {label}, and the first one has every label of the recipe", teacher.labels)
    return tuple(place for place in found if place is not None)


@dataclass(frozen=True)
class _Meeting:
    """The recipe's labels, and a teacher's own by their names there."""

    labels: Labels
    who: str
    own: tuple[str, ...]
    mapped: Mapping[str, str]
    lacks: tuple[str, ...] | None = None
    """None: it may lack none."""

    def places(self) -> tuple[int | None, ...]:
        """See the function."""
        names = self.labels.names
        for ours, theirs in self.mapped.items():
            if ours not in names:
                raise self.refused(f"map names {ours}, which is no label of the recipe", nearest(ours, names))
            if theirs not in self.own:
                raise self.refused(f"map calls {ours} {theirs}, which it has not", nearest(theirs, self.own))
        for ours in self.lacks or ():
            if ours not in names:
                raise self.refused(f"lacks names {ours}, which is no label of the recipe", nearest(ours, names))
            if ours in self.mapped:
                raise self.refused(f"map and lacks both name {ours}", ())
        found = {ours: self.mapped.get(ours, ours) for ours in names if ours not in (self.lacks or ())}
        named = {ours: theirs for ours, theirs in found.items() if theirs in self.own}
        for theirs in self.own:
            if len(whose := [ours for ours, its in named.items() if its == theirs]) > 1:
                raise self.refused(f"its {theirs} would speak for {' and '.join(whose)}", ())
        free = [theirs for theirs in self.own if theirs not in named.values()]
        silent = [ours for ours in found if ours not in named]
        if silent and free:
            raise InputError(
                "DISTILL-TEACHER-LABELS",
                f"{self.who} has no {silent[0]}, and labels that the recipe does not name",
                f"say what it calls {silent[0]} in its map ({silent[0]}: its name)"
                + ("" if self.lacks is None else f", or list {silent[0]} in its lacks"),
                nearest(silent[0], free),
            )
        if not named:
            raise self.refused("it speaks for no label of the recipe", self.own)
        if self.labels.kind == "single-label" and len(named) < len(names):
            lacking = next(ours for ours in names if ours not in named)
            raise self.refused(f"it has no {lacking}, and of exclusive classes a teacher weighs all", free)
        return tuple(self.own.index(named[ours]) if ours in named else None for ours in names)

    def refused(self, why: str, choices: Iterable[str]) -> InputError:
        """``why``, and where to mend it."""
        return InputError(
            "DISTILL-TEACHER-LABELS",
            f"{self.who}: {why}",
            "correct its labels or map in distill.teacher, or take another teacher"
            if self.lacks is None
            else "correct its labels, map or lacks in distill.further_teachers",
            choices,
        )
