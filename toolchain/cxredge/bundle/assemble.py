"""Assembling a bundle from whole parts: files, self-test, record, card, bill of materials, then the manifest."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxredge.bundle import bom, card, selftest
from cxredge.bundle.build_record import FilmLists, Making, Record, write_record
from cxredge.bundle.bundle import foreign, list_files, not_failed
from cxredge.bundle.manifest import (
    FAILED,
    FILE,
    MAX_BYTES,
    AnyKind,
    AnyManifest,
    ArtifactEntry,
    FailedManifest,
    Manifest,
    holds_reference,
    seal,
    tensors,
    text,
)
from cxredge.bundle.model import Model
from cxredge.errors import InputError, counted
from cxredge.evidence import Temperature
from cxredge.evidence_chance import Chance
from cxredge.evidence_other_films import Operating
from cxredge.files import fresh_directory, write_text
from cxredge.outputs import Outputs
from cxredge.recipe import Recipe
from cxredge.recipe_card import by_groups
from cxredge.recipe_student import ProgramSpec
from cxredge.results import SEMANTICS, Artifact, CalibrationRecord, Verdict, failed_gates
from cxredge.targets import get_target
from cxredge.vocabulary import APP_TARGETS, ArtifactName


@dataclass(frozen=True)
class Parts:
    """Everything that a bundle is made of.

    artifacts: record and file by name. selftest: outputs of the self-test inputs by artifact name.
    """

    recipe: Recipe
    weights: Path
    parameters: int
    artifacts: Mapping[ArtifactName, tuple[Artifact, Path]]
    verdicts: tuple[Verdict, ...]
    calibration: CalibrationRecord | None
    temperatures: Mapping[ArtifactName, Temperature]
    films: FilmLists
    selftest: Mapping[ArtifactName, Outputs]
    tools: Mapping[str, str]
    chance: Chance | None
    operating: Operating | None = None


def assemble(parts: Parts, kind: AnyKind, goal: Path) -> AnyManifest:
    """Write the bundle beside ``goal`` and rename it there. The same parts give the same bytes.

    kind: ``failed`` for what is left of parts that keep not all of their gates, and for nothing else.

    Raises InputError MANIFEST-SIZE or SELFTEST-SIZE for what no phone would read, OUTPUT-FOREIGN for a place that holds
    anything but a bundle, and what ``fresh_directory`` raises.
    """
    recipe = parts.recipe
    names = recipe.bundles.of(kind) if kind in APP_TARGETS else tuple(parts.artifacts)
    record = _record(parts, names)
    with fresh_directory(goal, not_failed if kind == FAILED else foreign) as folder:
        for artifact in record.artifacts:
            path = folder / path_of(artifact)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(parts.artifacts[artifact.name][1], path)
        if holds_reference(kind):
            (folder / reference_file(recipe)).parent.mkdir()
            shutil.copyfile(parts.weights, folder / reference_file(recipe))
        expected = {name: parts.selftest[name] for name in names}
        selftest.write_selftest(folder, recipe.input, selftest.make_inputs(recipe.input), expected)
        write_record(folder, record)
        write_text(folder / "MODEL_CARD.md", card.render(record))
        listed = (reference_file(recipe), selftest.FILE) if holds_reference(kind) else (selftest.FILE,)
        paths = {artifact.name: path_of(artifact) for artifact in record.artifacts}
        write_text(folder / bom.FILE, bom.render(record, kind, paths, folder, listed))
        manifest = seal(_manifest(parts, kind, record, folder))
        written = text(manifest)
        size = len(written.encode())
        if size > MAX_BYTES:
            raise InputError(
                "MANIFEST-SIZE",
                f"the manifest of {kind} has {size} bytes; phones read {MAX_BYTES}",
                "bundle fewer artifacts, or labels with fewer languages",
            )
        write_text(folder / FILE, written)
    return manifest


def reference_file(recipe: Recipe) -> str:
    """Where the float32 student lies in a host bundle: weights, or a program."""
    return "reference/student.pt2" if isinstance(recipe.student, ProgramSpec) else "reference/weights.safetensors"


def path_of(artifact: Artifact) -> str:
    """Where an artifact lies in a bundle."""
    return f"artifacts/{artifact.target}/{artifact.file}"


def _record(parts: Parts, names: Sequence[ArtifactName]) -> Record:
    verdicts = tuple(v for v in parts.verdicts if v.artifact in names)
    calibration = parts.calibration
    if calibration is not None:
        targets = {name.target for name in names}
        kept = {target: ranges for target, ranges in calibration.ranges.items() if target in targets}
        calibration = calibration.model_copy(update={"ranges": kept})
    return Record(
        recipe=parts.recipe,
        artifacts=tuple(parts.artifacts[name][0] for name in names),
        calibration=calibration,
        films=parts.films,
        verdicts=verdicts,
        making=Making(
            parameters=parts.parameters,
            tools=dict(sorted(parts.tools.items())),
            temperatures={name: parts.temperatures[name] for name in names},
            statement=statement(parts, verdicts),
            chance=parts.chance,
            operating=parts.operating,
        ),
    )


def _manifest(parts: Parts, kind: AnyKind, record: Record, folder: Path) -> AnyManifest:
    """Without its id."""
    recipe, model = parts.recipe, Model.of(parts.recipe)
    names = [artifact.name for artifact in record.artifacts]
    said: dict[str, Any] = {
        "manifest": 2,
        "kind": kind,
        "id": "",
        "model": model,
        "artifacts": tuple(_entry(artifact, model, parts) for artifact in record.artifacts),
        "primary": recipe.primary if holds_reference(kind) and recipe.primary in names else names[0],
        "selftest": selftest.FILE,
        "files": list_files(folder),
    }
    if kind == FAILED:
        return FailedManifest(**said, failed=failed_gates(record.verdicts))
    return Manifest(**said)


def _entry(artifact: Artifact, model: Model, parts: Parts) -> ArtifactEntry:
    outputs = parts.selftest[artifact.name]
    cam = outputs.get("cam")
    verdict = next(v for v in parts.verdicts if v.artifact == artifact.name)
    return ArtifactEntry(
        name=artifact.name,
        path=path_of(artifact),
        sha256=artifact.sha256,
        **tensors(model, get_target(artifact.target).layout, None if cam is None else (cam.shape[2], cam.shape[3])),
        tolerance=selftest.tolerance(artifact, outputs),
        temperature=parts.temperatures[artifact.name].artifact,
        too_few=verdict.figures.labels_too_few,
    )


def statement(parts: Parts, verdicts: Sequence[Verdict]) -> str:
    """What was verified of a bundle with these verdicts, in one paragraph that claims no more."""
    evaluation, groups = parts.films.evaluation, parts.recipe.card.groups
    what = "phantom films" if parts.recipe.data.source == "phantom" else "films"
    apart, unknown = "neither trained nor calibrated on", ""
    if parts.recipe.original is not None:
        apart = "not calibrated on"
        unknown = "Whether the original, which was trained elsewhere, had seen them is not known. "
    return (
        f"Every artifact was run on the machine that built it, on {len(evaluation.films)} {what} of "
        f"{by_groups(counted(evaluation.patients, 'patient'), groups)} "
        f"(split {evaluation.split} of {evaluation.data}) that were {apart}, "
        f"and held against the float32 student. {unknown}{evaluated(verdicts)}Phones, their processors and "
        "their delegates: not verified here. Agreement with the student says nothing about the student's own clinical "
        "validity, which was not examined."
    )


def evaluated(verdicts: Sequence[Verdict]) -> str:
    """A sentence about artifacts that their own runtime did not run here."""
    names = sorted(v.artifact for v in verdicts if v.runtime == SEMANTICS)
    if not names:
        return ""
    return (
        f"{', '.join(names)}: the saved programs were evaluated operator by operator, with the dtypes that they "
        "declare; Apple's Core ML, which may fuse and accumulate otherwise, was not run. "
    )
