"""Exporters and runtimes in processes of their own, side by side: a crash is one job's error, not the build's end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.files import write_text
from cxredge.recipe import Frozen, Recipe

REFERENCE = "reference"
ROUNDING = "rounding"
ROUNDED = "rounded.safetensors"


class Stack(Frozen):
    """Preprocessed films to run: ``images`` is an .npy of uint8[N, ch, H, W]; ``films_sha256`` names them in order."""

    name: str
    images: str
    films_sha256: str


class Job(Frozen):
    """Work of one process: lower ``schemes`` of one target, then run these and ``files`` on every stack.

    target: a target's name; ``reference`` for the eager student, which has the one scheme ``fp32``; or ``rounding``,
    which writes the student with rounded weights to ``out/rounded.safetensors``, and if it is given stacks is the
    reference as well: both need the eager student, and importing it takes longer than running it.
    after: name of a job that must have ended well before.
    rounded: that student's file, for INT8 schemes.
    files: artifacts that exist already, by scheme, with their sha256.
    out: folder; each scheme gets a folder there with the artifact, ``artifact.json`` and ``<stack>.safetensors``.
    cost: rough seconds, so that the longest job starts first.
    """

    name: str
    target: str
    recipe: Recipe
    weights: str
    schemes: tuple[str, ...] = ()
    files: dict[str, tuple[str, str]] = {}
    calibration: str | None = None
    rounded: str | None = None
    after: str | None = None
    stacks: tuple[Stack, ...] = ()
    out: str
    cost: float = 1.0


@dataclass(frozen=True)
class JobResult:
    """How a job ended: no error means that everything asked for lies in its ``out``."""

    job: Job
    error: CxrError | None
    seconds: float


Event = Callable[[str], None]
"""Receives one line a person can read, from any thread."""


def cores() -> int:
    """Cores that this process may use, which a container may make fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(jobs: Sequence[Job], event: Event, parallel: int | None = None) -> list[JobResult]:
    """Run all jobs, at most ``parallel`` (default: one a core) at a time, longest first; results in the jobs' order.

    A failing job does not stop the others. On KeyboardInterrupt every child is killed before it is raised again.
    """
    slots = max(1, min(parallel or cores(), len(jobs)))
    queue = sorted(jobs, key=lambda job: -job.cost)
    running: dict[str, _Child] = {}
    results: dict[str, JobResult] = {}
    try:
        while queue or running:
            for job in [j for j in queue if j.after in results and results[j.after].error is not None]:
                results[job.name] = JobResult(job, results[job.after or ""].error, 0.0)
                queue.remove(job)
            ready = [j for j in queue if j.after is None or (j.after in results and results[j.after].error is None)]
            for job in ready[: slots - len(running)]:
                queue.remove(job)
                event(f"{job.name}: started")
                running[job.name] = _Child(job, event, threads=max(1, cores() // slots))
            for name, child in list(running.items()):
                result = child.poll()
                if result is not None:
                    results[name] = result
                    del running[name]
            time.sleep(0.02)
    finally:
        for child in running.values():
            child.kill()
    return [results[job.name] for job in jobs]


class _Child:
    """One worker process in its own process group, with its output captured."""

    def __init__(self, job: Job, event: Event, threads: int) -> None:
        self.job = job
        self.event = event
        self.started = time.monotonic()
        out = Path(job.out)
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "job.json", job.model_dump_json())
        self.answer = out / "answer.json"
        self.answer.unlink(missing_ok=True)
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the child ends
        environment = {
            **os.environ,
            "PYTHONHASHSEED": "0",
            "TOKENIZERS_PARALLELISM": "false",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        environment |= {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cxredge.targets.worker", str(out / "job.json")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            start_new_session=True,
            env=environment,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.event(line.decode("utf-8", "replace").rstrip())

    def poll(self) -> JobResult | None:
        status = self.process.poll()
        if status is None:
            return None
        self.reader.join(timeout=5)
        seconds = time.monotonic() - self.started
        self.stderr.seek(0)
        noise = self.stderr.read()[-4000:].decode("utf-8", "replace")
        self.stderr.close()
        return JobResult(self.job, self._error(status, noise), seconds)

    def _error(self, status: int, noise: str) -> CxrError | None:
        if self.answer.is_file():
            answer = json.loads(self.answer.read_text())
            if answer is None:
                return None if status == 0 else _crash(self.job.name, status, noise)
            kind = EnvironmentProblem if answer["exit"] == EnvironmentProblem.exit_code else InputError
            return kind(answer["code"], answer["cause"], answer["fix"], answer["choices"])
        return _crash(self.job.name, status, noise)

    def kill(self) -> None:
        """End the child and everything that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.stderr.close()


def _crash(name: str, status: int, noise: str) -> EnvironmentProblem:
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"left with status {status}"
    tail = " | ".join(line.strip() for line in noise.splitlines() if line.strip())[-800:]
    memory = " (the kernel ends processes so when memory runs out)" if status == -signal.SIGKILL else ""
    return EnvironmentProblem(
        "EXPORTER-CRASHED",
        f"the process of {name} {how}{memory}; it last said: {tail or 'nothing'}",
        "run `cxredge doctor`; if it finds nothing, report the recipe and this message",
    )
