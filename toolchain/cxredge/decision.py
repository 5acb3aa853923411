"""The decision as data: by what rule a model's logits become what is said of a film. Recipe and manifest share it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cxredge.vocabulary import Frozen, Label

FLOAT32_MAX = 3.4028234663852886e38
Float32 = Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
"""A finite number that stays finite as float32, which is what apps compare."""
LeastMargin = Annotated[float, Field(ge=0, le=FLOAT32_MAX)]
"""In log-odds. At or above zero: a class is named only when it is likelier than all others together."""


class MultiLabel(Frozen):
    """Independent findings: a film is positive for a label when its logit is at or above the operating point."""

    kind: Literal["multi-label"] = "multi-label"
    operating_points: dict[Label, Float32]
    """Logits, one a label; compared in float32."""


class SingleLabel(Frozen):
    """Exclusive classes: the class with the greatest logit, or "uncertain" where its log-odds are below the margin.

    A class's log-odds are its logit minus the logarithm of the others' summed exponentials: a shift of all logits by
    one number, which means nothing after a softmax, leaves them as they are.
    """

    kind: Literal["single-label"] = "single-label"
    least_margin: LeastMargin
    """Log-odds that the named class must reach; compared in float32."""


Decision = MultiLabel | SingleLabel
DecisionField = Annotated[Decision, Field(discriminator="kind")]
