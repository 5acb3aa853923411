"""Assembling a bundle from whole parts: files, self-test, card, bill of materials, then the manifest that lists all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.bundle import bom, card, selftest
from cxredge.bundle.manifest import (
    FILE,
    BundledArtifact,
    BundleKind,
    FilmList,
    Manifest,
    StrangersRecord,
    TensorSpec,
    Tolerance,
    list_files,
    seal,
)
from cxredge.evidence import Temperature
from cxredge.files import canonical_json, fresh_directory, write_text
from cxredge.outputs import Outputs
from cxredge.recipe import Recipe
from cxredge.results import SEMANTICS, Artifact, CalibrationRecord, Verdict
from cxredge.targets import get_target

REFERENCE_WEIGHTS = "reference/weights.safetensors"
CALIBRATION = "artifacts/calibration.json"


@dataclass(frozen=True)
class Parts:
    """Everything that a bundle is made of.

    artifacts: record and file by name. selftest: outputs of the self-test inputs by artifact name.
    """

    recipe: Recipe
    weights: Path
    parameters: int
    artifacts: Mapping[str, tuple[Artifact, Path]]
    verdicts: tuple[Verdict, ...]
    calibration: CalibrationRecord | None
    temperatures: Mapping[str, Temperature]
    evaluation: FilmList
    validation: FilmList
    strangers: StrangersRecord
    selftest: Mapping[str, Outputs]
    tools: Mapping[str, str]


def assemble(parts: Parts, kind: BundleKind, goal: Path) -> Manifest:
    """Write the bundle beside ``goal`` and rename it there. The same parts give the same bytes."""
    recipe = parts.recipe
    names = tuple(parts.artifacts) if kind == "host" else recipe.bundles.of(kind)
    with fresh_directory(goal) as folder:
        entries = []
        for name in names:
            artifact, source = parts.artifacts[name]
            path = f"artifacts/{artifact.target}/{artifact.file}"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / path)
            entries.append(_entry(artifact, path, recipe, parts.selftest[name], parts.temperatures[name]))
        calibration = parts.calibration
        if calibration is not None:
            kept = {t: r for t, r in calibration.ranges.items() if any(n.startswith(f"{t}/") for n in names)}
            calibration = calibration.model_copy(update={"ranges": kept})
            write_text(folder / CALIBRATION, canonical_json(calibration.model_dump(mode="json")))
        if kind == "host":
            (folder / REFERENCE_WEIGHTS).parent.mkdir()
            shutil.copyfile(parts.weights, folder / REFERENCE_WEIGHTS)
        expected = {name: parts.selftest[name] for name in names}
        selftest.write_selftest(folder, recipe.input, selftest.make_inputs(recipe.input), expected)
        verdicts = tuple(v for v in parts.verdicts if v.artifact in names)
        manifest = Manifest(
            kind=kind,
            id="",
            recipe=recipe,
            parameters=parts.parameters,
            artifacts=tuple(entries),
            primary=recipe.primary if kind == "host" and recipe.primary in names else names[0],
            calibration=calibration,
            evaluation=parts.evaluation,
            validation=parts.validation,
            strangers=parts.strangers,
            verdicts=verdicts,
            selftest=selftest.FILE,
            tools=dict(sorted(parts.tools.items())),
            statement=statement(parts, verdicts),
            files=(),
        )
        write_text(folder / "MODEL_CARD.md", card.render(manifest))
        listed = (REFERENCE_WEIGHTS, selftest.FILE) if kind == "host" else (selftest.FILE,)
        write_text(folder / bom.FILE, bom.render(manifest, folder, listed))
        manifest = seal(manifest.model_copy(update={"files": list_files(folder)}))
        write_text(folder / FILE, canonical_json(manifest.model_dump(mode="json")))
    return manifest


def statement(parts: Parts, verdicts: Sequence[Verdict]) -> str:
    """What was verified of a bundle with these verdicts, in one paragraph that claims no more."""
    evaluation = parts.evaluation
    what = "phantom films" if parts.recipe.data.source == "phantom" else "films"
    return (
        f"Every artifact was run on the machine that built it, on {len(evaluation.films)} {what} of "
        f"{evaluation.patients} patients (split {evaluation.split} of {evaluation.data}) that were neither trained nor "
        f"calibrated on, and held against the float32 student. {_evaluated(verdicts)}Phones, their processors and "
        "their delegates: not verified here. Agreement with the student says nothing about the student's own clinical "
        "validity, which was not examined."
    )


def _evaluated(verdicts: Sequence[Verdict]) -> str:
    """A sentence about artifacts that their own runtime did not run here."""
    names = sorted(v.artifact for v in verdicts if v.runtime == SEMANTICS)
    if not names:
        return ""
    return (
        f"{', '.join(names)}: the saved programs were evaluated operator by operator, with the dtypes that they "
        "declare; Apple's Core ML, which may fuse and accumulate otherwise, was not run. "
    )


def _entry(
    artifact: Artifact, path: str, recipe: Recipe, outputs: Outputs, temperature: Temperature
) -> BundledArtifact:
    logits, cam, novelty, rule = selftest.tolerance(artifact, outputs)
    layout = get_target(artifact.target).layout
    classes, height, width = outputs["cam"].shape[1:]

    def image(channels: int, rows: int, columns: int) -> tuple[int, ...]:
        return (1, channels, rows, columns) if layout == "NCHW" else (1, rows, columns, channels)

    spec = recipe.input
    return BundledArtifact(
        artifact=artifact,
        path=path,
        inputs=(
            TensorSpec(
                name="image",
                index=0,
                shape=image(spec.channels, spec.height, spec.width),
                layout=layout,
                low=0.0,
                high=255.0,
                unit="grey level after preprocessing" if spec.channels == 1 else "RGB level after preprocessing",
            ),
        ),
        outputs=(
            TensorSpec(name="logits", index=0, shape=(1, classes), layout="NC", unit="logit"),
            TensorSpec(
                name="cam",
                index=1,
                shape=image(classes, height, width),
                layout=layout,
                unit="logit; cell (i, j) is centred on pixel (i * H / h, j * W / w) of the input",
            ),
            TensorSpec(
                name="novelty",
                index=2,
                shape=(1,),
                layout="N",
                low=0.0,
                unit="mean squared distance from the training films, in standard deviations",
            ),
        ),
        tolerance=Tolerance(logits_abs=logits, cam_abs=cam, novelty_rel=novelty, rule=rule),
        temperature=temperature,
    )
