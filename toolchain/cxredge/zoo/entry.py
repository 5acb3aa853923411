"""What is known of one model of the zoo, as records: what a build gave, how fast it is, and its row."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cxredge.distill.record import Interval
from cxredge.recipe_card import Paper
from cxredge.results import Paired
from cxredge.vocabulary import ArtifactName, Frozen, Label, Sha256, Slug, Version

Standing = Literal["kept", "broken", "in part", "of other weights", "not built"]
"""Of a model's artifacts: all kept their gates; one did not; not all were built; what was built is another student's;
nothing is known of a build."""


class BuiltArtifact(Frozen):
    """One artifact of a bundle, and how it agreed with the float32 student."""

    name: ArtifactName
    bytes: int = Field(ge=0)
    sha256: Sha256
    runtime: str
    flips: int = Field(ge=0)
    decisions: int = Field(ge=0)
    logit_sqnr_db: float | None
    cam_correlation: float | None
    """None without maps."""
    auc: Paired
    accuracy: Paired | None
    """Of exclusive classes."""
    broken: tuple[str, ...]
    """Gates that were not kept, in words."""


class BuiltFigures(Frozen):
    """``model_zoo/<name>/parity.json``: what one build's bundle says, so that a card needs no build."""

    schema_version: Literal[1] = 1
    bundle: str
    weights_sha256: Sha256
    data: str
    split: str
    films: int
    patients: int
    calibration_films: int | None
    """None where no artifact needs them."""
    artifacts: tuple[BuiltArtifact, ...]


class Speed(Frozen):
    """``model_zoo/<name>/speed.json``: medians of rounds in which all took turns, in one process with one thread."""

    schema_version: Literal[1] = 1
    machine: str
    rounds: int = Field(ge=1)
    teacher: str
    teacher_ms: float = Field(gt=0)
    """In eager PyTorch, as the next one."""
    student_ms: float = Field(gt=0)
    artifact: ArtifactName
    artifact_sha256: Sha256
    artifact_ms: float = Field(gt=0)

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
    student: str
    parameters: int | None
    teacher: str | None
    """None: it was distilled from nothing here."""
    teacher_parameters: int | None
    test_auc: float | None
    """Mean over the ``labels_scored`` labels that have one."""
    test_interval: Interval | None
    labels_scored: int | None
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
