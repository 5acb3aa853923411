"""Evidence on films that a bundle was not built with: which films, and how its thresholds do on them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cxredge.results import GateResult
from cxredge.vocabulary import ArtifactName, Frozen, Label, QualityKind, Sha256

UNCERTAIN = "uncertain"
NOVEL = "novel"


class Share(Frozen):
    """A share of films, and its 95 % interval over patients (``statistics.shares``)."""

    hits: int = Field(ge=0)
    films: int = Field(ge=0)
    patients: int = Field(ge=0)
    value: float | None
    """None, as the ends are, where there is no film to take a share of."""
    low: float | None
    high: float | None

    @property
    def ends(self) -> tuple[float, float, float] | None:
        """The share and its interval's ends; None where there is no film."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return self.value, self.low, self.high

    @property
    def words(self) -> str:
        """``0.91 [0.80, 0.96]``, or ``no film``."""
        return "no film" if self.ends is None else "{:.2f} [{:.2f}, {:.2f}]".format(*self.ends)


class LabelOperating(Frozen):
    """One label at the operating point; of exclusive classes, one class against the rest at the least margin."""

    label: Label
    called: Share
    """Of all films, those that are called so."""
    sensitivity: Share | None
    """Of the films with the label, those that are called so; None: the label is not judged."""
    specificity: Share | None
    """Of the films without it, those that are not."""


class Operating(Frozen):
    """What the float32 student says of a list of films at the bundle's thresholds."""

    films: int
    patients: int
    labels: tuple[LabelOperating, ...]
    uncertain: Share | None = None
    """Of exclusive classes: films that get no class. None for independent findings."""
    novel: Share | None = None
    """Films above the novelty threshold. None: the student has no such score."""


class Flagged(Frozen):
    """Films that the output ``quality`` takes for inverted, turned ..., by the bundle's thresholds."""

    figure: QualityKind | Literal["refused"]
    """``refused``: for any kind but ``mirrored``, so that ``predict`` holds its answer back."""
    share: Share


class Carried(Frozen):
    """One share at the bundle's thresholds, on the films that it was built with and on others."""

    figure: Literal["sensitivity", "specificity", "uncertain", "novel", "refused"] | QualityKind
    label: Label | None
    built: Share
    here: Share
    low: float
    """Ends of the 95 % interval of the difference, here less there (Newcombe 1998, from the two intervals)."""
    high: float
    moved: bool
    """Whether this interval leaves out 0."""


class Unread(Frozen):
    """A film that could not be read, and why."""

    film: str
    code: str
    cause: str


class KnownFilm(Frozen):
    """A film whose bytes are those of one that the bundle was built with."""

    film: str
    same_as: str
    used_for: tuple[Literal["calibration", "evaluation", "validation"], ...]


class OwnFailure(Frozen):
    """An artifact that did not keep its gates when the bundle was built, on the bundle's own films."""

    artifact: ArtifactName
    gates: tuple[GateResult, ...]
    """Those that were not kept."""

    @property
    def words(self) -> str:
        """``flip_rate is 0.04, the bound is at most 0.03``."""
        return "; ".join(gate.words for gate in self.gates) or "none was held"


class ArtifactElsewhere(Frozen):
    """What one artifact does on these films beside its figures and gates."""

    artifact: ArtifactName
    novel: Share | None
    quality: tuple[Flagged, ...] = ()
    """As ``OtherFilms.quality``; empty where the artifact has no such output."""
    scores: tuple[GateResult, ...]
    """The recipe's bounds on losses of scores, held against these films: told, and never counted as gates here."""


class OtherFilms(Frozen):
    """The films that a bundle was judged on, where these are not the ones that it was built with."""

    data: str
    """Name of the folder."""
    table_sha256: Sha256 | None
    """Of its ``labels.csv``; None: there is none, or it was left aside."""
    films: int
    """That were read, and judged on; ``films_sha256`` of the results names them and their order."""
    patients: int
    patients_named: bool
    """Whether the table tells whose films they are; else each film counts as a patient."""
    judged: tuple[Label, ...]
    """Labels that the table tells."""
    not_judged: tuple[Label, ...]
    unread: tuple[Unread, ...]
    not_listed: int = Field(ge=0)
    """Other files in the folder that its table does not list: they were not read."""
    same_bytes: int = Field(ge=0)
    """Films whose bytes are those of another film of this set: each counts on its own."""
    known: tuple[KnownFilm, ...]
    """Films that are no other ones."""
    built_with: bool
    """Whether this is the data set that the bundle was built with: the student may have learnt from its films."""
    here: Operating
    built: Operating | None
    """On the bundle's evaluation films, as its record has it; None: the bundle is of an older version."""
    carried: tuple[Carried, ...]
    """Every share that is known of both."""
    artifacts: tuple[ArtifactElsewhere, ...]
    quality: tuple[Flagged, ...] = ()
    """These films as the float32 student sees them: refused, and by kind. Empty: it has no such output."""
    quality_built: tuple[Flagged, ...] = ()
    """The bundle's own evaluation films, of which only counts are known: each interval is as if the share were of one
    film a patient. Empty also where the bundle's record does not tell."""
    own_failed: tuple[OwnFailure, ...] = ()
    """Artifacts that the bundle's record says did not keep their gates: no films of elsewhere make up for that."""
    warnings: tuple[str, ...]
    """What is to be known before anybody reads the figures, in words."""

    @property
    def moved(self) -> tuple[Carried, ...]:
        """Shares that differ by more than the draw of patients explains."""
        return tuple(one for one in self.carried if one.moved)
