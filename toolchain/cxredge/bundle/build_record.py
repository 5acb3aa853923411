"""The record: what a host knows of a bundle's making, in files that no phone parses.

One JSON file a field under ``record/``, each listed in the manifest by hash.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated, Self

from pydantic import ValidationError, model_validator

from cxredge import strict_json
from cxredge.data.out_of_distribution import OodFilms
from cxredge.errors import InputError
from cxredge.evidence import Temperature
from cxredge.evidence_chance import Chance
from cxredge.evidence_other_films import Operating
from cxredge.files import canonical_json, read_bytes, write_text
from cxredge.recipe import Recipe
from cxredge.results import Artifact, CalibrationRecord, FilmRecord, Verdict
from cxredge.vocabulary import AbsentIf, ArtifactName, Frozen, Sha256, Sparse

FOLDER = "record"
MAX_BYTES = 16_000_000


class FilmList(Frozen):
    """Films of one split that the artifacts were run on."""

    data: str
    split: str
    patients: int
    films: tuple[FilmRecord, ...]
    films_sha256: Sha256


class OutOfDistributionRecord(Frozen):
    """Pictures that are no frontal chest films, for the novelty score: how many of each kind, and which."""

    kinds: dict[str, int]
    sha256: Sha256
    """Over the hashes of their preprocessed pixels, in order."""

    @classmethod
    def of(cls, films: OodFilms) -> Self:
        """The record of a list of pictures."""
        return cls(kinds=dict(Counter(p.kind for p in films.pictures)), sha256=films.digest)


class FilmLists(Frozen):
    """All that the artifacts were judged on."""

    evaluation: FilmList
    """Held against the reference on these."""
    validation: FilmList
    """Temperatures were fitted, and thresholds chosen, on these."""
    out_of_distribution: OutOfDistributionRecord | None
    """None: the student has no novelty score to try on such pictures."""


class Making(Sparse):
    """How the bundle came about."""

    parameters: int
    """Of the student."""
    tools: dict[str, str]
    """Versions."""
    temperatures: dict[ArtifactName, Temperature]
    statement: str
    """What was verified, where and on which films, and what was not."""
    chance: Chance | None = None
    """Whether the student itself does better than chance; None in bundles of an older version."""
    operating: Annotated[Operating | None, AbsentIf(lambda said: said is None)] = None
    """What the student calls on the evaluation films, which those of another place are held against; None as above."""


class Record(Frozen):
    """Everything about a bundle that only a host reads."""

    recipe: Recipe
    artifacts: tuple[Artifact, ...]
    calibration: CalibrationRecord | None
    films: FilmLists
    verdicts: tuple[Verdict, ...]
    making: Making

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = {artifact.name for artifact in self.artifacts}
        if len(names) != len(self.artifacts) or names != set(self.making.temperatures):
            raise ValueError("artifacts and temperatures are not of the same names, each once")
        return self

    def artifact(self, name: str) -> Artifact:
        """The artifact of that name, which the manifest has too."""
        return {artifact.name: artifact for artifact in self.artifacts}[ArtifactName(name)]


FILES = {field: f"{FOLDER}/{field}.json" for field in Record.model_fields}


def write_record(folder: Path, record: Record) -> None:
    """Write every file of the record into a bundle's folder."""
    for field, tree in record.model_dump(mode="json").items():
        write_text(folder / FILES[field], canonical_json(tree))


def read_record(folder: Path) -> Record:
    """The record of a bundle whose files were checked. Raises InputError BUNDLE-RECORD."""
    trees = {}
    for field, name in FILES.items():
        if not os.path.lexists(folder / name):
            raise refused(folder, f"{name} is not there")
        try:
            trees[field] = strict_json.parse(read_bytes(folder / name, MAX_BYTES), MAX_BYTES)
        except ValueError as error:
            raise refused(folder, f"{name} is not valid JSON: {error}") from error
    try:
        return Record.model_validate(trees)
    except ValidationError as error:
        place, what = strict_json.first_fault(error)
        raise refused(folder, f"{place}: {what}") from error


def refused(folder: Path, cause: str) -> InputError:
    """The error of a record that cannot be used."""
    return InputError("BUNDLE-RECORD", f"the record of {folder}: {cause}", "build the bundle again")
