"""What a card says that no command can measure, and the publication that a model follows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from cxredge.vocabulary import AbsentIf, Frozen, Sparse, Text


class Card(Sparse):
    """What the model card says that no command can measure."""

    summary: str
    intended_use: str
    limitations: tuple[str, ...] = Field(min_length=1)
    shortcuts: Annotated[tuple[str, ...], AbsentIf(lambda lines: not lines)] = ()
    """What is known to give a label away and is no anatomy, how much of it was measured, and what is left."""
    attribution: tuple[str, ...] = ()


class Paper(Frozen):
    """The publication that a model of the zoo follows: its claims stand beside our figures, never among them."""

    title: Text
    link: Annotated[str, StringConstraints(pattern=r"^https://[!-~]{1,180}$")]
    claims: tuple[Text, ...] = Field(min_length=1)
    """What it says of its own models, on its own data."""
    differs: tuple[str, ...] = Field(min_length=1)
    """What is otherwise here: data, teacher, settings that it does not tell."""
