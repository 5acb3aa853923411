"""The field log: what an app exports of its self-test and benchmark, of refusals and of crashes.

Nothing of a person or a film is in it. Version 2, for any operating system. The JSON Schema is published under
``docs/schemas/``; apps write it, ``cxredge field`` reads it.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from cxredge.vocabulary import AppKind, ArtifactName, Frozen, Sha256, Slug, Version, Word


def _day(text: str) -> str:
    datetime.date.fromisoformat(text)
    return text


# a string: as a date, pydantic also takes seconds since 1970 in quotes
Day = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(_day),
    Field(json_schema_extra={"format": "date"}),
]
Sentence = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,20}(-[A-Z0-9]{1,20}){0,3}$")]
CpuFeature = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.+-]{1,40}$")]
BundleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}-[0-9.]{5,29}-[0-9a-f]{12}$")]
Milliseconds = Annotated[float, Field(ge=0)]
MOST = 2**53
"""The greatest whole number that every reader of JSON holds exactly."""
Positive = Annotated[int, Field(ge=1, le=MOST)]
Nothing = Annotated[float, Field(ge=0, le=0)]
Whole = Annotated[float, Field(ge=1, le=1)]
"""As numbers and not as literals, of which 0.0 would be none for a JSON 0."""


class Entry(Frozen):
    """Base of every part: types are not converted, so that "1" is no number, and every key is there."""

    model_config = ConfigDict(strict=True)


class App(Entry):
    """The app."""

    name: Slug
    version: Word


class System(Entry):
    """The operating system."""

    name: Slug
    """For example ``android`` or ``ios``."""
    version: Word
    api: Positive | None
    """Android's API level; None on other systems."""


class Device(Entry):
    """The phone: what kind it is, and nothing that tells it from others of its kind."""

    manufacturer: Word
    model: Word
    soc: Word | None
    """The chip, where the system names it."""
    abi: Word
    cpu_features: tuple[CpuFeature, ...] = Field(max_length=128)
    """As the kernel names them, sorted: they decide which kernels of a runtime run."""
    cores: Positive
    memory_mb: Positive

    @model_validator(mode="after")
    def _sorted(self) -> Self:
        if list(self.cpu_features) != sorted(set(self.cpu_features)):
            raise ValueError("cpu_features are not sorted, or one is there twice")
        return self


class LoggedBundle(Entry):
    """The bundle that the app accepted."""

    id: BundleId
    name: Slug
    version: Version
    kind: Literal["host"] | AppKind
    signed_by: Sha256
    """Fingerprint of the key."""
    development_key: bool


class LoggedArtifact(Entry):
    """The artifact of the bundle that was run, or tried."""

    name: ArtifactName
    sha256: Sha256
    runtime: Word
    """Name and version of what ran it, for example ``litert 2.1.6``."""


class Stage(Entry):
    """One stage of the self-test: which, and in which unit, its subclasses say."""

    stage: str
    passed: bool
    checks: int = Field(ge=0, le=MOST)
    worst: Annotated[float, Field(ge=0)] | None
    """In the stage's unit. None: not a finite number."""
    allowed: float
    """In the same unit; the same in every log."""
    detail: Sentence
    """The first failure; empty when passed."""


class PreprocessingStage(Stage):
    """From a picture's bytes to the model's pixels, byte for byte. In grey levels."""

    stage: Literal["preprocessing"]
    allowed: Nothing


class RuntimeStage(Stage):
    """From the expected pixels to the model's outputs. In shares of the artifact's tolerance."""

    stage: Literal["runtime"]
    allowed: Whole


class DecisionStage(Stage):
    """From outputs to what is said of a film, exactly. In wrong decisions."""

    stage: Literal["decision"]
    allowed: Nothing


class SelfTestLog(Entry):
    """What came of the bundle's known answers on this device. A self-test that was begun has run every stage."""

    passed: bool
    """Whether every stage did."""
    seconds: float = Field(ge=0)
    stages: tuple[PreprocessingStage, RuntimeStage, DecisionStage]


class Benchmark(Entry):
    """Latency of the artifact on this device."""

    threads: Positive
    load_ms: Milliseconds
    first_ms: Milliseconds
    runs: Positive
    """Runs after the first, which the percentiles are over."""
    p50_ms: Milliseconds
    p90_ms: Milliseconds
    thermal_before: Word
    """The system's word for its thermal state, or ``unknown``."""
    thermal_after: Word


class Refusal(Entry):
    """The app said no: to a bundle at its start, to a film, or in a benchmark."""

    during: Literal["start", "film", "benchmark"]
    code: Code
    reason: Sentence
    """In words; empty for a film, because it might quote the film."""


class Crash(Entry):
    """The app ended without being asked to."""

    kind: Literal["exception", "native", "not-responding", "memory"]
    on: Day
    what: Word
    """Class of the exception or name of the signal; never a message, which might quote a film."""
    at: tuple[Word, ...] = Field(max_length=8)
    """Where, innermost first: functions and lines of the app and its libraries."""


class FieldLog(Entry):
    """One log, whole. Parts that contradict each other are found by ``contradictions``."""

    field_log: Literal[2]
    written: Day
    study: Slug | None
    """Code of the study that the tester takes part in."""
    app: App
    system: System
    device: Device
    bundle: LoggedBundle | None
    """None: none was accepted."""
    artifact: LoggedArtifact | None
    self_test: SelfTestLog | None
    """None: not begun."""
    benchmark: Benchmark | None
    """None: not run."""
    refusals: tuple[Refusal, ...] = Field(max_length=32)
    """The newest, oldest first."""
    crashes: tuple[Crash, ...] = Field(max_length=32)
    """The newest, oldest first."""
