"""The full examination behind the report: all that ``verify`` does, and stress, stability, heatmaps, layers, speed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.bundle.manifest import Manifest, read_manifest
from cxredge.evidence import Evidence, Explanation, StabilityEvidence
from cxredge.outputs import Outputs, films_digest, read_outputs
from cxredge.parity.decisions import thresholds
from cxredge.parity.heatmaps import heatmap_evidence
from cxredge.parity.label_evidence import examine
from cxredge.parity.novelty_evidence import stranger_evidence
from cxredge.parity.pairs import Both, Pair
from cxredge.parity.stability import halves, stability_evidence
from cxredge.parity.stress_evidence import stress_evidence
from cxredge.progress import live, track
from cxredge.results import BenchFigures
from cxredge.workers.fork_server import Nursery
from cxredge.workers.pool import REFERENCE, ROUNDED, ROUNDING, Job, Stack, run_jobs
from cxredge.workflows.bench import measure as bench
from cxredge.workflows.explain import explain_artifacts
from cxredge.workflows.pictures import Pictures, find_films, find_pictures, preprocessed, stack
from cxredge.workflows.verify import Said, Verified, judge_answers, reference_weights, run_artifacts

BENCH_ROUNDS = 3
EXPLAINED_FILMS = 8


@dataclass(frozen=True, eq=False)
class Examined:
    """All that was measured of one bundle."""

    verified: Verified
    evidence: tuple[Evidence, ...]
    explanations: tuple[Explanation, ...]
    bench: BenchFigures | None
    """None for an app's bundle, which lacks the reference to compare latencies with."""


def examine_bundle(bundle: Path, reference: Path | None = None) -> Examined:
    """Everything that can be measured of a bundle here. Takes minutes: INT8 artifacts are lowered twice more.

    Raises what ``verify_bundle`` raises.
    """
    manifest = read_manifest(bundle)
    weights = reference_weights(bundle, manifest, reference)
    with tempfile.TemporaryDirectory(prefix="cxredge-examine-") as scratch, Nursery() as nursery:
        nursery.start()
        work = Path(scratch)
        pictures = find_pictures(manifest, work)
        chosen, stressed = _stressed(manifest, pictures, work)
        said = run_artifacts(bundle, manifest, weights, (*pictures.stacks, stressed), work, nursery)
        verified = judge_answers(manifest, pictures, said)
        steady = _stability(manifest, pictures, said, weights, work, nursery)
        evidence = _evidence(verified, said, chosen, steady)
        explanations = _explanations(bundle, manifest, weights, nursery)
    return Examined(verified, tuple(evidence), explanations, _bench(bundle, manifest))


def _stressed(manifest: Manifest, pictures: Pictures, work: Path) -> tuple[NDArray[np.intp], Stack]:
    """Which evaluation films are stressed, and the stack of their changed pixels."""
    from cxredge.data.stress import stress, stress_films
    from cxredge.files import sha256_bytes

    chosen = stress_films(len(pictures.pixels))
    changed = stress(pictures.pixels[chosen], manifest.recipe.input.pad_value)
    digest = films_digest(sha256_bytes(picture.tobytes()) for picture in changed)
    return chosen, stack("stress", changed, digest, work)


