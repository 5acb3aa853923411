"""``import.json``: what an import read, found and measured, beside the recipe that it wrote."""

from __future__ import annotations

from typing import Literal

from cxredge.evidence_chance import Chance
from cxredge.importing.plan import Found
from cxredge.recipe_decision import Labels
from cxredge.recipe_student import OriginalProof
from cxredge.vocabulary import Frozen, Sha256


class Answer(Frozen):
    """What the original said of one film, behind our preprocessing."""

    film: Sha256
    said: tuple[float, ...]


class ImportRecord(Frozen):
    """One import."""

    record: Literal["cxredge-import-1"] = "cxredge-import-1"
    name: str
    data: str
    labels: Labels
    found: Found
    proof: OriginalProof
    chance: Chance
    """Whether the student does better than chance on the films that a build judges it on (``evaluation``)."""
    student_sha256: Sha256
    versions: dict[str, str]
    answers: tuple[Answer, ...]
    """The original's own, of the films that it was proven on, so that the proof can be had again."""
