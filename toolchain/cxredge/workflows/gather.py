"""What a bundle is made of, gathered from the stages of a finished walk."""

from __future__ import annotations

import json
from pathlib import Path

from cxredge.bundle.assemble import Parts
from cxredge.bundle.manifest import FilmList, StrangersRecord
from cxredge.outputs import OutputsFile, read_outputs
from cxredge.parity.judge import Answers, Judged
from cxredge.quantize import calibration
from cxredge.results import Artifact, CalibrationRecord, TensorRange
from cxredge.targets import get_target
from cxredge.vocabulary import TargetName
from cxredge.workers.pool import REFERENCE
from cxredge.workflows.pipeline import Films, Walk

JUDGED = ("evaluation", "validation", "strangers")
"""Stacks of pictures that a verdict rests on; ``Answers`` has a field for each."""


def kept_outputs(walk: Walk, name: str, digest: str, stack: str = "evaluation") -> OutputsFile:
    """What artifact ``name`` with this SHA-256, or the reference, said of the films of ``stack``."""
    return read_outputs(walk.outputs_stage(name, digest).folder / f"{stack}.safetensors")


def kept_answers(walk: Walk, name: str, digest: str) -> Answers:
    """What artifact ``name`` with this SHA-256, or the reference, said of everything that it is judged on."""
    return Answers(**{stack: kept_outputs(walk, name, digest, stack) for stack in JUDGED})


def gather(walk: Walk, lowered: dict[str, Artifact], judged: dict[str, Judged]) -> Parts:
    """The parts of the bundles of a walk whose stages are all filled."""
    reference = walk.outputs_stage(REFERENCE, walk.recipe.weights.sha256)
    parameters = json.loads((reference.folder / "student.json").read_text())["parameters"]
    tests = {name: kept_outputs(walk, name, a.sha256, "selftest").outputs for name, a in lowered.items()}
    return Parts(
        recipe=walk.recipe,
        weights=walk.weights,
        parameters=parameters,
        artifacts={n: (a.model_copy(update={"ranges": ()}), _file(walk, n, a)) for n, a in lowered.items()},
        verdicts=tuple(j.verdict for j in judged.values()),
        temperatures={name: j.measures.temperature for name, j in judged.items()},
        calibration=_calibration_record(walk, lowered),
        evaluation=_listed(walk, walk.recipe.evaluation.split, walk.evaluation),
        validation=_listed(walk, walk.recipe.calibration.split, walk.validation),
        strangers=StrangersRecord.of(walk.strangers),
        selftest=tests,
        tools={k: v for name in lowered for k, v in get_target(name.split("/")[0]).tools().items()},
    )


def _listed(walk: Walk, split: str, films: Films) -> FilmList:
    return FilmList(
        data=walk.data.name,
        split=split,
        patients=len({f.patient for f in films.films}),
        films=films.records,
        films_sha256=films.digest,
    )


def _file(walk: Walk, name: str, artifact: Artifact) -> Path:
    return walk.lower_stage(name).folder / artifact.file


def _calibration_record(walk: Walk, lowered: dict[str, Artifact]) -> CalibrationRecord | None:
    if walk.calibration is None:
        return None
    ranges: dict[TargetName, tuple[TensorRange, ...]] = {a.target: a.ranges for a in lowered.values() if a.ranges}
    found = calibration.record(walk.data, walk.recipe, walk.calibration.records)
    return found.model_copy(update={"ranges": ranges})