def _stability(
    manifest: Manifest, pictures: Pictures, said: Said, weights: Path, work: Path, nursery: Nursery
) -> Mapping[str, StabilityEvidence]:
    """Lower every artifact with calibrated activations on each half of its calibration films, and run it."""
    names = [e.artifact.name for e in manifest.artifacts if e.artifact.scheme == "w8a8"]
    if manifest.calibration is None or not names:
        return {}
    records = manifest.calibration.films
    pixels = preprocessed(find_films(pictures.data, manifest.calibration.split, records), manifest, "calibration films")
    jobs, sizes = [], []
    for half, rows in zip("ab", halves(records), strict=True):
        np.save(work / f"half-{half}.npy", pixels[rows])
        sizes.append(len(rows))
        films, rounding = str(work / f"half-{half}.npy"), f"{ROUNDING}, half {half}"
        place = work / f"half-{half}"
        common = {"recipe": manifest.recipe, "weights": str(weights), "calibration": films}
        jobs.append(Job(name=rounding, target=ROUNDING, out=str(place / ROUNDING), cost=1000, **common))
        jobs += [
            Job(
                name=f"{name}, half {half}",
                target=name.split("/")[0],
                schemes=("w8a8",),
                rounded=str(place / ROUNDING / ROUNDED),
                after=rounding,
                stacks=pictures.stacks[:1],
                out=str(place / name.replace("/", "-")),
                cost=30,
                **common,
            )
            for name in names
        ]
    with live("lowering again on halves of the calibration films") as say:
        for result in run_jobs(jobs, say, nursery=nursery):
            if result.error is not None:
                raise result.error

    def outputs(name: str, half: str) -> Outputs:
        place = work / f"half-{half}" / name.replace("/", "-") / "w8a8"
        return read_outputs(place / f"{pictures.stacks[0].name}.safetensors").outputs

    reference = said(REFERENCE, "evaluation").outputs
    cut = thresholds(manifest.recipe.labels.names, manifest.recipe.operating_points)
    return {
        name: stability_evidence(reference, outputs(name, "a"), outputs(name, "b"), cut, (sizes[0], sizes[1]))
        for name in names
    }


def _evidence(
    verified: Verified, said: Said, chosen: NDArray[np.intp], steady: Mapping[str, StabilityEvidence]
) -> list[Evidence]:
    from cxredge.images.geometry import film_sizes

    manifest, pictures = verified.manifest, verified.pictures
    recipe, films = manifest.recipe, pictures.evaluation
    cut = thresholds(recipe.labels.names, recipe.operating_points)
    sizes = film_sizes([film.path for film in films], recipe.input)
    masks = (lambda i: pictures.data.masks(films[i])) if recipe.data.source == "phantom" else None
    reference = verified.reference
    found = []
    for name, judged in track(verified.judged.items(), "examining", len(verified.judged)):
        answers = verified.answers[name]
        r, o = reference.evaluation.outputs, answers.evaluation.outputs
        pair = Pair(films, r["logits"], o["logits"])
        basic = examine(name, judged.verdict.artifact_sha256, pair, judged.measures)
        found.append(
            basic.model_copy(
                update={
                    "heatmaps": heatmap_evidence(r, o, cut, recipe.labels.names, sizes, recipe.input, masks),
                    "strangers": stranger_evidence(
                        Both(r["novelty"], o["novelty"]),
                        pair.patients,
                        Both(reference.strangers.outputs["novelty"], answers.strangers.outputs["novelty"]),
                        pictures.strangers,
                        recipe.novelty.threshold,
                    ),
                    "stress": stress_evidence(
                        Both(r["logits"], o["logits"]).part(chosen),
                        Both(said(REFERENCE, "stress").outputs["logits"], said(name, "stress").outputs["logits"]),
                        pair.truth[chosen],
                        [pair.patients[i] for i in chosen],
                        cut,
                    ),
                    "stability": steady.get(name),
                }
            )
        )
    return found


def _bench(bundle: Path, manifest: Manifest) -> BenchFigures | None:
    """Latency on this machine, one thread."""
    return next(bench(bundle, BENCH_ROUNDS)) if manifest.kind == "host" else None


def _explanations(bundle: Path, manifest: Manifest, weights: Path, nursery: Nursery) -> tuple[Explanation, ...]:
    """Error by layer of every artifact with INT8 activations."""
    names = [e.artifact.name for e in manifest.artifacts if e.artifact.scheme == "w8a8"]
    return explain_artifacts(bundle, manifest, weights, names, EXPLAINED_FILMS, nursery) if names else ()
