"""A real fork server whose workers run a test's own scripts instead of lowering."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.recipe import Recipe
from cxredge.workers.fork_server import Nursery
from cxredge.workers.pool import Event, Job, JobResult, run_jobs

SCRIPT = """\
import json, runpy, sys, threading, time

def work(path, parent):
    job = json.load(open(path))
    sys.argv[1:] = [job["out"], str(parent)]
    runpy.run_path(FOLDER + "/" + job["name"] + ".py", run_name="__main__")
    return 0

if sys.argv[1] in ("fork", "exec", "threaded"):
    from cxredge.workers.fork_server_process import serve
    if sys.argv[1] == "threaded":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    serve(None if sys.argv[1] == "exec" else work, (sys.executable, __file__))
else:
    sys.exit(work(*sys.argv[1:]))
"""

GOOD = "import sys; open(sys.argv[1] + '/answer.json', 'w').write('null')"


@dataclass(frozen=True)
class StandIn:
    """Jobs are scripts ``<name>.py`` in ``folder``; sys.argv is [script, the job's out, number of the fork server].

    how: ``fork``; ``exec``, each worker a fresh interpreter; or ``threaded``, a fork server that has a second thread.
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

    def job(self, name: str, script: str, cost: float = 1.0) -> Job:
        """A job, with its script written."""
        (self.folder / f"{name}.py").write_text(textwrap.dedent(script))
        out = str(self.folder / "out" / name)
        return Job(name=name, target="tflite", recipe=self.recipe, weights="w", out=out, cost=cost)

    def run(self, jobs: Sequence[Job], event: Event = print, parallel: int | None = None) -> list[JobResult]:
        """``run_jobs`` with this fork server."""
        with Nursery(self.command) as nursery:
            return run_jobs(jobs, event, parallel, nursery)
