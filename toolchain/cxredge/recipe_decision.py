"""The recipe's part on answers: labels, how they are decided, and the rules that choose the thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from cxredge.decision import Float32, LeastMargin, check_words
from cxredge.vocabulary import (
    MAX_LABELS,
    QUALITY_KINDS,
    AbsentIf,
    Frozen,
    Label,
    Language,
    QualityKind,
    ShortText,
    Sparse,
    absent_or_not_empty,
)


def _check_number(kind: str, needed: str | None, numbers: Mapping[str, float | None]) -> None:
    """Raises ValueError unless of ``numbers`` exactly the one is given that a rule of this kind takes."""
    for name, value in numbers.items():
        if (value is not None) != (name == needed):
            raise ValueError(f"the rule {kind} {f'needs {needed}' if name == needed else f'takes no {name}'}")


NOT_JUDGED = "not judged: the films have no ground truth for it"
"""Why a label has no figure that needs to know what a film shows."""


UncertainAs = Literal["ones", "zeros", "ignore"]
"""What an uncertain finding counts as in training: present, absent, or neither."""


class Uncertain(Frozen):
    """What the uncertain findings (-1) of training films count as, for all labels and for single ones.

    The policies U-Ones, U-Zeros and U-Ignore of Irvin et al., "CheXpert: A Large Chest Radiograph Dataset with
    Uncertainty Labels and Expert Comparison" (AAAI 2019).
    """

    default: UncertainAs | None = None
    """Of labels that are not named; none: of those nothing may be uncertain."""
    labels: dict[Label, UncertainAs] = {}

    @model_validator(mode="after")
    def _said(self) -> Self:
        if self.default is None and not self.labels:
            raise ValueError("uncertain must have a default, or labels")
        return self

    def of(self, label: str) -> UncertainAs | None:
        """The policy of ``label``; None: there is none."""
        return self.labels.get(label, self.default)


class Labels(Sparse):
    """What the student answers. ``multi-label``: independent sigmoids; ``single-label``: one softmax."""

    kind: Literal["multi-label", "single-label"] = "multi-label"
    names: tuple[Label, ...] = Field(min_length=1, max_length=MAX_LABELS)
    display: dict[Language, dict[Label, ShortText]] = {}
    """What apps call the labels, by language; every language names every label. Without: the names themselves."""
    not_judged: Annotated[
        tuple[Label, ...],
        Field(min_length=1, json_schema_extra=absent_or_not_empty),
        AbsentIf(lambda names: not names),
    ] = ()
    """Of multi-label students: labels that the films do not tell. They are exported and held against the reference like
    all others, and no figure that needs ground truth counts them. Absent: the films tell every label."""
    uncertain: Annotated[Uncertain | None, AbsentIf(lambda said: said is None)] = None
    """Of multi-label students: what -1 means in the row of a training film. Absent: it is refused."""
    unlabelled: Annotated[Literal["ignore"] | None, AbsentIf(lambda said: said is None)] = None
    """Of multi-label students: an empty cell of a training film tells nothing. Absent: it is refused."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError("label names must differ from each other")
        if self.kind == "single-label" and len(self.names) < 2:
            raise ValueError("single-label needs at least two classes that exclude each other")
        if self.not_judged and self.kind == "single-label":
            raise ValueError("not_judged is for multi-label: a film whose class is not known can be judged for none")
        if self.kind == "single-label" and (self.uncertain or self.unlabelled):
            raise ValueError("uncertain and unlabelled are for multi-label: a film has one of the exclusive classes")
        if unknown := [name for name in (self.uncertain.labels if self.uncertain else ()) if name not in self.told]:
            raise ValueError(f"uncertain names {unknown[0]}, which is no label that the films tell")
        if len(set(self.not_judged)) != len(self.not_judged):
            raise ValueError("not_judged names a label twice")
        if unknown := [name for name in self.not_judged if name not in self.names]:
            raise ValueError(f"not_judged names {unknown[0]}, which is no label")
        check_words({name: name for name in self.names}, self.kind == "single-label")
        for language, names in self.display.items():
            if set(names) != set(self.names):
                lacking, extra = sorted(set(self.names) - set(names)), sorted(set(names) - set(self.names))
                raise ValueError(f"display.{language} must name every label (missing: {lacking}, unknown: {extra})")
            check_words(names, self.kind == "single-label")
        return self

    @property
    def told(self) -> tuple[Label, ...]:
        """The labels that the films tell, in their order."""
        return tuple(name for name in self.names if name not in self.not_judged)

    @property
    def places_told(self) -> tuple[int, ...]:
        """Where these stand."""
        return tuple(at for at, name in enumerate(self.names) if name not in self.not_judged)

    @property
    def places_not_judged(self) -> tuple[int, ...]:
        """Where the labels that the films do not tell stand."""
        return tuple(at for at, name in enumerate(self.names) if name in self.not_judged)


