"""What a card says that no command can measure, and the publication that a model follows."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, StringConstraints

from cxredge.vocabulary import AbsentIf, Frozen, Line, ShortLine, Sparse

PATIENTS = "patients"
Groups = Annotated[str, StringConstraints(pattern=r"^[a-z]+( [a-z]+)*$", max_length=40)]


class Card(Sparse):
    """What the model card says that no command can measure."""

    summary: Line
    intended_use: Line
    limitations: tuple[Line, ...] = Field(min_length=1)
    shortcuts: Annotated[tuple[Line, ...], AbsentIf(lambda lines: not lines)] = ()
    """What is known to give a label away and is no anatomy, how much of it was measured, and what is left."""
    attribution: tuple[Line, ...] = ()
    groups: Annotated[Groups, AbsentIf(lambda said: said == PATIENTS)] = PATIENTS
    """What the set's column ``group`` keeps apart, in the plural, where patients are not known."""


class Paper(Frozen):
    """The publication that a model of the zoo follows: its claims stand beside our figures, never among them."""

    title: ShortLine
    link: Annotated[str, StringConstraints(pattern=r"^https://[!-~]{1,180}$")]
    claims: tuple[ShortLine, ...] = Field(min_length=1)
    """What it says of its own models, on its own data."""
    differs: tuple[Line, ...] = Field(min_length=1)
    """What is otherwise here: data, teacher, settings that it does not tell."""


def by_groups(text: str, groups: str) -> str:
    """A sentence of ours that counts patients, with a set's own groups in their place: ``4 fields of view``.

    The singular stands behind a 1 alone: ``1 of the fields of view``.
    """
    if groups == PATIENTS:
        return text
    return re.sub(r"\bpatient(s?)\b", lambda found: groups if found[1] else f"of the {groups}", text)
