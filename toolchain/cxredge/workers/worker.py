"""The worker: reads one job, lowers and runs, and answers through files.

Forked by the nursery, or ``python -m cxredge.workers.worker JOB PARENT``; the leader of a process group of its own.
Standard output carries progress lines only; whatever exporters print goes to standard error, which the build keeps.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.files import sha256_file, write_bytes, write_text
from cxredge.outputs import Outputs, write_outputs
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.targets import get_target
from cxredge.targets.runner import Runner
from cxredge.vocabulary import Frozen, SchemeName
from cxredge.workers.fork_server_process import leave
from cxredge.workers.pool import (
    EXPLAINED,
    ORDER,
    ORDER_FILE,
    REFERENCE,
    ROUNDED,
    ROUNDING,
    SIMULATION,
    TIMES,
    Event,
    Job,
)

if TYPE_CHECKING:
    from cxredge.students.base import Student


EAGER = "eager PyTorch"
ORDER_FILMS = 16
"""Calibration films on which the order is measured."""
MOST_FLOAT = 0.5
"""Share of the weights beyond which an INT8 artifact in pieces costs about what the next scheme does."""


def main(path: str, parent: int) -> int:
    """Do the job. The answer file holds null, or the error's parts. It does not outlive ``parent``."""
    # exporters print to stdout as they like: keep the real one for progress, and give them stderr
    progress = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
    job = Job.model_validate_json(Path(path).read_bytes())
    answer = Path(job.out) / "answer.json"
    try:
        _do(job, lambda line: print(line, file=progress, flush=True))
    except CxrError as error:
        return _answer(answer, error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        # there may be no room for the answer either: the parent then reports the exit status and this line
        print(f"no space left on the device: {error}", file=sys.stderr)
        fix = "free some space or set CXR_CACHE to another disk"
        return _answer(answer, EnvironmentProblem("DISK-FULL", f"no space left while building {job.name}", fix))
    write_text(answer, "null")
    return 0


def _answer(file: Path, error: CxrError) -> int:
    parts = {"code": error.code, "cause": error.cause, "fix": error.fix, "choices": error.choices}
    write_text(file, json.dumps({**parts, "exit": error.exit_code}))
    return error.exit_code


def _leave_with_parent(parent: int) -> None:
    """A nursery that was killed cannot end its workers: they notice that they were handed to another parent."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


def _do(job: Job, say: Event) -> None:
    from cxredge.students import build_student

    out = Path(job.out)
    student = (
        build_student(job.recipe, Path(job.weights))
        if job.target in (REFERENCE, ROUNDING, ORDER) or job.schemes or job.explain
        else None
    )
    calibration = None
    if job.calibration is not None:
        calibration = CalibrationFilms(np.load(job.calibration, mmap_mode="r"), job.recipe.calibration.percentile)
    if job.explain is not None:
        assert student is not None
        _explain(job, job.explain, student, calibration, say)
        return
    if job.target == ORDER:
        assert student is not None
        _order(job, student, calibration, say)
        return
    if job.target in (REFERENCE, ROUNDING):
        assert student is not None
        if job.target == ROUNDING:
            _round(job, student, calibration, say)
        if job.stacks:
            _run_reference(job, student, say)
        return
    target = get_target(job.target)
    ready: dict[str, tuple[Path, str]] = {s: (Path(file), digest) for s, (file, digest) in job.files.items()}
    if job.schemes:
        assert student is not None
        schemes: tuple[SchemeName, ...] = job.schemes  # type: ignore[assignment]  # the recipe has checked them
        began = time.monotonic()
        for artifact in target.lower(student, schemes, job.recipe, calibration, out, _rounded(job, student)):
            folder = out / artifact.scheme
            folder.mkdir(exist_ok=True)
            os.replace(out / artifact.file, folder / artifact.file)
            write_text(folder / "artifact.json", artifact.model_dump_json(indent=2))
            ready[artifact.scheme] = (folder / artifact.file, artifact.sha256)
            say(f"{artifact.name}: lowered in {time.monotonic() - began:.1f} s, {artifact.bytes:,} bytes")
            began = time.monotonic()
    if job.stacks:
        for scheme, (file, digest) in ready.items():
            _check_hash(file, digest)
            with target.open(file) as runner:
                _run_all(job, scheme, digest, runner, say)


def _run_reference(job: Job, student: Student, say: Event) -> None:
    from cxredge.targets.reference import Reference

    parameters = sum(p.numel() for p in student.parameters())
    write_text(Path(job.out) / "fp32" / "student.json", json.dumps({"parameters": parameters}))
    _run_all(job, "fp32", job.recipe.weights.sha256, Reference(student), say)


def _round(job: Job, student: Student, calibration: CalibrationFilms | None, say: Event) -> None:
    import torch
    from safetensors.torch import save

    from cxredge.quantize.rounding import round_weights

    assert calibration is not None
    began = time.monotonic()
    # the moments are summed in an order that depends on the number of threads, and the bytes must not
    torch.set_num_threads(1)
    tensors = round_weights(student, job.recipe.input, calibration.images).state_dict()
    write_bytes(Path(job.out) / ROUNDED, save({name: t.contiguous() for name, t in tensors.items()}))
    say(f"{ROUNDING}: weights rounded in {time.monotonic() - began:.1f} s")


def _order(job: Job, student: Student, calibration: CalibrationFilms | None, say: Event) -> None:
    import torch

    from cxredge.quantize.keep_float import quantised_weights
    from cxredge.quantize.sensitivity import Simulation

    assert calibration is not None
    began = time.monotonic()
    torch.set_num_threads(1)
    simulation = Simulation(student, job.recipe.input, calibration, _rounded(job, student))
    films = calibration.images[:: max(1, len(calibration.images) // ORDER_FILMS)][:ORDER_FILMS]
    total = quantised_weights(student, frozenset())
    groups: list[tuple[str, ...]] = []
    kept: frozenset[str] = frozenset()
    for step in simulation.order(films):
        kept |= {m for unit in simulation.units if unit.name in step.units for m in unit.modules}
        if quantised_weights(student, kept) < (1 - MOST_FLOAT) * total:
            break
        groups.append(step.units)
    write_text(Path(job.out) / ORDER_FILE, json.dumps(groups))
    say(f"{ORDER}: {len(groups)} groups of modules in {time.monotonic() - began:.1f} s")


def _explain(job: Job, name: str, student: Student, calibration: CalibrationFilms | None, say: Event) -> None:
    import torch

    from cxredge.explain.records import simulate, trace

    torch.set_num_threads(1)
    began = time.monotonic()
    (stack,) = job.stacks
    images, rounded = np.load(stack.images), _rounded(job, student)
    if job.target == SIMULATION:
        assert rounded is not None
        assert calibration is not None
        found: Frozen = simulate(name, job.recipe, student, rounded, calibration, images)
    else:
        ((file, digest),) = job.files.values()
        _check_hash(Path(file), digest)
        found = trace(name, Path(file), job.recipe, student, rounded, calibration, images)
    write_text(Path(job.out) / EXPLAINED, found.model_dump_json())
    say(f"{job.name}: {len(images)} films in {time.monotonic() - began:.1f} s")


def _check_hash(file: Path, digest: str) -> None:
    if sha256_file(file) != digest:
        raise InputError("ARTIFACT-HASH", f"{file} is not the artifact that was lowered", "build it again")


def _rounded(job: Job, student: Student) -> Student | None:
    from safetensors.torch import load_file

    from cxredge.quantize.rounding import load_rounded

    return None if job.rounded is None else load_rounded(student, load_file(job.rounded))


def _run_all(job: Job, scheme: str, digest: str, runner: Runner, say: Event) -> None:
    eager = job.target in (REFERENCE, ROUNDING)
    name = REFERENCE if eager else f"{job.target}/{scheme}"
    runtime = EAGER if eager else get_target(job.target).runtime().name
    medians: dict[str, float] = {}
    for stack in job.stacks:
        began = time.monotonic()
        images = np.load(stack.images, mmap_mode="r")
        outputs, medians[stack.name] = run_stack(runner, images)
        file = Path(job.out) / scheme / f"{stack.name}.safetensors"
        write_outputs(file, name, digest, stack.films_sha256, runtime, outputs)
        say(f"{name}: {len(images)} {stack.name} films in {time.monotonic() - began:.1f} s")
    write_text(Path(job.out) / scheme / TIMES, json.dumps(medians))


def run_stack(runner: Runner, images: NDArray[np.uint8]) -> tuple[Outputs, float]:
    """Run uint8[N, ch, H, W] one film at a time; memory stays flat because outputs are written in place.

    Returns the outputs, and the median of the milliseconds that one film took.
    """
    from cxredge.images.preprocess import to_student

    collected: Outputs = {}
    took = []
    for i in range(len(images)):
        image = to_student(np.asarray(images[i]))
        began = time.perf_counter()
        one = runner.run(image)
        took.append(time.perf_counter() - began)
        for name, value in one.items():
            if i == 0:
                collected[name] = np.empty((len(images), *value.shape[1:]), np.float32)
            if collected[name].shape[1:] != value.shape[1:]:
                raise EnvironmentProblem("RUN-SHAPE", f"{runner.what} changed the shape of {name}", "build it again")
            collected[name][i] = value[0]
    return collected, 1e3 * float(np.median(took))


if __name__ == "__main__":
    leave(main(sys.argv[1], int(sys.argv[2])))
