"""Fills the stages of a walk: films, weights rounded, files lowered and run, each kept as soon as it is there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cxredge.bundle import selftest
from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.files import canonical_json, sha256_file, write_text
from cxredge.outputs import films_digest
from cxredge.progress import live
from cxredge.quantize import calibration
from cxredge.results import Artifact
from cxredge.stages import Stage, cache_folder, source_digest
from cxredge.vocabulary import INTEGER_SCHEMES
from cxredge.workers.fork_server import Nursery
from cxredge.workers.pool import REFERENCE, ROUNDED, ROUNDING, TIMES, Job, JobResult, Stack, run_jobs
from cxredge.workflows.pipeline import STRANGERS, Walk, read_artifact

# rough seconds of lowering a MobileNetV2-class student, to start the longest job first
COST = {
    "coreml/w8a8": 20,
    "executorch/w8a8": 30,
    "executorch/fp32": 14,
    "tflite/fp32": 12,
    "onnx/fp32": 8,
    REFERENCE: 6,
}


def fill(walk: Walk, nursery: Nursery) -> dict[str, Artifact]:
    """Lower and run whatever is not kept; the records of all artifacts. Raises what any stage raises."""
    _raise_failures(_fill(walk, nursery))
    return {name: read_artifact(walk.lower_stage(name)) for name in walk.artifacts}


def try_fill(walk: Walk, nursery: Nursery) -> tuple[dict[str, Artifact], dict[str, InputError]]:
    """As ``fill``, but artifacts that their target refuses to make are handed back by name, with the reason.

    Raises what else a stage raises: without the reference nothing can be judged, and a full disk is no property of an
    artifact.
    """
    refused: dict[str, InputError] = {}
    others: list[JobResult] = []
    for result in _fill(walk, nursery):
        if isinstance(result.error, InputError) and result.job.target not in (REFERENCE, ROUNDING):
            refused |= {f"{result.job.target}/{s}": result.error for s in (*result.job.schemes, *result.job.files)}
        else:
            others.append(result)
    _raise_failures(others)
    made = [name for name in walk.artifacts if name not in refused]
    return {name: read_artifact(walk.lower_stage(name)) for name in made}, refused


def _fill(walk: Walk, nursery: Nursery) -> list[JobResult]:
    if not all(walk.lower_stage(name).hit() for name in walk.artifacts):
        nursery.start()  # its imports take as long as the films
    _preprocess(walk)
    return _run(walk, _selftest_stack(walk), nursery)


def _preprocess(walk: Walk) -> None:
    """Fill the stages of preprocessed films and strangers."""
    from cxredge.data.out_of_distribution import make_strangers
    from cxredge.images.preprocess import preprocess_films

    every = (("calibration", walk.calibration), ("evaluation", walk.evaluation), ("validation", walk.validation))
    for what, films in every:
        if films is None:
            continue
        if not films.stage.hit():
            images = preprocess_films([f.path for f in films.films], walk.recipe.input, f"{what} films")
            with films.stage.fill() as folder:
                np.save(folder / "images.npy", images)
        if what == "calibration":
            calibration.refuse_noise(np.load(films.images, mmap_mode="r"), walk.data.name)
    if not walk.strangers_stage.hit():
        strangers, pixels = make_strangers(walk.evaluation.films, walk.stranger_sets, walk.recipe.input)
        with walk.strangers_stage.fill() as folder:
            np.save(folder / "images.npy", pixels)
            write_text(folder / STRANGERS, canonical_json(strangers.model_dump(mode="json")))


def _selftest_stack(walk: Walk) -> Stack:
    """The self-test inputs as a stack of preprocessed pixels."""
    from cxredge.images.preprocess import preprocess

    spec = walk.recipe.input
    stage = Stage(
        "self-test", {"input": spec.model_dump(mode="json"), "source": source_digest("bundle/selftest.py", "images")}
    )
    if not stage.hit():
        inputs = selftest.make_inputs(spec)
        images = np.stack([preprocess(png, spec) for _, png in inputs.values()])
        with stage.fill() as folder:
            np.save(folder / "images.npy", images)
    file = stage.folder / "images.npy"
    return Stack(name="selftest", images=str(file), films_sha256=films_digest([sha256_file(file)]))


def _run(walk: Walk, tests: Stack, nursery: Nursery) -> list[JobResult]:
    """Lower and run whatever is not kept, in processes of their own."""
    strangers = walk.strangers_stage.folder / "images.npy"
    stacks = (
        Stack(name="evaluation", images=str(walk.evaluation.images), films_sha256=walk.evaluation.digest),
        Stack(name="validation", images=str(walk.validation.images), films_sha256=walk.validation.digest),
        Stack(name="strangers", images=str(strangers), films_sha256=walk.strangers.digest),
        tests,
    )
    with work_folder() as work:
        jobs = [job for job in (_job(walk, target, stacks, work) for target in _job_names(walk)) if job is not None]
        if any(job.after for job in jobs):
            eager = next((job for job in jobs if job.target == REFERENCE), None)
            jobs = [_rounding_job(walk, work, eager), *(job for job in jobs if job is not eager)]
        with live(f"building {walk.recipe.name}") as say:
            results = run_jobs(jobs, say, nursery=nursery)
        for result in results:
            if result.error is None:
                _keep(walk, result)
        return results


def _job_names(walk: Walk) -> list[str]:
    """``reference``; a target, whose schemes share one float lowering; for executorch, the slowest, one scheme each."""
    names = [REFERENCE]
    for artifact in walk.artifacts:
        name = artifact if artifact.startswith("executorch/") else artifact.split("/")[0]
        if name not in names:
            names.append(name)
    return names


def _job(walk: Walk, name: str, stacks: tuple[Stack, ...], work: Path) -> Job | None:
    """The job's missing parts; None when nothing is missing."""
    target = name.split("/")[0]
    common = {
        "name": name,
        "target": target,
        "recipe": walk.recipe,
        "weights": str(walk.weights),
        "out": str(work / name.replace("/", "-")),
        "stacks": stacks,
    }
    if name == REFERENCE:
        hit = walk.outputs_stage(REFERENCE, walk.recipe.weights.sha256).hit()
        return None if hit else Job(**common, cost=COST[REFERENCE])
    to_lower, to_run, cost = [], {}, 0.0
    for artifact in (a for a in walk.artifacts if a == name or a.split("/")[0] == name):
        scheme = artifact.split("/")[1]
        stage = walk.lower_stage(artifact)
        if not stage.hit():
            to_lower.append(scheme)
            cost += COST.get(artifact, 6)
            continue
        record = read_artifact(stage)
        if not walk.outputs_stage(artifact, record.sha256).hit():
            to_run[scheme] = (str(stage.folder / record.file), record.sha256)
            cost += 1
    if not to_lower and not to_run:
        return None
    integers = [scheme for scheme in to_lower if scheme in INTEGER_SCHEMES]
    if not integers or walk.calibration is None:
        return Job(**common, schemes=tuple(to_lower), files=to_run, cost=cost)
    stage = walk.rounded_stage()
    kept = stage.hit()
    return Job(
        **common,
        schemes=tuple(to_lower),
        files=to_run,
        calibration=str(walk.calibration.images),
        rounded=str((stage.folder if kept else work / ROUNDING) / ROUNDED),
        after=None if kept else ROUNDING,
        cost=cost,
    )


