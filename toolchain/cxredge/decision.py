"""The decision as data: by what rule a model's logits become what is said of a film. Recipe and manifest share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from cxredge.vocabulary import Frozen, Label

FLOAT32_MAX = 3.4028234663852886e38
Float32 = Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX, strict=True)]
"""A finite number that stays finite as float32, which is what apps compare; no text, no truth value."""
LeastMargin = Annotated[float, Field(ge=0, le=FLOAT32_MAX, strict=True)]
"""In log-odds. At or above zero: a class is named only when it is likelier than all others together."""


UNCERTAIN = "uncertain"
"""What is said of a film of which no class is named."""


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


def check_words(words: Mapping[str, str], exclusive: bool) -> None:
    """Raises ValueError when words that people are shown, by label, would be taken for something else.

    Blank ones or with space at the ends, the same for two labels, and "uncertain" for a class.
    """
    for label, word in words.items():
        if not word or word != word.strip():
            raise ValueError(f"{label} is shown as {word!a}: blank, or with space at its ends")
        if exclusive and word.lower() == UNCERTAIN:
            raise ValueError(f"no class may be called {UNCERTAIN}: it is what a film is of which none is named")
    if len(set(words.values())) != len(words):
        raise ValueError("two labels are shown by the same words")


Decision = MultiLabel | SingleLabel
DecisionField = Annotated[Decision, Field(discriminator="kind")]
