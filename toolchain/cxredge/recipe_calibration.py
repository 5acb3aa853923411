"""The recipe's part on INT8 ranges: which films set them, and by which rule."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from cxredge.vocabulary import Frozen

MIN_CALIBRATION_FILMS = 100
USUAL_CALIBRATION_FILMS = 128
"""Of recipes that a command writes, where there are as many."""


class RangeRuleBase(Frozen):
    """How the values of an activation tensor become its INT8 range; ``quantize/rules.py`` has the functions."""

    @property
    def words(self) -> str:
        """As a model card says it."""
        return ", ".join(f"{name} {value}" for name, value in self.model_dump().items()).removeprefix("rule ")


class PercentileRange(RangeRuleBase):
    """Cuts off the tails."""

    rule: Literal["percentile"]
    percentile: float = Field(default=99.999, gt=90, le=100)
    """Upper percentile; the lower one is its mirror. 100 means min and max."""

    @property
    def words(self) -> str:
        """``percentile 99.999``."""
        return f"percentile {self.percentile}"


class MinMaxRange(RangeRuleBase):
    """Cuts off nothing."""

    rule: Literal["min-max"]


class MseRange(RangeRuleBase):
    """Cuts off as much as makes the squared error of the quantised values least."""

    rule: Literal["mse"]


RangeRule = Annotated[PercentileRange | MinMaxRange | MseRange, Field(discriminator="rule")]


class Calibration(Frozen):
    """Which films set the INT8 ranges, and how much of each tensor's tails they leave out."""

    split: Literal["train", "val", "test"] = "val"
    count: int = Field(le=10_000)
    percentile: float = Field(default=99.999, gt=90, le=100)
    """Short for ``ranges: {rule: percentile, percentile: ...}``."""
    ranges: RangeRule | None = None
    """The rule; none: the percentile above."""

    @property
    def rule(self) -> RangeRule:
        """What makes the ranges, whichever of the two keys says it."""
        return self.ranges or PercentileRange(rule="percentile", percentile=self.percentile)

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.ranges is not None and "percentile" in self.model_fields_set:
            raise ValueError("percentile is the short form of ranges: say one of the two")
        return self

    @model_serializer(mode="wrap")
    def _as_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only the key that counts: a record that is read back must not say it twice."""
        tree: dict[str, Any] = dump(self)
        tree.pop("ranges" if self.ranges is None else "percentile", None)
        return tree
