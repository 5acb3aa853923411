"""Evidence on a student itself, before anything is lowered: whether it does better than chance."""

from __future__ import annotations

from typing import Annotated, Literal

from cxredge.bounds import Count, HasEnds, Share
from cxredge.errors import counted
from cxredge.results import BootstrapSpec
from cxredge.vocabulary import AbsentIf, Frozen, Label, ShortLine, Sparse

Standing = Literal["better", "no-better", "unknown"]
"""Against chance: the interval lies above it, or does not, or there is none."""


class Held(HasEnds):
    """A figure that would be ``chance`` without any knowledge, with its interval."""

    value: Share | None
    low: Share | None
    high: Share | None
    chance: Share
    too_few: ShortLine | None = None
    """Why there is no interval, in words."""

    @property
    def standing(self) -> Standing:
        """By the lower end alone: an interval that reaches down to chance does not tell the two apart."""
        if self.low is None:
            return "unknown"
        return "better" if self.low > self.chance else "no-better"

    @property
    def words(self) -> str:
        """The interval, as ``0.581 [0.472, 0.689]``; without one, why."""
        if self.value is None or self.low is None or self.high is None:
            return self.too_few or "not measured"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


class LabelChance(Frozen):
    """One label's AUC against 0.5; of an exclusive class, by its log-odds against all other films."""

    label: Label
    auc: Held


class Chance(Sparse):
    """Whether a student does better than chance on films that it did not learn from.

    Of independent findings the mean AUC over the labels with enough patients must lie above 0.5 with its whole
    interval. Of exclusive classes the share of films whose own class has the greatest logit must so lie above the share
    of the commonest class: naming that one always would be right as often.
    """

    films: Count
    patients: Count
    bootstrap: BootstrapSpec
    figure: Held
    labels: tuple[LabelChance, ...]
    majority: Label | None = None
    """The commonest class; None for independent findings."""
    never_named: Annotated[tuple[Label, ...], AbsentIf(lambda names: not names)] = ()
    """Exclusive classes that no film is answered with, as the recipe's least margin leaves all of theirs uncertain."""

    @property
    def standing(self) -> Standing:
        """The verdict."""
        return self.figure.standing

    @property
    def no_better(self) -> tuple[LabelChance, ...]:
        """Labels that by themselves are no better than chance."""
        return tuple(label for label in self.labels if label.auc.standing == "no-better")

    @property
    def words(self) -> str:
        """The verdict with its figures, as what a student is: ``no better than chance on 164 films of ...``."""
        figure = self.figure
        if self.majority is None:
            judged = sum(label.auc.low is not None for label in self.labels)
            what = f"mean AUC of {counted(judged, 'label')} {figure.words}, chance is 0.5"
        else:
            what = (
                f"the nearest class, whatever the margin, is right in a share of {figure.words}, always "
                f"{self.majority} in {figure.chance:.3f}"
            )
        where = f"on {counted(self.films, 'film')} of {counted(self.patients, 'patient')}"
        if figure.standing == "unknown":
            return f"not known to be better than chance {where}: {figure.words}{self._never()}"
        below = figure.high is not None and figure.high < figure.chance
        verdict = "better" if figure.standing == "better" else "worse" if below else "no better"
        return f"{verdict} than chance {where}: {what}{self._by_label()}{self._never()}"

    def _by_label(self) -> str:
        """What the mean hides."""
        weak = ", ".join(f"{label.label} {label.auc.words}" for label in self.no_better)
        return f"; no better than chance by themselves: {weak}" if weak else ""

    def _never(self) -> str:
        """What the margin takes away, of which a share of nearest classes says nothing."""
        if not self.never_named:
            return ""
        if len(self.never_named) == len(self.labels):
            return "; with the recipe's margin no class is named on these films"
        *most, last = self.never_named
        names = f"{', '.join(most)} and {last} are" if most else f"{last} is"
        return f"; with the recipe's margin {names} never named on these films"
