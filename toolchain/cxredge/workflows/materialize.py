"""Materializing: whatever is missing of the wanted stages, and of what they need, is made and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.progress import live
from cxredge.stages import Stage, Store
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.pool import run_tasks
from cxredge.workers.task import AnyJob, Task
from cxredge.workflows.stages.base import ByJob, Here, Ticket

Refused = dict[Stage, InputError]


def materialize(
    wanted: Sequence[Stage], store: Store, server: ForkServer, what: str, refused: Refused | None = None
) -> None:
    """Make the missing ones: first what is made here, then by jobs in processes of their own, each kept when it ends.

    what: in words, for a terminal. refused: gets what a target refuses to make and what would need that, with the
    reason; None: a refusal is a failure like others. The first failure is raised, with the others named, when all else
    is done: a full disk, a crash or a reference without which nothing can be judged is no property of an artifact.
    """
    missing = missing_of(wanted, store)
    by_job = [stage for stage in missing if isinstance(stage, ByJob)]
    if by_job:
        server.start()  # its imports take as long as the films
    for stage in missing:
        if isinstance(stage, Here):
            with store.fill(stage) as folder:
                stage.make(folder, store)
    if not by_job:
        return
    stages = {stage.name: stage for stage in by_job}
    failures: dict[ByJob, CxrError] = {}

    def ended(job: AnyJob, error: CxrError | None) -> None:
        if error is None:
            store.keep(stages[job.name], job.place)
        else:
            failures[stages[job.name]] = error

    with store.work() as work, live(what) as say:
        run_tasks(_tasks(by_job, store, work), say, ended, server)
    _raise_first(failures, refused)


def missing_of(wanted: Sequence[Stage], store: Store) -> list[Stage]:
    """Wanted stages that are not there and what is missing of their needs; each behind all that it needs."""
    return _ordered(wanted, store.has)


def with_needs(wanted: Sequence[Stage]) -> list[Stage]:
    """Wanted stages and all that they need, there or not; each behind all that it needs."""
    return _ordered(wanted, lambda stage: False)


def _ordered(wanted: Sequence[Stage], skip: Callable[[Stage], bool]) -> list[Stage]:
    found: dict[Stage, None] = {}

    def visit(stage: Stage) -> None:
        if stage in found or skip(stage):
            return
        for need in stage.needs:
            visit(need)
        found[stage] = None

    for stage in wanted:
        visit(stage)
    return list(found)


def _tasks(stages: Sequence[ByJob], store: Store, work: Path) -> list[Task]:
    """One task a process, its jobs in the order of ``stages``."""
    out = {stage: work / "jobs" / stage.key for stage in stages}
    by_process: dict[str, list[ByJob]] = {}
    for stage in stages:
        by_process.setdefault(stage.process, []).append(stage)

    def where(stage: Stage) -> Path:
        return (out[stage] if isinstance(stage, ByJob) and stage in out else store.folder(stage)).absolute()

    def job(stage: ByJob) -> AnyJob:
        after = tuple(need.name for need in stage.needs if isinstance(need, ByJob) and need in out)
        return stage.job(where, Ticket(name=stage.name, out=str(out[stage].absolute()), after=after))

    return [
        Task(
            name=process,
            folder=str((work / f"task-{number}").absolute()),
            jobs=tuple(job(stage) for stage in own),
            cost=sum(stage.cost for stage in own),
        )
        for number, (process, own) in enumerate(by_process.items())
    ]


def _raise_first(failures: dict[ByJob, CxrError], refused: Refused | None) -> None:
    """Raise the first failure that is no refusal. Stages that only lacked what another failed to make are not named."""
    causes: dict[tuple[str, str], tuple[ByJob, CxrError]] = {}
    for stage, error in failures.items():
        causes.setdefault((error.code, error.cause), (stage, error))
    severe = []
    for key, (cause, error) in causes.items():
        if refused is not None and cause.refusable and isinstance(error, InputError):
            refused |= {stage: error for stage, other in failures.items() if (other.code, other.cause) == key}
        else:
            severe.append((cause, error))
    if not severe:
        return
    stage, first = severe[0]
    others = "".join(f"; {other.name} failed too: [{e.code}] {e.cause}" for other, e in severe[1:])
    kind: type[CxrError] = type(first)
    if any(isinstance(error, EnvironmentProblem) for _, error in severe):
        kind = EnvironmentProblem
    raise kind(first.code, f"{stage.name}: {first.cause}{others}", first.fix, first.choices)
