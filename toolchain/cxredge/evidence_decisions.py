"""Evidence of single decisions: what a model of exclusive classes answers, every flip, and what is taken for what."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from cxredge.vocabulary import Frozen, Label


class Flip(Frozen):
    """One decision that differs from the reference's."""

    label: Label
    film: str
    """Place in the data set's folder."""
    patient: str
    truth: bool | None
    """What the data set says of the film; None where the label is not judged."""
    reference: float
    """Logit of the reference."""
    artifact: float
    """Logit of the artifact."""
    threshold: float
    up: bool
    """True: negative for the reference, positive for the artifact."""
    explained: bool | None
    """Whether the reference stood so near to the threshold that its own noise on this label was enough: the 95th
    percentile of what its logit changes by when a film lies one input pixel aside. None: that was not measured."""

    @property
    def moved(self) -> float:
        """How far the logit moved."""
        return abs(self.artifact - self.reference)


class ClassAnswer(Frozen):
    """What a model of exclusive classes says of a film."""

    answer: Label | None
    """The class; None: uncertain."""
    nearest: Label
    """The class with the greatest logit, which is the answer where there is one."""
    log_odds: float
    """Of ``nearest``."""
    runner_up: Label
    """The class with the second greatest logit."""


class ClassFlip(Frozen):
    """One film that reference and artifact answer otherwise: with another class, or uncertain on one side."""

    film: str
    """Place in the data set's folder."""
    patient: str
    truth: Label | None
    """What the data set says of the film; None where the films tell no class."""
    reference: ClassAnswer
    artifact: ClassAnswer
    explained: bool | None
    """Whether the reference's log-odds stood so near to the least margin, for each class that only one of the two
    names, that its own noise on this class was enough: the 95th percentile of what its log-odds change by when a film
    lies one input pixel aside. None: that was not measured."""

    @property
    def moved(self) -> float:
        """How far apart the two log-odds are, each of its own model's nearest class."""
        return abs(self.artifact.log_odds - self.reference.log_odds)


class Confusion(Frozen):
    """What reference and artifact answer to films of every class, as counts of films.

    One row a class that the data set says, one column a class that is answered, both in the order of ``classes``; the
    last column counts the films that stay uncertain.
    """

    classes: tuple[Label, ...] = Field(min_length=2)
    reference: tuple[tuple[int, ...], ...]
    artifact: tuple[tuple[int, ...], ...]

    @model_validator(mode="after")
    def _shaped(self) -> Self:
        wanted = [len(self.classes) + 1] * len(self.classes)
        for counts in (self.reference, self.artifact):
            if [len(row) for row in counts] != wanted:
                raise ValueError("a confusion matrix has a row a class, and a column a class and one for uncertain")
        return self