def _rounding_job(walk: Walk, work: Path, reference: Job | None) -> Job:
    """Rounds the weights, and takes over the reference's own job, if there is one."""
    assert walk.calibration is not None
    return Job(
        name=ROUNDING,
        target=ROUNDING,
        recipe=walk.recipe,
        weights=str(walk.weights),
        calibration=str(walk.calibration.images),
        stacks=() if reference is None else reference.stacks,
        out=str(work / ROUNDING),
        cost=1000,  # others wait for it
    )


def _keep(walk: Walk, result: JobResult) -> None:
    """Move what a job made into its stages."""
    job, out = result.job, Path(result.job.out)
    if job.target == ROUNDING:
        with walk.rounded_stage().fill() as folder:
            shutil.copyfile(out / ROUNDED, folder / ROUNDED)
    if job.target == REFERENCE or (job.target == ROUNDING and job.stacks):
        _keep_outputs(walk.outputs_stage(REFERENCE, walk.recipe.weights.sha256), out / "fp32", job.stacks)
    if job.target in (REFERENCE, ROUNDING):
        return
    for scheme in (*job.schemes, *job.files):
        name = f"{job.target}/{scheme}"
        if scheme in job.schemes:
            artifact = Artifact.model_validate_json((out / scheme / "artifact.json").read_bytes())
            with walk.lower_stage(name).fill() as folder:
                shutil.move(out / scheme / artifact.file, folder / artifact.file)
                shutil.move(out / scheme / "artifact.json", folder / "artifact.json")
            digest = artifact.sha256
        else:
            digest = job.files[scheme][1]
        _keep_outputs(walk.outputs_stage(name, digest), out / scheme, job.stacks)


def _keep_outputs(stage: Stage, source: Path, stacks: tuple[Stack, ...]) -> None:
    with stage.fill() as folder:
        for name in [*(f"{stack.name}.safetensors" for stack in stacks), TIMES, "student.json"]:
            if (source / name).is_file():
                shutil.move(source / name, folder / name)


def _raise_failures(results: list[JobResult]) -> None:
    failed = [(r.job.name, r.error) for r in results if r.error is not None]
    if not failed:
        return
    name, first = failed[0]
    others = "".join(f"; {n} failed too: [{e.code}] {e.cause}" for n, e in failed[1:])
    kind: type[CxrError] = type(first)
    if any(isinstance(e, EnvironmentProblem) for _, e in failed):
        kind = EnvironmentProblem
    raise kind(first.code, f"{name}: {first.cause}{others}", first.fix, first.choices)


@contextmanager
def work_folder() -> Iterator[Path]:
    """Scratch space beside the cache, so that moves are renames; removed however the block ends."""
    root = cache_folder()
    root.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=root, prefix="work-"))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
