"""What this machine can build, run and verify. Each stack is really imported, in a process of its own."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cxredge.errors import CxrError, EnvironmentProblem, printable
from cxredge.progress import live
from cxredge.scratch import temporary
from cxredge.stages import cache_folder
from cxredge.targets import TARGETS, get_target
from cxredge.vocabulary import Frozen, TargetName
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.jobs.import_stack import ImportStack
from cxredge.workers.pool import run_tasks
from cxredge.workers.task import AnyJob, Task

BUILD_GIGABYTES = 2.0
"""Free disk that a build of a MobileNetV2-class recipe was seen to need, with room to spare."""

IMPORT_SECONDS = 120


class Check(Frozen):
    """One question, answered."""

    what: str
    good: bool
    why: str
    fix: str = ""


def checks() -> list[Check]:
    """All checks: the machine, its films, then target by target.

    Takes seconds: every exporter and runtime is really imported, in the way that a build does it, in a process of its
    own; what they have in common is imported once.
    """
    questions = [question for name in TARGETS for question in _questions(name)]
    answers = _imported([question for question in questions if isinstance(question, _Import)])
    targets = [question if isinstance(question, Check) else answers[question.what] for question in questions]
    return [_python(), _disk(), _data(), *targets]


@dataclass(frozen=True)
class _Import:
    """An import that answers ``what``. good: why it is fine, where it is. fix: where it is not."""

    target: TargetName
    stack: Literal["exporter", "runtime"]
    what: str
    good: str
    fix: str

    def check(self, error: CxrError | None) -> Check:
        return Check(what=self.what, good=error is None, why=error.cause if error else self.good, fix=self.fix)


def _questions(name: str) -> Iterator[Check | _Import]:
    """Build and run: what lacks by the list of packages, and what is to be imported."""
    target = get_target(name)
    availability = target.availability()
    stand_in = "" if target.runtime().native else f" ({target.runtime().name})"
    versions = target.tools()
    words = [f"{p} {v}" for p, v in versions.items()]
    words += [f"no {p}: {instead}" for p, instead in target.stand_ins.items() if p not in versions]
    tools = ", ".join(words)
    fix = availability.fix or "install cxredge again (in the repository: make setup); if it stays, report this line"
    run, build = f"run and verify {name}{stand_in}", f"build {name}"
    for what, obstacle, stack in ((build, availability.build, "exporter"), (run, availability.run, "runtime")):
        if obstacle is not None:
            yield Check(what=what, good=False, why=obstacle, fix=fix)
        else:
            yield _Import(name, "exporter" if stack == "exporter" else "runtime", what, tools, fix)


def _imported(imports: Sequence[_Import]) -> dict[str, Check]:
    """Each in a worker of its own: exporters do not go together, and one that ends its process ends that alone."""
    answers: dict[str, Check] = {}
    by_name = {one.what: one for one in imports}
    with live("importing exporters and runtimes") as say, temporary("doctor") as work, ForkServer() as server:

        def ended(job: AnyJob, error: CxrError | None) -> None:
            one = by_name[job.name]
            if error is not None and error.code == "FORK-SERVER-LOST":
                # what all have in common does not import: some can do without it
                error = _alone(one)
            answers[one.what] = one.check(error)
            say(f"{len(answers)} of {len(imports)}: {one.what}: {'yes' if error is None else 'NO'}")

        tasks = [
            Task(
                name=one.what,
                folder=str(work / str(number)),
                jobs=(ImportStack(name=one.what, out=str(work / f"out-{number}"), target=one.target, what=one.stack),),
                # the longest first
                cost=1.0 if one.stack == "exporter" else 0.1,
            )
            for number, one in enumerate(imports)
        ]
        run_tasks(tasks, lambda line: None, ended, server)
    return answers


def _python() -> Check:
    version = platform.python_version()
    return Check(
        what="Python 3.11",
        good=sys.version_info[:2] == (3, 11),
        why=f"{version} on {platform.system()} {platform.machine()}",
        fix="make the environment with Python 3.11: make setup PYTHON=python3.11",
    )


def _disk() -> Check:
    place = cache_folder().absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    return Check(
        what="disk",
        good=free >= BUILD_GIGABYTES,
        why=f"{free:.1f} GB free for the cache, a build needs about {BUILD_GIGABYTES:.0f}",
        fix="free some space, or set CXR_CACHE to another disk",
    )


def _alone(one: _Import) -> EnvironmentProblem | None:
    """The import in a fresh interpreter; None where it works, else what it said."""
    script = f"from cxredge.targets import get_target; get_target({one.target!r}).import_{one.stack}()"
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", script],
            capture_output=True,
            timeout=IMPORT_SECONDS,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return EnvironmentProblem("STACK-IMPORT", f"its import took longer than {IMPORT_SECONDS} s", one.fix)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    said = lines[-1] if lines else f"status {done.returncode}"
    return EnvironmentProblem("STACK-IMPORT", f"its import fails: {printable(said)}", one.fix)


def _data() -> Check:
    from cxredge.data.folder_table import sets_in
    from cxredge.data.root import data_root

    try:
        root = data_root()
    except CxrError as error:
        return Check(what="films", good=False, why=f"{error.cause}; phantom recipes need none", fix=error.fix)
    sets = sets_in(root)
    return Check(what="films", good=bool(sets), why=f"{len(sets)} data sets: {', '.join(sets)}", fix="set CXR_DATA")
