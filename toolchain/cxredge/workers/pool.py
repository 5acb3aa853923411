"""Exporters and runtimes in processes of their own, side by side: a crash is one job's error, not the build's end."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.files import write_text
from cxredge.recipe import Recipe
from cxredge.vocabulary import Frozen
from cxredge.workers.fork_server import Nursery, ending, last_words

REFERENCE = "reference"
ROUNDING = "rounding"
ROUNDED = "rounded.safetensors"
ORDER = "order"
ORDER_FILE = "order.json"
"""JSON: groups of unit names, the one first whose float helps INT8 most."""
SIMULATION = "simulation"
EXPLAINED = "explained.json"
"""JSON: ``explaining.TraceRecord`` of a target's job, ``explaining.SimulationRecord`` of the simulation's."""
TIMES = "times.json"
"""JSON: median milliseconds a picture, by stack."""


class Stack(Frozen):
    """Preprocessed films to run: ``images`` is an .npy of uint8[N, ch, H, W]; ``films_sha256`` names them in order."""

    name: str
    images: str
    films_sha256: str


class Job(Frozen):
    """Work of one process: lower ``schemes`` of one target, then run these and ``files`` on every stack.

    target: a target's name; ``reference`` for the eager student, which has the one scheme ``fp32``; or ``rounding``,
    which writes the student with rounded weights to ``out/rounded.safetensors``, and if it is given stacks is the
    reference as well: both need the eager student, and importing it takes longer than running it; or ``order``, which
    writes the order in which modules are best kept in float to ``out/order.json``; or ``simulation``.
    explain: an artifact, to be explained on the one stack instead: a target's job traces it, it is its one file; the
    simulation plays its scheme. Both write ``out/explained.json``.
    after: name of a job that must have ended well before.
    rounded: that student's file, for INT8 schemes.
    files: artifacts that exist already, by scheme, with their sha256.
    out: folder; each scheme gets a folder there with the artifact, ``artifact.json``, ``<stack>.safetensors`` and
    ``times.json``.
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
    explain: str | None = None
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


def run_jobs(
    jobs: Sequence[Job], event: Event, parallel: int | None = None, nursery: Nursery | None = None
) -> list[JobResult]:
    """Run all jobs, at most ``parallel`` (default: one a core) at a time, longest first; results in the jobs' order.

    A failing job does not stop the others. On KeyboardInterrupt every worker is killed before it is raised again.
    nursery: one that may have been started before; its owner ends it.
    """
    if nursery is None:
        with Nursery() as nursery:
            return run_jobs(jobs, event, parallel, nursery)
    slots = max(1, min(parallel or cores(), len(jobs)))
    queue = sorted(jobs, key=lambda job: -job.cost)
    running: dict[str, _Running] = {}
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
                running[job.name] = _Running(job, nursery, event, threads=max(1, cores() // slots))
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


class _Running:
    """One job and its worker, with the worker's output captured."""

    def __init__(self, job: Job, nursery: Nursery, event: Event, threads: int) -> None:
        self.job = job
        self.event = event
        self.started = time.monotonic()
        out = Path(job.out)
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "job.json", job.model_dump_json())
        self.answer = out / "answer.json"
        self.answer.unlink(missing_ok=True)
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker ends
        progress, stdout = os.pipe()
        self.reader = threading.Thread(target=self._read, args=(progress,), daemon=True)
        self.reader.start()
        try:
            self.worker = nursery.worker(out / "job.json", stdout, self.stderr.fileno(), threads)
        finally:
            os.close(stdout)

    def _read(self, progress: int) -> None:
        with open(progress, "rb") as lines:
            for line in lines:
                self.event(line.decode("utf-8", "replace").rstrip())

    def poll(self) -> JobResult | None:
        """How the job ended; None while it runs."""
        try:
            status = self.worker.poll()
        except EnvironmentProblem as lost:
            self.kill()
            return JobResult(self.job, lost, time.monotonic() - self.started)
        if status is None:
            return None
        self.reader.join(timeout=5)
        seconds = time.monotonic() - self.started
        self.stderr.seek(0)
        said = self.stderr.read()
        self.stderr.close()
        return JobResult(self.job, self._error(status, said), seconds)

    def _error(self, status: int, said: bytes) -> CxrError | None:
        answer = json.loads(self.answer.read_text()) if self.answer.is_file() else None
        if answer is not None:
            kind = EnvironmentProblem if answer["exit"] == EnvironmentProblem.exit_code else InputError
            return kind(answer["code"], answer["cause"], answer["fix"], answer["choices"])
        if status == 0 and self.answer.is_file():
            return None
        return EnvironmentProblem(
            "EXPORTER-CRASHED",
            f"the process of {self.job.name} {ending(status)}; it last said: {last_words(said)}",
            "run `cxredge doctor`; if it finds nothing, report the recipe and this message",
        )

    def kill(self) -> None:
        """End the worker and everything that it started."""
        self.worker.kill()
        # its end of the pipe is closed when it is gone, and then nothing writes into its folder any more
        self.reader.join(timeout=5)
        self.stderr.close()
