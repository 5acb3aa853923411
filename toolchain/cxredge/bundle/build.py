"""One build: follow the walk, judge, and bundle what kept its gates."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxredge.bundle import selftest
from cxredge.bundle.assemble import assemble
from cxredge.bundle.gather import gather, kept_answers
from cxredge.bundle.manifest import Manifest
from cxredge.bundle.walk import STRANGERS, Walk, read_artifact, walk_recipe
from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.files import canonical_json, sha256_file, write_text
from cxredge.outputs import films_digest
from cxredge.parity.judge import Judged, judge
from cxredge.progress import live, track
from cxredge.results import Artifact, Verdict
from cxredge.stages import Stage, cache_folder, source_digest
from cxredge.targets import calibration
from cxredge.targets.jobs import REFERENCE, ROUNDED, ROUNDING, TIMES, Job, JobResult, Stack, run_jobs
from cxredge.targets.nursery import Nursery
from cxredge.vocabulary import APP_TARGETS, INTEGER_SCHEMES, AppKind

# rough seconds of lowering a MobileNetV2-class student, to start the longest job first
COST = {
    "coreml/w8a8": 20,
    "executorch/w8a8": 30,
    "executorch/fp32": 14,
    "tflite/fp32": 12,
    "onnx/fp32": 8,
    REFERENCE: 6,
}


@dataclass(frozen=True)
class Built:
    """How a build ended: verdicts in the recipe's order, and the bundles that were written."""

    judged: tuple[tuple[Artifact, Verdict], ...]
    bundles: tuple[tuple[Path, Manifest], ...]

    @property
    def passed(self) -> bool:
        """Whether every artifact kept its gates."""
        return all(verdict.passed for _, verdict in self.judged)


def build_recipe(
    place: Path, targets: tuple[str, ...], schemes: tuple[str, ...], out: Path, assets: Mapping[AppKind, Path]
) -> Built:
    """Build a recipe, or some targets and schemes of it, into ``out/<name>-<version>`` (and ``-<app>`` beside it).

    assets: folders that get a copy of an app's bundle. Raises what any stage raises; when several jobs fail, the
    error of the first, with the others named. The last good bundles stay as they are unless every gate is kept.
    Raises InputError BUILD-APP when an app's bundle is wanted and not all of its artifacts are built.
    """
    walk = walk_recipe(place, targets, schemes)
    recipe = walk.recipe
    apps = [
        kind for kind in APP_TARGETS if recipe.bundles.of(kind) and set(recipe.bundles.of(kind)) <= {*walk.artifacts}
    ]
    for kind in assets:
        if kind not in apps:
            needed = ", ".join(recipe.bundles.of(kind)) or f"artifacts, and bundles.{kind} of {recipe.name} lists none"
            raise InputError(
                "BUILD-APP",
                f"the {kind} bundle needs {needed}; this build makes {', '.join(walk.artifacts)}",
                f"build without --targets and --schemes, from a recipe with bundles.{kind}",
            )
    with Nursery() as nursery:
        lowered = fill(walk, nursery)
    judged = judge_walk(walk, lowered)
    built = Built(tuple((lowered[name], j.verdict) for name, j in judged.items()), ())
    if not built.passed:
        return built
    parts = gather(walk, lowered, judged)
    goal = out / f"{recipe.name}-{recipe.version}"
    bundles = [(goal, assemble(parts, "host", goal))]
    for kind in apps:
        places = [goal.with_name(f"{goal.name}-{kind}"), *([assets[kind]] if kind in assets else [])]
        bundles += [(place, assemble(parts, kind, place)) for place in places]
    return Built(built.judged, tuple(bundles))


def judge_walk(walk: Walk, lowered: Mapping[str, Artifact]) -> dict[str, Judged]:
    """Every artifact of a walk whose stages are all filled, judged."""
    reference = kept_answers(walk, REFERENCE, walk.recipe.weights.sha256)
    return {
        name: judge(walk.recipe, artifact, walk.shown, reference, kept_answers(walk, name, artifact.sha256))
        for name, artifact in track(lowered.items(), "judging", len(lowered))
    }


def fill(walk: Walk, nursery: Nursery) -> dict[str, Artifact]:
    """Lower and run whatever is not kept; the records of all artifacts."""
    if not all(walk.lower_stage(name).hit() for name in walk.artifacts):
        nursery.start()  # its imports take as long as the films
    _preprocess(walk)
    _run(walk, _selftest_stack(walk), nursery)
    return {name: read_artifact(walk.lower_stage(name)) for name in walk.artifacts}


def _preprocess(walk: Walk) -> None:
    """Fill the stages of preprocessed films and strangers."""
    from cxredge.images.preprocess import preprocess_films
    from cxredge.images.strangers import make_strangers

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


def _run(walk: Walk, tests: Stack, nursery: Nursery) -> None:
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
        _raise_failures(results)


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
