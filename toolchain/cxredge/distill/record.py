"""What a distillation leaves beside its weights: ``results.json``, the only place where its figures come from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cxredge.bounds import MOST, Change, Count, HasEnds, Real, Seconds, Share
from cxredge.errors import counted
from cxredge.evidence_chance import Chance
from cxredge.results import BootstrapSpec
from cxredge.vocabulary import AbsentIf, Frozen, Label, Line, QualityKind, Sha256, ShortLine, Slug, Sparse

MIN_CASES = 5
"""Fewer positives or negatives than this give no AUC: one film would move it by a tenth and more."""


class SplitCount(Sparse):
    """Size of one split after the licence filter; ``positives`` by label that the films tell.

    untold: films that do not tell it, by label of which there are any; absent where there is none.
    """

    films: Count
    patients: Count
    positives: dict[Label, Count]
    untold: Annotated[dict[Label, Count], AbsentIf(lambda counts: not counts)] = {}


class LabelScore(Frozen):
    """Area under the ROC curve of one label; none where the split has too few cases, or its films do not tell the
    label and there are no counts: ``note`` then says so."""

    auc: Share | None
    positives: Count | None
    negatives: Count | None
    note: ShortLine | None = None


class Score(Frozen):
    """One model on one split. ``macro_auc`` is the mean over the ``labels_scored`` labels that have an AUC."""

    macro_auc: Share | None
    labels_scored: Count
    labels: dict[Label, LabelScore]
    accuracy: Share | None = None
    """Of exclusive classes: share of the films whose own class has the greatest logit, uncertain or not."""


class Interval(HasEnds):
    """Percentile bootstrap over patients: a film's patient is drawn with all the patient's films."""

    value: Share
    """The mean AUC of the labels that it is of."""
    low: Share
    high: Share
    level: Share
    resamples: Count
    seed: int
    labels: Count
    """Those with 10 positive and 10 negative patients and more: of fewer a bootstrap knows too little."""


class Hits(Frozen):
    """Of ``maps`` the ``share`` whose peak lies in the finding."""

    maps: Count
    share: Share


class Pointing(Frozen):
    """The pointing game of Zhang et al., "Top-down Neural Attention by Excitation Backprop" (ECCV 2016), on test.

    One map for each label that a film has and has a mask of, whatever the decision: a hit is a peak, the centre of the
    greatest cell where the apps draw it, that lies in the mask itself, with none of their tolerance of 15 pixels.
    """

    all: Hits
    labels: dict[Label, Hits]
    """Of labels of which there are any."""


class TrainingRecord(Sparse):
    """One training. ``losses`` holds each epoch's mean; ``seconds`` leaves out the reading of films."""

    backbone: ShortLine
    pretrained: ShortLine | None
    parameters: Count
    epochs: Count
    losses: tuple[Real, ...]
    val_aucs: Annotated[tuple[Share | None, ...], AbsentIf(lambda areas: not areas)] = ()
    """Mean AUC on val after each epoch, of the averaged weights; absent in files of an older version."""
    kept_epoch: Annotated[Count | None, AbsentIf(lambda epoch: epoch is None)] = None
    """Whose weights were kept, where a training may stop early; absent where these are the last one's."""
    seconds: Seconds
    val: Score
    test: Score
    pointing: Annotated[Pointing | None, AbsentIf(lambda found: found is None)] = None
    """Absent without maps, of films without masks, and in files of an older version."""


class PretrainingRecord(Frozen):
    """How a student's backbone learnt without labels, and from what; ``losses`` as in a training."""

    backbone: ShortLine
    pretrained: ShortLine
    sets: tuple[ShortLine, ...]
    phantoms: Count
    """Patients of phantoms."""
    films: Count
    patients: Count
    epochs: Count
    losses: tuple[Real, ...] = Field(min_length=1)
    seconds: Seconds


class FurtherTeacherRecord(Frozen):
    """A teacher beside the first: the labels that it speaks for, and its mean AUC on val over them, its weight."""

    backbone: ShortLine
    weights_sha256: Sha256
    labels: tuple[Label, ...]
    val_auc: Share


class Lost(HasEnds):
    """A figure of the teacher's less the student's, and its interval over patients, on the same resamples."""

    value: Change | None
    """None: ``too_few`` says of what."""
    low: Change | None
    high: Change | None
    too_few: ShortLine | None = None

    @property
    def words(self) -> str:
        """The value and its interval, or why there are none."""
        if self.value is None:
            return f"not known ({self.too_few})"
        ends = f"no interval: {self.too_few}" if self.low is None else f"{self.low:+.3f}, {self.high:+.3f}"
        return f"{self.value:+.3f} [{ends}]"


class LostToTeacher(Frozen):
    """What the student loses against its teacher on test."""

    auc: Lost
    """Of the mean over ``labels`` labels, those with patients enough."""
    labels: Count
    accuracy: Lost | None
    """Of exclusive classes, whatever the least margin."""
    bootstrap: BootstrapSpec

    @property
    def words(self) -> str:
        """One line, without the films."""
        of = f" of {counted(self.labels, 'label')}" if self.labels else ""
        said = f"mean AUC{of} {self.auc.words}"
        return said if self.accuracy is None else f"{said}, accuracy {self.accuracy.words}"


class QualityScore(Frozen):
    """The quality head on ``films`` test films and their own accidents, by kind."""

    films: Count
    found: dict[QualityKind, Share]
    """Share of the films with that accident that are flagged as this kind."""
    false_alarms: dict[QualityKind, Share]
    """Share of the films as they are that is flagged as this kind."""


class DistillResults(Sparse):
    """``model_zoo/<name>/results.json``: what one ``cxredge distill`` used, did and measured."""

    schema_version: int = 1
    name: Slug
    data: ShortLine
    statement: Line
    """What the figures do and do not say."""
    licence_used: dict[ShortLine, Count]
    """Films by licence class."""
    licence_excluded: dict[ShortLine, Count]
    splits: dict[ShortLine, SplitCount]
    leaks: Annotated[tuple[tuple[Line, Line, Real], ...] | None, AbsentIf(lambda found: found == ())] = ()
    """Films of two splits that seem to be one picture, and how like they are; absent where there are none, null where
    there are too many films to compare them all."""
    pretraining: Annotated[PretrainingRecord | None, AbsentIf(lambda record: record is None)] = None
    teacher: TrainingRecord
    further_teachers: Annotated[dict[ShortLine, FurtherTeacherRecord], AbsentIf(lambda found: not found)] = {}
    """By name; the first one, ``teacher``, is measured alone."""
    student: TrainingRecord
    student_test_interval: Interval | None
    """Of the student's macro AUC on test; none where there is no macro AUC."""
    lost: Annotated[LostToTeacher | None, AbsentIf(lambda found: found is None)] = None
    """Absent in files of an older version."""
    chance: Chance | None = None
    """Whether the student does better than chance on test; None in files of an older version."""
    quality: Annotated[QualityScore | None, AbsentIf(lambda score: score is None)] = None
    """Of the quality head on test; None without one."""
    seed: Count
    threads: int = Field(ge=1, le=MOST)
    processes: Annotated[ShortLine | None, AbsentIf(lambda said: said is None)] = None
    """How many, on what, in which numbers; absent in files of an older version."""
    versions: dict[ShortLine, ShortLine]
    weights_sha256: Sha256
