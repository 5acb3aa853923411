"""The field log: what a tester's app exports after its self-test and benchmark. Nothing of a person or a film is in it.

Version 1. The JSON Schema is published under ``docs/schemas/``; apps write it, ``cxredge field`` reads it.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator

from cxredge import strict_json
from cxredge.errors import InputError
from cxredge.vocabulary import AppKind, ArtifactName, Frozen, Sha256, Slug, Version

MAX_BYTES = 1_000_000
Word = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
Sentence = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
BundleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}-[0-9.]{5,29}-[0-9a-f]{12}$")]
Milliseconds = Annotated[float, Field(ge=0)]


class Entry(Frozen):
    """Base of every part: types are not converted, so that "1" is no number."""

    model_config = ConfigDict(strict=True)


class LoggedBundle(Entry):
    """The bundle that the app was built with, and the artifact that it ran."""

    id: BundleId
    name: Slug
    version: Version
    kind: Literal["host"] | AppKind
    artifact: ArtifactName
    artifact_sha256: Sha256
    signed_by: Sha256
    """Fingerprint of the key."""
    development_key: bool


class App(Entry):
    """The app, and the runtime that it called."""

    version: Word
    runtime: Word
    """Name and version, for example ``executorch 1.4.1``."""


class Device(Entry):
    """The phone: what kind it is, and nothing that tells it from others of its kind."""

    manufacturer: Word
    model: Word
    android: Word
    """Version of the system."""
    api: int = Field(ge=1)
    """API level."""
    abi: Word
    cores: int = Field(ge=1)
    memory_mb: int = Field(ge=1)


class Stage(Entry):
    """One stage of the self-test."""

    stage: Literal["preprocessing", "runtime", "decision"]
    passed: bool
    checks: int = Field(ge=0)
    worst: float | None
    """In the stage's unit: grey levels, share of the tolerance, decisions. None: not a finite number."""
    allowed: float
    """In the same unit."""
    detail: Sentence
    """The first failure; empty when passed."""


class SelfTestLog(Entry):
    """What came of the bundle's known answers on this device."""

    passed: bool
    """Whether every stage did."""
    seconds: float = Field(ge=0)
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=3)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len({stage.stage for stage in self.stages}) != len(self.stages):
            raise ValueError("a stage is there twice")
        if self.passed != all(stage.passed for stage in self.stages):
            raise ValueError("passed does not agree with the stages")
        return self


class Benchmark(Entry):
    """Latency of the artifact on this device."""

    threads: int = Field(ge=1)
    load_ms: Milliseconds
    first_ms: Milliseconds
    runs: int = Field(ge=1)
    """Runs after the first, which the percentiles are over."""
    p50_ms: Milliseconds
    p90_ms: Milliseconds
    thermal_before: Word
    """The system's word for its thermal state, or ``unknown``."""
    thermal_after: Word


class FieldLog(Entry):
    """One log, whole."""

    field_log: Literal[1] = 1
    bundle: LoggedBundle
    app: App
    device: Device
    self_test: SelfTestLog
    benchmark: Benchmark | None
    """None: not run."""
    written: datetime.date


def read_field_log(path: Path) -> FieldLog:
    """Read one log. Raises InputError FIELD-MISSING, FIELD-SYNTAX, FIELD-VERSION or FIELD-SCHEMA."""
    if not path.is_file():
        raise InputError("FIELD-MISSING", f"{path} is no file", "name a log that an app exported")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has {path.stat().st_size} bytes, above {MAX_BYTES}")
        data = path.read_bytes()
        tree = strict_json.parse(data, MAX_BYTES)
    except ValueError as error:
        raise InputError("FIELD-SYNTAX", f"{path} is not a field log: {error}", "export it again") from error
    version = tree.get("field_log") if isinstance(tree, dict) else None
    if version != 1:
        raise InputError("FIELD-VERSION", f"{path} has version {version!a}", "use a cxredge that knows it", ["1"])
    try:
        return FieldLog.model_validate_json(data)
    except ValidationError as error:
        place, what = strict_json.first_fault(error)
        raise InputError("FIELD-SCHEMA", f"{path}: {place}: {what}", "export it again") from error
