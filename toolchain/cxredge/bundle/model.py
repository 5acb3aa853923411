"""What a manifest says of the model: all that an app must know to feed it, to decide by it, and to name what it says.

Nothing else of the recipe is here, so that a recipe may grow without touching an app.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cxredge.decision import DecisionField, Float32, MultiLabel, SingleLabel, check_words
from cxredge.recipe import Recipe
from cxredge.recipe_data import PhantomData
from cxredge.recipe_decision import Quality
from cxredge.recipe_input import InputSpec
from cxredge.recipe_student import Heatmap
from cxredge.vocabulary import (
    MAX_LABELS,
    QUALITY_KINDS,
    Frozen,
    Label,
    Language,
    QualityKind,
    ShortText,
    Slug,
    Text,
    Version,
)


class ModelLabel(Frozen):
    """One label, in the order of the logits."""

    name: Label
    display: dict[Language, ShortText]
    """What people are shown, by language; empty: the name itself."""


class NoveltySpec(Frozen):
    """A novelty score above the threshold means that the film is unlike the training films."""

    threshold: Annotated[Float32, Field(gt=0)]


class QualitySpec(Frozen):
    """One accident of exporting or holding a film; log-odds at or above the threshold mean that it happened."""

    kind: QualityKind
    threshold: Float32


ELSEWHERE = "not known: it was trained elsewhere"
"""In place of a data set, of imported students."""


class LearntFrom(Frozen):
    """What the student was trained on. Of a model that learnt from phantoms an app must say so with every film."""

    kind: Literal["phantoms", "films"]
    data: ShortText
    """Name of the data set."""


class Model(Frozen):
    """The model, as far as a phone must know it."""

    name: Slug
    version: Version
    licence: Text
    labels: Annotated[tuple[ModelLabel, ...], Field(min_length=1, max_length=MAX_LABELS)]
    decision: DecisionField
    input: InputSpec
    heatmap: Heatmap
    """What ``cam`` is: logit = mean of the map + bias; the logit's gradient; or no such output."""
    novelty: NoveltySpec | None
    """None: the model has no such output."""
    quality: Annotated[tuple[QualitySpec, ...], Field(min_length=1, max_length=4)] | None
    """In the order of the output's columns; None: the model has no such output."""
    learnt_from: LearntFrom

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [label.name for label in self.labels]
        if len(set(names)) != len(names):
            raise ValueError("a label appears twice")
        if any(set(label.display) != set(self.labels[0].display) for label in self.labels):
            raise ValueError("a language names some labels and not the others")
        exclusive = isinstance(self.decision, SingleLabel)
        check_words({name: name for name in names}, exclusive)
        for language in self.labels[0].display:
            check_words({label.name: label.display[language] for label in self.labels}, exclusive)
        if exclusive and len(names) < 2:
            raise ValueError("one class alone excludes nothing")
        if isinstance(self.decision, MultiLabel) and set(self.decision.operating_points) != set(names):
            raise ValueError("the operating points are not of these labels")
        if self.quality is not None and len({q.kind for q in self.quality}) != len(self.quality):
            raise ValueError("a kind of accident appears twice")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The labels' names."""
        return tuple(label.name for label in self.labels)

    @property
    def phantom(self) -> bool:
        """Whether it learnt from phantoms."""
        return self.learnt_from.kind == "phantoms"

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """The part of a recipe that phones must know."""
        data, display = recipe.data, recipe.labels.display
        if recipe.original is not None:
            learnt_from = LearntFrom(kind="films", data=ELSEWHERE)
        elif isinstance(data, PhantomData):
            learnt_from = LearntFrom(kind="phantoms", data=data.source)
        else:
            learnt_from = LearntFrom(kind="films", data=data.name)
        return cls(
            name=recipe.name,
            version=recipe.version,
            licence=recipe.licence,
            labels=tuple(
                ModelLabel(name=name, display={language: words[name] for language, words in display.items()})
                for name in recipe.labels.names
            ),
            decision=recipe.decision,
            input=recipe.input,
            heatmap=recipe.heatmap,
            novelty=None if recipe.novelty is None else NoveltySpec(threshold=recipe.novelty.threshold),
            quality=None if recipe.quality is None else _accidents(recipe.quality),
            learnt_from=learnt_from,
        )


def _accidents(quality: Quality) -> tuple[QualitySpec, ...]:
    """In the order of the output's columns."""
    return tuple(QualitySpec(kind=kind, threshold=quality.thresholds[kind]) for kind in QUALITY_KINDS)