NOT_YET = "not chosen yet"
"""The rule of a threshold that stands where a recipe has none: a training, or ``cxredge thresholds``, chooses it."""


class OperatingPoint(Frozen):
    """A label's decision threshold in logit space: a film is positive when its logit is at or above it."""

    logit: Float32
    rule: str
    """How it was chosen, for example ``youden on val, 102 films``."""


class OperatingRule(Frozen):
    """How operating points are chosen on the validation films.

    ``youden``: the greatest sensitivity + specificity - 1. ``sensitivity`` or ``specificity``: the greatest other one
    among thresholds that keep at least ``floor``. ``cost``: the least misses x ``miss_cost`` + false alarms.
    """

    kind: Literal["youden", "sensitivity", "specificity", "cost"] = "youden"
    floor: float | None = Field(default=None, gt=0, lt=1)
    """Of the rules ``sensitivity`` and ``specificity``."""
    miss_cost: float | None = Field(default=None, gt=0)
    """Of the rule ``cost``: how many false alarms one missed finding outweighs."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"sensitivity": "floor", "specificity": "floor", "cost": "miss_cost"}.get(self.kind)
        _check_number(self.kind, needed, {"floor": self.floor, "miss_cost": self.miss_cost})
        return self


class OperatingRules(Frozen):
    """The rule of every label, and other ones for some."""

    default: OperatingRule = OperatingRule()
    labels: dict[Label, OperatingRule] = {}

    def of(self, label: str) -> OperatingRule:
        """The rule of ``label``."""
        return self.labels.get(label, self.default)


class MarginRule(Frozen):
    """How the least margin of exclusive classes is chosen on the validation films: how sure an answer has to be.

    ``accuracy``: the most answers of which at least the share ``floor`` is right. ``answered``: the greatest share of
    right ones among the answers, with at least the share ``floor`` of the films answered. ``cost``: the least wrong
    answers x ``wrong_cost`` + films left uncertain.
    """

    kind: Literal["accuracy", "answered", "cost"] = "accuracy"
    floor: float | None = Field(default=None, gt=0, lt=1)
    """Of the rules ``accuracy`` and ``answered``; 0.9 where a recipe has no rule."""
    wrong_cost: float | None = Field(default=None, gt=0)
    """Of the rule ``cost``: how many uncertain films one wrong answer outweighs."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = "wrong_cost" if self.kind == "cost" else "floor"
        _check_number(self.kind, needed, {"floor": self.floor, "wrong_cost": self.wrong_cost})
        return self


class Margin(Frozen):
    """The least log-odds with which one of several exclusive classes is named; below it the film is "uncertain"."""

    log_odds: LeastMargin
    rule: str
    """How it was chosen, for example ``accuracy >= 0.9 on val, 102 films``."""


class Novelty(Frozen):
    """Threshold of the novelty score above which a film is unlike the training films."""

    threshold: Annotated[Float32, Field(gt=0)]
    rule: str


class Quality(Frozen):
    """By accident the log-odds at or above which a film seems to have been exported or held that way."""

    thresholds: dict[QualityKind, Float32] = Field(default_factory=lambda: dict.fromkeys(QUALITY_KINDS, 0.0))
    """Every kind's; compared in float32."""
    rule: str = NOT_YET
    """How they were chosen, for example ``at most 1 % of val, 102 films``."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [kind for kind in QUALITY_KINDS if kind not in self.thresholds]
        if missing:
            raise PydanticCustomError(
                "thresholds",
                "thresholds must name every kind (missing: {missing})",
                {
                    "missing": ", ".join(missing),
                    "fix": f"add {', '.join(missing)}; or take quality out, and run `cxredge quality`",
                },
            )
        return self
