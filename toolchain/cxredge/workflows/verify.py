"""Verifying a bundle: nothing from a cache, every artifact run again on the held-out films, and judged again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.bundle.assemble import REFERENCE_WEIGHTS
from cxredge.bundle.manifest import Manifest, read_manifest
from cxredge.errors import InputError
from cxredge.evidence import Evidence, Results
from cxredge.outputs import OutputsFile, read_outputs
from cxredge.parity.judge import Answers, Judged, judge
from cxredge.progress import live, track
from cxredge.workers.fork_server import Nursery
from cxredge.workers.pool import REFERENCE, Job, Stack, run_jobs
from cxredge.workflows.gather import JUDGED
from cxredge.workflows.pictures import Pictures, find_pictures

Said = Callable[[str, str], OutputsFile]
"""(artifact's name or ``reference``, stack) -> its outputs."""


@dataclass(frozen=True, eq=False)
class Verified:
    """A bundle that was run and judged."""

    manifest: Manifest
    pictures: Pictures
    reference: Answers
    answers: Mapping[str, Answers]
    judged: Mapping[str, Judged]

    @property
    def passed(self) -> bool:
        """Whether all gates are kept."""
        return all(j.verdict.passed for j in self.judged.values())

    def results(self, evidence: Sequence[Evidence] = ()) -> Results:
        """What ``gate`` and the report read."""
        m = self.manifest
        return Results(
            bundle=m.id,
            kind=m.kind,
            recipe=f"{m.recipe.name} {m.recipe.version}",
            weights_sha256=m.recipe.weights.sha256,
            films_sha256=m.evaluation.films_sha256,
            statement=m.statement,
            artifacts=tuple(e.artifact for e in m.artifacts),
            verdicts=tuple(j.verdict for j in self.judged.values()),
            evidence=tuple(evidence),
        )


def verify_bundle(bundle: Path, reference: Path | None = None) -> Verified:
    """Hashes, then runs, then verdicts.

    reference: a host bundle of the same student, for a bundle without the reference.
    Raises InputError BUNDLE-*, MANIFEST-*, VERIFY-REFERENCE, VERIFY-FILMS, VERIFY-STRANGERS, DATA-*, or the first
    job's error.
    """
    manifest = read_manifest(bundle)
    weights = reference_weights(bundle, manifest, reference)
    with tempfile.TemporaryDirectory(prefix="cxredge-verify-") as scratch, Nursery() as nursery:
        nursery.start()  # its imports take as long as the films
        work = Path(scratch)
        pictures = find_pictures(manifest, work)
        said = run_artifacts(bundle, manifest, weights, pictures.stacks, work, nursery)
        return judge_answers(manifest, pictures, said)


def judge_answers(manifest: Manifest, pictures: Pictures, said: Said) -> Verified:
    """Every artifact of the bundle, judged."""

    def answers(name: str) -> Answers:
        return Answers(**{stack: said(name, stack) for stack in JUDGED})

    reference = answers(REFERENCE)
    every = {e.artifact.name: answers(e.artifact.name) for e in manifest.artifacts}
    judged = {
        e.artifact.name: judge(manifest.recipe, e.artifact, pictures.shown, reference, every[e.artifact.name])
        for e in track(manifest.artifacts, "judging", len(manifest.artifacts))
    }
    return Verified(manifest, pictures, reference, every, judged)


def reference_weights(bundle: Path, manifest: Manifest, reference: Path | None) -> Path:
    """The reference's weights, from the bundle or from the host bundle named. Raises InputError VERIFY-REFERENCE."""
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


def run_artifacts(
    bundle: Path, manifest: Manifest, weights: Path, stacks: tuple[Stack, ...], work: Path, nursery: Nursery
) -> Said:
    """Run the reference and every artifact of the bundle on every stack, in processes of their own."""
    jobs = [_job(manifest, REFERENCE, {}, weights, stacks, work)]
    for target in dict.fromkeys(e.artifact.target for e in manifest.artifacts):
        files: dict[str, tuple[str, str]] = {
            e.artifact.scheme: (str(bundle / e.path), e.artifact.sha256)
            for e in manifest.artifacts
            if e.artifact.target == target
        }
        jobs.append(_job(manifest, target, files, weights, stacks, work))
    with live(f"verifying {manifest.id}") as say:
        results = run_jobs(jobs, say, nursery=nursery)
    for result in results:
        if result.error is not None:
            raise result.error

    def said(name: str, stack: str) -> OutputsFile:
        place = work / REFERENCE / "fp32" if name == REFERENCE else work / name
        return read_outputs(place / f"{stack}.safetensors")

    return said


def _job(
    manifest: Manifest,
    target: str,
    files: dict[str, tuple[str, str]],
    weights: Path,
    stacks: tuple[Stack, ...],
    work: Path,
) -> Job:
    return Job(
        name=target,
        target=target,
        recipe=manifest.recipe,
        weights=str(weights),
        files=files,
        stacks=stacks,
        out=str(work / target),
        cost=len(files) + 2,
    )
