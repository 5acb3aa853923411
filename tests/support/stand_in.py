"""A real fork server whose workers run a test's own scripts instead of lowering."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.errors import CxrError
from cxredge.recipe import Recipe
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.jobs.round_weights import RoundWeights
from cxredge.workers.pool import Event, run_tasks
from cxredge.workers.task import Task

SCRIPT = """\
import json, runpy, sys, threading, time

def work(path, parent):
    task = json.load(open(path))
    sys.argv[1:] = [task["folder"], str(parent)]
    runpy.run_path(FOLDER + "/" + task["name"] + ".py", run_name="__main__")
    return 0

if sys.argv[1] in ("fork", "exec", "threaded"):
    from cxredge.workers.fork_server_process import serve
    from cxredge.workers.process_end import to_its_end
    if sys.argv[1] == "threaded":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    asked = serve(sys.argv[1] != "exec", (sys.executable, __file__))
    if asked is not None:
        with to_its_end() as end:
            end.status = work(asked.task, asked.parent)
else:
    sys.exit(work(*sys.argv[1:]))
"""

GOOD = (
    "import os, sys; folder = sys.argv[1] + '/'; os.makedirs(folder + 'answers', exist_ok=True); "
    "open(folder + 'answer', 'w').write('{}'); os.replace(folder + 'answer', folder + 'answers/0.json')"
)


@dataclass(frozen=True)
class Result:
    """How a task's only job ended."""

    task: Task
    error: CxrError | None


@dataclass(frozen=True)
class StandIn:
    """Tasks are scripts ``<name>.py`` in ``folder``; sys.argv is [script, the task's folder, number of the server].

    how: ``fork``; ``exec``, each worker a fresh interpreter; or ``threaded``, a server that has a second thread.
    """

    folder: Path
    recipe: Recipe
    how: str

    @property
    def command(self) -> tuple[str, ...]:
        """What starts the fork server."""
        file = self.folder / "stand_in.py"
        file.write_text(SCRIPT.replace("FOLDER", repr(str(self.folder))))
        return (sys.executable, str(file), self.how)

    def task(self, name: str, script: str, cost: float = 1.0, after: tuple[str, ...] = ()) -> Task:
        """A task of one job of the same name, with its script written."""
        (self.folder / f"{name}.py").write_text(textwrap.dedent(script))
        out = str(self.folder / "out" / name)
        job = RoundWeights(name=name, out=out, after=after, recipe=self.recipe, weights="w", scheme="w8a8")
        return Task(name=name, folder=out, jobs=(job,), cost=cost)

    def run(self, tasks: Sequence[Task], event: Event = print, parallel: int | None = None) -> list[Result]:
        """``run_tasks`` with this fork server; results in the tasks' order."""
        with ForkServer(self.command) as server:
            return run(tasks, event, server, parallel)


def run(tasks: Sequence[Task], event: Event, server: ForkServer, parallel: int | None = None) -> list[Result]:
    """``run_tasks`` of tasks with one job each."""
    ended: dict[str, CxrError | None] = {}
    run_tasks(tasks, event, lambda job, error: ended.update({job.name: error}), server, parallel)
    return [Result(task, ended[task.jobs[0].name]) for task in tasks]
