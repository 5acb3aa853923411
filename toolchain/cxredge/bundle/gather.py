"""What a bundle is made of, gathered from the stages of a finished walk."""

from __future__ import annotations

import json
from pathlib import Path

from cxredge.bundle.assemble import Parts
from cxredge.bundle.manifest import EvaluationRecord
from cxredge.bundle.walk import Walk
from cxredge.outputs import OutputsFile, read_outputs
from cxredge.recipe import TargetName
from cxredge.results import Artifact, CalibrationRecord, TensorRange, Verdict
from cxredge.targets import calibration, get_target
from cxredge.targets.jobs import REFERENCE


def kept_outputs(walk: Walk, name: str, digest: str, stack: str = "evaluation") -> OutputsFile:
    """What artifact ``name`` with this SHA-256, or the reference, said of the films of ``stack``."""
    return read_outputs(walk.outputs_stage(name, digest).folder / f"{stack}.safetensors")


def gather(walk: Walk, lowered: dict[str, Artifact], verdicts: tuple[Verdict, ...]) -> Parts:
    """The parts of the bundles of a walk whose stages are all filled."""
    reference = walk.outputs_stage(REFERENCE, walk.recipe.weights.sha256)
    parameters = json.loads((reference.folder / "student.json").read_text())["parameters"]
    evaluation = walk.evaluation
    tests = {name: kept_outputs(walk, name, a.sha256, "selftest").outputs for name, a in lowered.items()}
    return Parts(
        recipe=walk.recipe,
        weights=walk.weights,
        parameters=parameters,
        artifacts={n: (a.model_copy(update={"ranges": ()}), _file(walk, n, a)) for n, a in lowered.items()},
        verdicts=verdicts,
        calibration=_calibration_record(walk, lowered),
        evaluation=EvaluationRecord(
            data=walk.data.name,
            split=walk.recipe.evaluation.split,
            patients=len({f.patient for f in evaluation.films}),
            films=evaluation.records,
            films_sha256=evaluation.digest,
        ),
        selftest=tests,
        tools={k: v for name in lowered for k, v in get_target(name.split("/")[0]).tools().items()},
    )


def _file(walk: Walk, name: str, artifact: Artifact) -> Path:
    return walk.lower_stage(name).folder / artifact.file


def _calibration_record(walk: Walk, lowered: dict[str, Artifact]) -> CalibrationRecord | None:
    if walk.calibration is None:
        return None
    ranges: dict[TargetName, tuple[TensorRange, ...]] = {a.target: a.ranges for a in lowered.values() if a.ranges}
    found = calibration.record(walk.data, walk.recipe, walk.calibration.records)
    return found.model_copy(update={"ranges": ranges})
