"""Verifying a bundle: nothing from a cache, every artifact run again on the held-out films, and judged again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from cxredge.bundle.assemble import REFERENCE_WEIGHTS
from cxredge.bundle.manifest import Manifest, read_manifest
from cxredge.errors import InputError
from cxredge.outputs import OutputsFile, read_outputs
from cxredge.parity.judge import judge
from cxredge.progress import live
from cxredge.results import Artifact, Verdict
from cxredge.stages import cache_folder
from cxredge.targets.jobs import REFERENCE, Job, Stack, run_jobs
from cxredge.targets.nursery import Nursery

Judged = tuple[tuple[Artifact, Verdict], ...]


def verify_bundle(bundle: Path, reference: Path | None = None) -> tuple[Judged, bool]:
    """Hashes, then runs, then verdicts; and whether all gates are kept.

    reference: a host bundle of the same student, for a bundle without the reference.
    Raises InputError BUNDLE-*, MANIFEST-*, VERIFY-REFERENCE, VERIFY-FILMS, DATA-*, or the first job's error.
    """
    manifest = read_manifest(bundle)
    weights = _weights(bundle, manifest, reference)
    with tempfile.TemporaryDirectory(prefix="cxredge-verify-") as scratch, Nursery() as nursery:
        nursery.start()  # its imports take as long as the films
        work = Path(scratch)
        stack = _films(manifest, work)
        jobs = [_job(manifest, REFERENCE, {}, weights, stack, work)]
        for target in dict.fromkeys(e.artifact.target for e in manifest.artifacts):
            files: dict[str, tuple[str, str]] = {
                e.artifact.scheme: (str(bundle / e.path), e.artifact.sha256)
                for e in manifest.artifacts
                if e.artifact.target == target
            }
            jobs.append(_job(manifest, target, files, weights, stack, work))
        with live(f"verifying {manifest.id}") as say:
            results = run_jobs(jobs, say, nursery=nursery)
        for result in results:
            if result.error is not None:
                raise result.error
        eager = _read(work, REFERENCE, "fp32")
        judged = tuple(
            (a, judge(manifest.recipe, a, eager, _read(work, a.target, a.scheme)))
            for a in (e.artifact for e in manifest.artifacts)
        )
    return judged, all(verdict.passed for _, verdict in judged)


def _weights(bundle: Path, manifest: Manifest, reference: Path | None) -> Path:
    """The reference's weights, from the bundle or from the host bundle named."""
    if manifest.kind == "host":
        return bundle / REFERENCE_WEIGHTS
    if reference is None:
        raise InputError(
            "VERIFY-REFERENCE",
            f"{bundle} is an {manifest.kind} bundle: it does not hold the float32 student",
            "name the host bundle of the same build: --reference dist/<name>-<version>",
        )
    other = read_manifest(reference)
    if other.kind != "host" or other.recipe.weights.sha256 != manifest.recipe.weights.sha256:
        raise InputError(
            "VERIFY-REFERENCE",
            f"{reference} is not a host bundle of the same student",
            "name the host bundle that was built beside this one",
        )
    return reference / REFERENCE_WEIGHTS


def _films(manifest: Manifest, work: Path) -> Stack:
    """The manifest's evaluation films, found again in the data set and held against their hashes."""
    from cxredge.images.datasets import open_data
    from cxredge.images.preprocess import preprocess_films

    recipe, record = manifest.recipe, manifest.evaluation
    data = open_data(recipe.data, recipe.labels, cache_folder() / "data")
    by_name = {film.file: film for film in data.films(record.split)}
    films = []
    for wanted in record.films:
        film = by_name.get(wanted.file)
        if film is None or film.sha256() != wanted.sha256:
            what = "is not there" if film is None else "has other bytes than when the bundle was built"
            raise InputError(
                "VERIFY-FILMS",
                f"film {wanted.file} of {record.data} {what}",
                "verify on the data set that the bundle was built with (CXR_DATA)",
            )
        films.append(film)
    images = work / "images.npy"
    np.save(images, preprocess_films([f.path for f in films], recipe.input, "evaluation films"))
    return Stack(name="evaluation", images=str(images), films_sha256=record.films_sha256)


def _job(
    manifest: Manifest, target: str, files: dict[str, tuple[str, str]], weights: Path, stack: Stack, work: Path
) -> Job:
    return Job(
        name=target,
        target=target,
        recipe=manifest.recipe,
        weights=str(weights),
        files=files,
        stacks=(stack,),
        out=str(work / target),
        cost=len(files) + 2,
    )


def _read(work: Path, target: str, scheme: str) -> OutputsFile:
    return read_outputs(work / target / scheme / "evaluation.safetensors")
