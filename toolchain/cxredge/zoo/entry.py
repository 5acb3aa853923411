"""What is known of one model of the zoo, as records: what a build gave, how fast it is, and its row."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from cxredge.bounds import MOST, Count, Milliseconds, Real, check_ends
from cxredge.distill.record import Interval
from cxredge.evidence_chance import Standing as AgainstChance
from cxredge.recipe_card import Paper
from cxredge.results import Paired
from cxredge.vocabulary import ArtifactName, Frozen, Label, Line, Sha256, ShortLine, Slug, Version

Standing = Literal["kept", "broken", "in part", "of other weights", "not built"]
"""Of a model's artifacts: all kept their gates; one did not; not all were built; what was built is another student's;
nothing is known of a build."""


def _of_shares(figure: Paired) -> Paired:
    """Raises ValueError for what no AUC or accuracy can be, nor what is lost of one."""
    for name, least in (("reference", 0), ("artifact", 0), ("loss", -1), ("low", -1), ("high", -1)):
        value = getattr(figure, name)
        if value is not None and not least <= value <= 1:
            raise ValueError(f"{name} {value} is not from {least} to 1")
    check_ends(figure.low, figure.high)
    return figure


PairedShares = Annotated[Paired, AfterValidator(_of_shares)]


class BuiltArtifact(Frozen):
    """One artifact of a bundle, and how it agreed with the float32 student."""

    name: ArtifactName
    bytes: Count
    sha256: Sha256
    runtime: ShortLine
    flips: Count
    decisions: Count
    logit_sqnr_db: Real | None
    cam_correlation: Real | None
    """None without maps."""
    auc: PairedShares
    accuracy: PairedShares | None
    """Of exclusive classes."""
    broken: tuple[Line, ...]
    """Gates that were not kept, in words."""

    @model_validator(mode="after")
    def _flips_are_decisions(self) -> Self:
        if self.flips > self.decisions:
            raise ValueError(f"{self.flips} flips are more than its {self.decisions} decisions")
        return self


class BuiltFigures(Frozen):
    """``model_zoo/<name>/parity.json``: what one build's bundle says, so that a card needs no build."""

    schema_version: Literal[1] = 1
    bundle: ShortLine
    weights_sha256: Sha256
    data: ShortLine
    split: ShortLine
    films: Count
    patients: Count
    calibration_films: Count | None
    """None where no artifact needs them."""
    artifacts: tuple[BuiltArtifact, ...]


class Speed(Frozen):
    """``model_zoo/<name>/speed.json``: medians of rounds in which all took turns, in one process with one thread."""

    schema_version: Literal[1] = 1
    machine: ShortLine
    rounds: int = Field(ge=1, le=MOST)
    teacher: ShortLine
    teacher_ms: Milliseconds
    """In eager PyTorch, as the next one."""
    student_ms: Milliseconds
    artifact: ArtifactName
    artifact_sha256: Sha256
    artifact_ms: Milliseconds

    @property
    def times(self) -> float:
        """How many times as fast the artifact is as the teacher."""
        return self.teacher_ms / self.artifact_ms


class Int8(Frozen):
    """The INT8 artifact that is used first, by its bytes."""

    artifact: ArtifactName
    bytes: int
    of_teacher: float | None
    """Over the teacher's float32 weights, four bytes a parameter."""


class ZooModel(Frozen):
    """One model of the zoo: a row of ``cxredge zoo``, and an item of what ``--json`` prints.

    Figures of a training are None, and counts empty, where the recipe has no results.json.
    """

    folder: str
    name: Slug
    version: Version
    summary: str
    kind: Literal["multi-label", "single-label"]
    labels: tuple[Label, ...]
    data: str
    films: dict[str, int]
    """By split, as ``patients``."""
    patients: dict[str, int]
    groups: str
    """What ``patients`` counts: ``patients``, or the recipe's ``card.groups``."""
    student: str
    parameters: int | None
    teacher: str | None
    """None: it was distilled from nothing here."""
    teacher_parameters: int | None
    test_auc: float | None
    """Mean over the ``labels_scored`` labels that have one."""
    test_interval: Interval | None
    labels_scored: int | None
    chance: AgainstChance | None
    """How the student stands against chance on test; None where that was not judged."""
    teacher_test_auc: float | None
    int8: Int8 | None
    """None where none was built."""
    parity: Standing
    kept: int
    """Of the recipe's ``artifacts`` those that were built from these weights and kept their gates."""
    artifacts: int
    licence: str
    ships: bool
    """Whether the weights may be passed on; ``why_not`` has the reason where they may not."""
    why_not: str | None
    paper: Paper | None
