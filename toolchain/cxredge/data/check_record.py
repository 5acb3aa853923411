"""What ``cxredge data check`` finds in a folder of films, as records."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cxredge.vocabulary import Frozen

PairKind = Literal["bytes", "pixels", "near"]
"""How two films are one: the same file, the same decoded grey levels, or the same picture stored in another way."""


class LabelCount(Frozen):
    """One label in one split, by films and by patients; a patient with a positive film is positive."""

    positives: int
    negatives: int
    unlabelled: int
    positive_patients: int
    negative_patients: int
    unlabelled_patients: int


class SplitCount(Frozen):
    """One split that has films."""

    films: int
    patients: int
    labels: dict[str, LabelCount]


class PatientLeak(Frozen):
    """One patient in several splits. names: as the table writes them."""

    names: tuple[str, ...]
    splits: dict[str, int]
    """Films by split."""


class FilmAt(Frozen):
    """A film by its row."""

    line: int
    file: str
    split: str
    patient: str


class Pair(Frozen):
    """Two rows that show one picture."""

    kind: PairKind
    one: FilmAt
    other: FilmAt
    correlation: float | None = None
    """Of near duplicates: of the two thumbnails, laid over each other as well as crops allow."""
    labels_differ: tuple[str, ...] = ()
    """Labels that one of them has and the other has not."""

    @property
    def leaks(self) -> bool:
        """Whether they are in two splits."""
        return self.one.split != self.other.split


class Refused(Frozen):
    """A film that cannot be read, and why."""

    line: int
    file: str
    code: str
    cause: str


class ValueShare(Frozen):
    """One value of a property or column. share: of its labelled films that are positive, 0..1."""

    value: str
    films: int
    share: float


class Shortcut(Frozen):
    """How well one label is told from what is no anatomy, on films of patients that nothing was fitted to.

    told_by: ``file`` (all properties of the file together), ``file:PROPERTY``, ``border``, or ``column:NAME``.
    low, high: 99 % interval over patients; null for single properties of the file, which are told for where to look.
    """

    label: str
    told_by: str
    films: int
    patients: int
    auc: float
    low: float | None
    high: float | None
    given_away: bool
    values: tuple[ValueShare, ...] = ()
    """Of a column or single property: its commonest values."""


class Bounds(Frozen):
    """The bounds that the findings were made by. near: the correlation from which on films are near duplicates."""

    near: float
    given_away: float


class DataCheck(Frozen):
    """``data check``: all that was found. Nothing was written."""

    folder: str
    table_sha256: str
    rows: int
    patients: int
    read: int
    """Films that could be read: only these were compared with each other."""
    colour: int
    """Films of those that are in colour: a recipe takes either these (``channels: 3``) or the others."""
    labels: dict[str, str]
    """Labels, and the column that tells each."""
    not_taken: dict[str, str] = {}
    """Columns that look like labels and are not taken for them, and why."""
    set_aside: tuple[str, ...]
    """Columns that say again what the labels say, and were not tried as shortcuts."""
    splits: dict[str, SplitCount]
    without_positives: tuple[str, ...]
    """``SPLIT: LABEL`` of every label without a positive film in a split that has films; ``SPLIT`` of one without."""
    patient_leaks: tuple[PatientLeak, ...]
    pairs: tuple[Pair, ...]
    unreadable: tuple[Refused, ...]
    missing: tuple[Refused, ...]
    """Rows whose file is not there."""
    not_listed: tuple[str, ...]
    """Films in the folder that no row names; masks of films that have a row are none."""
    other_files: int = Field(ge=0)
    """Other files in the folder, which are no films; the table and its hashes are not counted."""
    shortcuts: tuple[Shortcut, ...]
    too_few: tuple[str, ...]
    """Labels with too few patients with or without them for shortcuts to be judged."""
    bounds: Bounds

    @property
    def leaking(self) -> int:
        """Patients and pairs of films that are in two splits: what makes the command fail."""
        return len(self.patient_leaks) + sum(pair.leaks for pair in self.pairs)
