"""Latency and size, artifact by artifact, in interleaved rounds: ratios hold although the machine's speed drifts."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.bundle.assemble import reference_file
from cxredge.bundle.bundle import Bundle, open_bundle
from cxredge.bundle.model import Model
from cxredge.errors import InputError, counted
from cxredge.progress import track
from cxredge.results import ArtifactTimes, BenchFigures
from cxredge.targets import get_target
from cxredge.targets.quiet import kept_quiet
from cxredge.targets.runner import Runner
from cxredge.vocabulary import ArtifactName
from cxredge.workers.jobs.run_reference import REFERENCE
from cxredge.workers.pool import cores

RUNS_PER_ROUND = 8
WARM_UP = 3


def measure(bundle: Path, rounds: int) -> Iterator[BenchFigures]:
    """Figures for one thread, then for all cores. Raises InputError BUNDLE-*, BENCH-REFERENCE."""
    opened = open_bundle(bundle)
    if not opened.manifest.holds_reference:
        raise InputError(
            "BENCH-REFERENCE",
            f"{bundle} holds no eager student to measure against",
            "name the host bundle of this build",
        )
    for threads in sorted({1, cores()}):
        yield _measure(opened, rounds, threads)


def _measure(bundle: Bundle, rounds: int, threads: int) -> BenchFigures:
    image = _image(bundle.manifest.model)
    runners: dict[str, Runner] = {}
    load: dict[str, float] = {}
    first: dict[str, float] = {}
    times: dict[str, list[float]] = {}
    names = [artifact.name for artifact in bundle.record.artifacts]
    timed = [name for name in names if get_target(name.target).runtime().native]
    for name in [REFERENCE, *timed]:
        with kept_quiet():
            _import_runtime(name)
        began = time.perf_counter()
        runners[name] = _open(bundle, name, threads)
        load[name] = time.perf_counter() - began
        first[name] = _once(runners[name], image)
        times[name] = []
    for _ in track(range(rounds), f"bench, {counted(threads, 'thread')}"):
        for name, runner in runners.items():
            _threads(name, threads)
            for i in range(WARM_UP + RUNS_PER_ROUND):
                took = _once(runner, image)
                if i >= WARM_UP:
                    times[name].append(took)
    for runner in runners.values():
        runner.close()
    medians = {name: float(np.median(t)) for name, t in times.items()}
    sizes: dict[str, int] = {artifact.name: artifact.bytes for artifact in bundle.record.artifacts}
    sizes[REFERENCE] = (bundle.folder / reference_file(bundle.record.recipe)).stat().st_size
    return BenchFigures(
        bundle=bundle.manifest.id,
        machine=f"{platform.system()} {platform.machine()}",
        threads=threads,
        rounds=rounds,
        not_timed=tuple(name for name in names if name not in timed),
        artifacts=tuple(
            ArtifactTimes(
                name=name,
                bytes=sizes[name],
                load_ms=load[name] * 1e3,
                first_ms=first[name] * 1e3,
                p10_ms=float(np.percentile(times[name], 10)) * 1e3,
                p50_ms=medians[name] * 1e3,
                p90_ms=float(np.percentile(times[name], 90)) * 1e3,
                of_eager=medians[name] / medians[REFERENCE],
                of_fp32=_against_fp32(name, medians),
                bytes_of_fp32=_against_fp32(name, {k: float(v) for k, v in sizes.items()}),
            )
            for name in runners
        ),
    )


def _image(model: Model) -> NDArray[np.float32]:
    """The first self-test picture, as the student takes it: float32[1, ch, H, W]."""
    from cxredge.bundle.selftest import make_inputs
    from cxredge.images.preprocess import preprocess, to_student

    _, png = next(iter(make_inputs(model.input).values()))
    return to_student(preprocess(png, model.input))


def _open(bundle: Bundle, name: str, threads: int) -> Runner:
    if name == REFERENCE:
        from cxredge.students import build_student
        from cxredge.targets.reference import Reference

        recipe = bundle.record.recipe
        return Reference(build_student(recipe, bundle.folder / reference_file(recipe)), threads)
    return get_target(ArtifactName(name).target).open(bundle.file(name), threads)


def _import_runtime(name: str) -> None:
    """Load time is the artifact's, not its runtime's import."""
    if name == REFERENCE:
        import timm  # noqa: F401
        import torch  # noqa: F401
    else:
        get_target(ArtifactName(name).target).import_runtime()


def _threads(name: str, threads: int) -> None:
    """Thread pools that are the process's, not the runner's, are set again before each round."""
    if name == REFERENCE:
        import torch

        torch.set_num_threads(threads)


def _once(runner: Runner, image: NDArray[np.float32]) -> float:
    began = time.perf_counter()
    runner.run(image)
    return time.perf_counter() - began


def _against_fp32(name: str, values: dict[str, float]) -> float | None:
    base = ArtifactName.of(ArtifactName(name).target, "fp32")
    return values[name] / values[base] if base in values and name != base else None
