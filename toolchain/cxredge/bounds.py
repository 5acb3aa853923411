"""Bounds of figures in files that are read back: what no command can have counted, timed or measured is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from cxredge.vocabulary import Frozen

MOST = 10**12
"""Far above any count, and any size of a figure, here."""

Count = Annotated[int, Field(ge=0, le=MOST)]
Share = Annotated[float, Field(ge=0, le=1)]
"""A share, or an area under a curve."""
Change = Annotated[float, Field(ge=-1, le=1)]
"""Of one share to another."""
Real = Annotated[float, Field(ge=-MOST, le=MOST)]
Seconds = Annotated[float, Field(ge=0, le=MOST)]
Milliseconds = Annotated[float, Field(ge=1e-6, le=1e9)]
"""A ratio of two is a number."""


def check_ends(low: float | None, high: float | None) -> None:
    """Raises ValueError where an interval has one end alone, or ends below its begin."""
    if (low is None) != (high is None):
        raise ValueError("the interval has one end alone")
    if low is not None and high is not None and low > high:
        raise ValueError(f"the interval's low end, {low}, is above its high one, {high}")


class HasEnds(Frozen):
    """A record with an interval's ``low`` and ``high`` end, or neither."""

    if TYPE_CHECKING:
        low: float | None
        high: float | None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_ends(self.low, self.high)
        return self
