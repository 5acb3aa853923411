"""Tasks in processes of their own, side by side: a crash is one job's error, not the build's end."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cxredge.errors import CxrError, EnvironmentProblem
from cxredge.files import write_text
from cxredge.workers.fork_server import TEMPORARY, ForkServer, ending, last_words
from cxredge.workers.task import TASK, Answer, AnyJob, Task

Event = Callable[[str], None]
"""Receives one line a person can read, from any thread."""
Ended = Callable[[AnyJob, CxrError | None], None]
"""Told how a job ended, in the caller's thread; with no error, all that was asked for lies in its ``out``."""


def cores() -> int:
    """Cores that this process may use, which a container may make fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_tasks(
    tasks: Sequence[Task], event: Event, ended: Ended, server: ForkServer, parallel: int | None = None
) -> None:
    """Run all tasks, at most ``parallel`` (default: one a core) at a time, longest first.

    A job that fails does not stop others but those that need it, which fail with its error; a crash ends the job that
    was being done, and the rest of its task goes on in another process. On KeyboardInterrupt every worker is killed
    before it is raised again.
    """
    slots = max(1, min(parallel or cores(), len(tasks)))
    queue = sorted(tasks, key=lambda task: -task.cost)
    running: list[_Running] = []
    outcome: dict[str, CxrError | None] = {}

    def end(job: AnyJob, error: CxrError | None) -> None:
        outcome[job.name] = error
        ended(job, error)

    try:
        while queue or running:
            queue = _without_hopeless(queue, outcome, end)
            good = {name for name, error in outcome.items() if error is None}
            ready = [task for task in queue if task.waits_for() <= good]
            for task in ready[: slots - len(running)]:
                queue.remove(task)
                event(f"{task.name}: started")
                running.append(_Running(task, server, event, threads=max(1, cores() // slots)))
            if queue and not running:
                raise RuntimeError(f"tasks wait for each other: {', '.join(task.name for task in queue)}")
            for worker in list(running):
                for job, error in worker.news():
                    end(job, error)
                results = worker.poll()
                if results is not None:
                    running.remove(worker)
                    for job, error in results:
                        end(job, error)
                    if left := tuple(job for job in worker.task.jobs if job.name not in outcome):
                        queue.insert(0, worker.task.model_copy(update={"jobs": left}))
            time.sleep(0.02)
    finally:
        for worker in running:
            worker.kill()


def _without_hopeless(tasks: list[Task], outcome: dict[str, CxrError | None], end: Ended) -> list[Task]:
    """The tasks without the jobs that need one that failed, and without those that need these, and so on."""
    ended = -1
    while ended != len(outcome):
        ended = len(outcome)
        left = []
        for task in tasks:
            jobs = []
            for job in task.jobs:
                error = next((outcome[name] for name in job.after if outcome.get(name) is not None), None)
                if error is None:
                    jobs.append(job)
                else:
                    end(job, error)
            if jobs:
                left.append(task.model_copy(update={"jobs": tuple(jobs)}))
        tasks = left
    return tasks


class _Running:
    """One task and its worker, with the worker's output captured."""

    def __init__(self, task: Task, server: ForkServer, event: Event, threads: int) -> None:
        self.task = task
        self.event = event
        folder = Path(task.folder)
        (folder / TEMPORARY).mkdir(parents=True, exist_ok=True)
        write_text(folder / TASK, task.model_dump_json())
        for place in range(len(task.jobs)):
            task.answer(place).unlink(missing_ok=True)
        self.told: set[str] = set()
        self.failed: dict[str, CxrError] = {}
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker ends
        progress, stdout = os.pipe()
        self.reader = threading.Thread(target=self._read, args=(progress,), daemon=True)
        self.reader.start()
        try:
            self.worker = server.worker(folder / TASK, stdout, self.stderr.fileno(), threads)
        finally:
            os.close(stdout)

    def _read(self, progress: int) -> None:
        with open(progress, "rb") as lines:
            for line in lines:
                self.event(line.decode("utf-8", "replace").rstrip())

    def news(self) -> list[tuple[AnyJob, CxrError | None]]:
        """Jobs that have ended since this was asked last, while others of the task are still being done."""
        found: list[tuple[AnyJob, CxrError | None]] = []
        for place, job in enumerate(self.task.jobs):
            if job.name not in self.told and self.task.answer(place).is_file():
                self.told.add(job.name)
                answer = Answer.model_validate_json(self.task.answer(place).read_bytes())
                found.append((job, self._remembered(job, answer.error())))
        return found

    def _remembered(self, job: AnyJob, error: CxrError | None) -> CxrError | None:
        if error is not None:
            self.failed[job.name] = error
        return error

    def poll(self) -> list[tuple[AnyJob, CxrError | None]] | None:
        """How those of its jobs ended that are no news, so far as they were begun; None while it runs."""
        try:
            status = self.worker.poll()
        except EnvironmentProblem as lost:
            self.kill()
            return [*self.news(), *((job, lost) for job in self.task.jobs if job.name not in self.told)]
        if status is None:
            return None
        self.reader.join(timeout=5)
        self.stderr.seek(0)
        said = self.stderr.read()
        self.stderr.close()
        return self._results(status, said)

    def _results(self, status: int, said: bytes) -> list[tuple[AnyJob, CxrError | None]]:
        """What the answers do not tell: a crash is the error of the job that was being done, and of those behind it
        that need one that failed; the others were not begun.
        """
        results = self.news()
        crashed = False
        for job in (job for job in self.task.jobs if job.name not in self.told):
            error = next((self.failed[name] for name in job.after if name in self.failed), None)
            if error is None and not crashed:
                error, crashed = _crash(job.name, status, said), True
            if error is not None:
                results.append((job, self._remembered(job, error)))
        return results

    def kill(self) -> None:
        """End the worker and everything that it started."""
        self.worker.kill()
        # its end of the pipe is closed when it is gone, and then nothing writes into its folder any more
        self.reader.join(timeout=5)
        self.stderr.close()


def _crash(name: str, status: int, said: bytes) -> EnvironmentProblem:
    return EnvironmentProblem(
        "EXPORTER-CRASHED",
        f"the process of {name} {ending(status)}; it last said: {last_words(said)}",
        "run `cxredge doctor`; if it finds nothing, report the recipe and this message",
    )
