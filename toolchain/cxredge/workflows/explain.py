"""Explaining one artifact of a bundle: which layers lose most, and what float would give back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cxredge.bundle.manifest import Manifest, read_manifest
from cxredge.errors import InputError
from cxredge.evidence import Explanation
from cxredge.explain.layerwise import explanation
from cxredge.explain.records import SimulationRecord, TraceRecord
from cxredge.outputs import films_digest
from cxredge.progress import live
from cxredge.stages import cache_folder
from cxredge.vocabulary import INTEGER_SCHEMES
from cxredge.workers.fork_server import Nursery
from cxredge.workers.pool import EXPLAINED, ROUNDED, ROUNDING, SIMULATION, Job, Stack, run_jobs
from cxredge.workflows.pictures import find_films, preprocessed, stack
from cxredge.workflows.verify import reference_weights


def explain_artifact(bundle: Path, name: str | None, films: int, reference: Path | None = None) -> Explanation:
    """Explain artifact ``name`` (None: the primary one) on ``films`` of the calibration films, evenly spread.

    A bundle without calibration films (none of its artifacts is INT8) lends evaluation films.
    reference: a host bundle of the same student, for a bundle without the reference.
    Raises InputError BUNDLE-*, MANIFEST-*, EXPLAIN-FILMS, VERIFY-REFERENCE, VERIFY-FILMS, DATA-*, or a job's error.
    """
    manifest = read_manifest(bundle)
    artifact = manifest.artifact(name or manifest.primary).artifact
    weights = reference_weights(bundle, manifest, reference)
    with Nursery() as nursery:
        nursery.start()  # its imports take as long as the films
        (found,) = explain_artifacts(bundle, manifest, weights, [artifact.name], films, nursery)
    return found


def explain_artifacts(
    bundle: Path, manifest: Manifest, weights: Path, names: Sequence[str], films: int, nursery: Nursery
) -> tuple[Explanation, ...]:
    """Explain several artifacts of a checked bundle on the same films; artifacts alike in INT8 share a simulation.

    Raises InputError EXPLAIN-FILMS, VERIFY-FILMS, DATA-*, or a job's error.
    """
    entries = [manifest.artifact(name) for name in names]
    played: dict[tuple[str, tuple[str, ...]], Job] = {}
    with tempfile.TemporaryDirectory(prefix="cxredge-explain-") as scratch:
        work = Path(scratch)
        every, some = _films(manifest, films, work)
        jobs = []
        for entry in entries:
            artifact = entry.artifact
            integer = artifact.scheme in INTEGER_SCHEMES
            common = {
                "recipe": manifest.recipe,
                "weights": str(weights),
                "calibration": every.images if integer else None,
                "rounded": str(work / ROUNDING / ROUNDED) if integer else None,
                "after": ROUNDING if integer else None,
                "stacks": (some,),
                "explain": artifact.name,
            }
            files = {artifact.scheme: (str(bundle / entry.path), artifact.sha256)}
            place = f"tracing {artifact.name}"
            jobs.append(Job(name=place, target=artifact.target, files=files, out=str(work / artifact.name), **common))
            alike = _alike(manifest, artifact.name)
            if integer and alike not in played:
                out = str(work / f"{SIMULATION}-{len(played)}")
                played[alike] = Job(name=f"{SIMULATION} {len(played)}", target=SIMULATION, out=out, **common)
        if played:
            jobs = [_rounding(manifest, weights, every, work), *played.values(), *jobs]
        with live(f"explaining {', '.join(names)} of {manifest.id}") as say:
            results = run_jobs(jobs, say, nursery=nursery)
        for result in results:
            if result.error is not None:
                raise result.error

        def simulated(name: str) -> SimulationRecord | None:
            job = played.get(_alike(manifest, name))
            if job is None:
                return None
            return SimulationRecord.model_validate_json((Path(job.out) / EXPLAINED).read_bytes())

        return tuple(
            explanation(
                name,
                films,
                TraceRecord.model_validate_json((work / name / EXPLAINED).read_bytes()),
                simulated(name),
                manifest.recipe.keep_float.get(name, ()),
            )
            for name in names
        )


def _alike(manifest: Manifest, name: str) -> tuple[str, tuple[str, ...]]:
    """Artifacts for which this is equal have the same numbers in INT8, so far as the simulation knows."""
    return name.split("/")[1], manifest.recipe.keep_float.get(name, ())


def _films(manifest: Manifest, count: int, work: Path) -> tuple[Stack, Stack]:
    """All calibration films, and those that are explained on. Raises InputError EXPLAIN-FILMS, VERIFY-FILMS, DATA-*."""
    from cxredge.data.data_sets import open_data

    record = manifest.calibration or manifest.evaluation
    if not 1 <= count <= len(record.films):
        raise InputError(
            "EXPLAIN-FILMS",
            f"{count} films are asked for, and the bundle was calibrated on {len(record.films)}",
            f"ask for 1 to {len(record.films)} films; 8 tell the layers apart",
        )
    data = open_data(manifest.recipe.data, manifest.recipe.labels, cache_folder() / "data")
    films = find_films(data, record.split, record.films)
    pixels = preprocessed(films, manifest, "calibration films")
    chosen = np.arange(count) * len(films) // count
    digest = films_digest(record.films[i].sha256 for i in chosen)
    every = stack("calibration", pixels, films_digest(film.sha256 for film in record.films), work)
    return every, stack("explained", pixels[chosen], digest, work)


def _rounding(manifest: Manifest, weights: Path, films: Stack, work: Path) -> Job:
    return Job(
        name=ROUNDING,
        target=ROUNDING,
        recipe=manifest.recipe,
        weights=str(weights),
        calibration=films.images,
        out=str(work / ROUNDING),
        cost=1000,  # others wait for it
    )
