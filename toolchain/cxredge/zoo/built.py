"""What bundles say of the zoo's models, written beside their recipes: cards and tables then need no build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cxredge.bundle.bundle import Bundle, open_bundle
from cxredge.bundle.manifest import FAILED
from cxredge.errors import InputError
from cxredge.files import canonical_json, write_text
from cxredge.path_errors import shown
from cxredge.places import check_outputs
from cxredge.results import Artifact, Verdict
from cxredge.zoo.entry import BuiltArtifact, BuiltFigures
from cxredge.zoo.reading import BUILT, Entry


def write_built(entries: Sequence[Entry], dist: Path) -> tuple[list[Path], list[str]]:
    """Write ``parity.json`` of every model that ``dist`` has a bundle of; returns the files, and what was left out.

    A failed build's bundle is the later one where it is there. What lay at such a file's place was read as one before.
    Raises InputError ZOO-BUILT (no bundle of any of them), and what ``open_bundle`` and ``check_outputs`` raise.
    """
    found, left = [], []
    for entry in entries:
        recipe = entry.recipe
        goal = dist / f"{recipe.name}-{recipe.version}"
        failed = goal.with_name(f"{goal.name}-{FAILED}")
        place = failed if failed.is_dir() else goal
        if not place.is_dir():
            left.append(f"{recipe.name}: {shown(goal)} is not there")
            continue
        bundle = open_bundle(place)
        if bundle.record.recipe.weights.sha256 != recipe.weights.sha256:
            left.append(f"{recipe.name}: {shown(place)} is of other weights; build it again")
            continue
        found.append((entry.place / BUILT, bundle))
    if not found:
        raise InputError(
            "ZOO-BUILT",
            f"{shown(dist)} holds no bundle of these models: {'; '.join(left)}",
            "build one, for example: cxredge build model_zoo/phantom",
        )
    recipes = [entry.place / "model.yaml" for entry in entries]
    check_outputs([path for path, _ in found], [*recipes, *(bundle.folder for _, bundle in found)])
    for path, bundle in found:
        write_text(path, canonical_json(figures_of(bundle).model_dump(mode="json")))
    return [path for path, _ in found], left


def figures_of(bundle: Bundle) -> BuiltFigures:
    """What is kept of a bundle's record."""
    record = bundle.record
    evaluation, verdicts = record.films.evaluation, {verdict.artifact: verdict for verdict in record.verdicts}
    return BuiltFigures(
        bundle=bundle.manifest.id,
        weights_sha256=record.recipe.weights.sha256,
        data=evaluation.data,
        split=evaluation.split,
        films=len(evaluation.films),
        patients=evaluation.patients,
        calibration_films=None if record.calibration is None else len(record.calibration.films),
        artifacts=tuple(_artifact(artifact, verdicts[artifact.name]) for artifact in record.artifacts),
    )


def _artifact(artifact: Artifact, verdict: Verdict) -> BuiltArtifact:
    figures = verdict.figures
    return BuiltArtifact(
        name=artifact.name,
        bytes=artifact.bytes,
        sha256=artifact.sha256,
        runtime=verdict.runtime,
        flips=figures.flips,
        decisions=figures.decisions,
        logit_sqnr_db=figures.logit_sqnr_db,
        cam_correlation=figures.cam_correlation,
        auc=figures.auc,
        accuracy=figures.accuracy,
        broken=tuple(gate.words for gate in verdict.failed),
    )
