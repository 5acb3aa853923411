"""Jobs that fail, crash or wait for each other, each through a real worker process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from cxredge.errors import CxrError, EnvironmentProblem, InputError
from cxredge.recipe import Recipe
from cxredge.recipe_file import load_recipe
from cxredge.vocabulary import ArtifactName
from cxredge.workers.fork_server import COMMAND, ForkServer
from cxredge.workers.jobs.lower import Lower
from cxredge.workers.jobs.run_reference import RunReference
from cxredge.workers.pool import run_tasks
from cxredge.workers.task import AnyJob, Task
from support.stand_in import GOOD, StandIn, run


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import os, sys; print('loading plugin', file=sys.stderr, flush=True); os.abort()", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "memory runs out"),
        ("import os; os._exit(7)", "status 7"),
        ("import sys; sys.exit(7)", "status 7"),
        ("import sys; sys.exit('an exporter that gives up')", "gives up"),
        ("raise RuntimeError('an exporter that leaves a traceback')", "leaves a traceback"),
        ("pass", "status 0"),
    ],
    ids=["abort", "segfault", "kill", "exit", "sys.exit", "message", "traceback", "no answer"],
)
def test_a_crash_is_one_jobs_error(stand_in: StandIn, script: str, said: str) -> None:
    bad, good = stand_in.run([stand_in.task("bad", script), stand_in.task("good", GOOD)])
    assert isinstance(bad.error, EnvironmentProblem)
    assert bad.error.code == "EXPORTER-CRASHED"
    assert said in bad.error.cause
    assert "bad" in bad.error.cause
    assert good.error is None


def test_what_a_crashed_worker_said_is_quoted(stand_in: StandIn) -> None:
    script = "import os, sys; print('out of cheese', file=sys.stderr, flush=True); os.abort()"
    (result,) = stand_in.run([stand_in.task("bad", script)])
    assert result.error is not None
    assert "out of cheese" in result.error.cause


@pytest.mark.parametrize("how", ["fork", "exec"])
def test_an_expected_failure_keeps_its_parts(recipe: Recipe, tmp_path: Path, how: str) -> None:
    """Through the real fork server and the real worker: the weights are missing."""
    weights, name = str(tmp_path / "none"), ArtifactName("tflite/fp32")
    job = Lower(name="x", recipe=recipe, weights=weights, artifact=name, out=str(tmp_path / "out"))
    missing = Task(name="x", folder=str(tmp_path), jobs=(job,))
    with ForkServer((*COMMAND[:-1], how)) as server:
        (result,) = run([missing], print, server)
    assert isinstance(result.error, InputError)
    assert result.error.code == "WEIGHTS-MISSING"
    assert result.error.fix


def test_the_longest_starts_first_and_results_keep_their_order(stand_in: StandIn) -> None:
    script = GOOD + f"; open({str(stand_in.folder)!r} + '/log', 'a').write(sys.argv[1][-1])"
    costs = {"a": 1.0, "b": 9.0, "c": 5.0}
    results = stand_in.run([stand_in.task(n, script, c) for n, c in costs.items()], parallel=1)
    assert (stand_in.folder / "log").read_text() == "bca"
    assert [r.task.name for r in results] == ["a", "b", "c"]


def test_a_job_waits_for_the_one_that_it_is_after(stand_in: StandIn) -> None:
    stamp = f"import sys; open({str(stand_in.folder)!r} + '/log', 'a').write(sys.argv[1][-1]); "
    slow = "import time; time.sleep(0.3); " + stamp + GOOD
    work = [
        stand_in.task("b", stamp + GOOD, cost=9.0, after=("a",)),
        stand_in.task("c", stamp + GOOD, cost=5.0, after=("b",)),
        stand_in.task("a", slow, cost=1.0),
    ]
    results = stand_in.run(work, parallel=3)
    assert (stand_in.folder / "log").read_text() == "abc"
    assert [(r.task.name, r.error) for r in results] == [("b", None), ("c", None), ("a", None)]


def test_jobs_after_a_failed_one_get_its_error_and_never_start(stand_in: StandIn) -> None:
    """And so do those after them; what does not depend on it is done."""
    work = [
        stand_in.task("third", GOOD, cost=9.0, after=("second",)),
        stand_in.task("second", GOOD, cost=8.0, after=("first",)),
        stand_in.task("first", "import os; os._exit(7)"),
        stand_in.task("apart", GOOD),
    ]
    third, second, first, apart = stand_in.run(work, parallel=2)
    assert first.error is not None
    assert first.error.code == "EXPORTER-CRASHED"
    assert second.error is first.error
    assert third.error is first.error
    assert apart.error is None
    assert {p.name for p in (stand_in.folder / "out").iterdir()} == {"first", "apart"}


def two_jobs(stand_in: StandIn, script: str) -> Task:
    """A task of the jobs ``first`` and ``second``."""
    made = stand_in.task("first", script)
    second = made.jobs[0].model_copy(update={"name": "second"})
    return made.model_copy(update={"jobs": (*made.jobs, second)})


def test_a_job_is_done_when_it_has_answered_though_others_of_its_task_go_on(stand_in: StandIn) -> None:
    seen = stand_in.folder / "seen"
    wait = f"""
        import time
        while not os.path.exists({str(seen)!r}):
            time.sleep(0.02)
        open(sys.argv[1] + "/answers/1.json", "w").write("{{}}")
        """
    told: list[str] = []

    def ended(job: AnyJob, error: CxrError | None) -> None:
        assert error is None
        told.append(job.name)
        seen.touch()

    with ForkServer(stand_in.command) as server:
        run_tasks([two_jobs(stand_in, GOOD + textwrap.dedent(wait))], print, ended, server)
    assert told == ["first", "second"]


def test_a_crash_ends_the_job_that_was_being_done_and_the_rest_is_begun_again(stand_in: StandIn) -> None:
    task = two_jobs(stand_in, "import os; os.abort()")
    told: dict[str, CxrError | None] = {}
    with ForkServer(stand_in.command) as server:
        run_tasks([task], print, lambda job, error: told.update({job.name: error}), server)
    assert {name: error.code for name, error in told.items() if error is not None} == {
        "first": "EXPORTER-CRASHED",
        "second": "EXPORTER-CRASHED",
    }
    first, second = told.values()
    assert first is not second, "two processes"


def test_tasks_that_wait_for_each_other_are_a_fault_and_no_endless_wait(stand_in: StandIn) -> None:
    with pytest.raises(RuntimeError, match="wait for each other"):
        stand_in.run([stand_in.task("one", GOOD, after=("two",)), stand_in.task("two", GOOD, after=("one",))])


@pytest.mark.parametrize(
    ("end", "how"),
    [("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"), ("os.abort()", "was ended by SIGABRT")],
    ids=["kill", "abort"],
)
def test_a_killed_worker_leaves_the_tail_of_what_it_said(stand_in: StandIn, end: str, how: str) -> None:
    script = f"""
        import os, signal, sys
        for line in range(2000):
            print("line", line, file=sys.stderr, flush=True)
        {end}
        """
    (result,) = stand_in.run([stand_in.task("bad", script)])
    assert isinstance(result.error, EnvironmentProblem)
    assert result.error.code == "EXPORTER-CRASHED"
    assert how in result.error.cause
    assert result.error.cause.endswith("line 1998 | line 1999")
    assert "line 1000 " not in result.error.cause


def test_no_jobs_start_nothing() -> None:
    with ForkServer(("/nowhere",)) as server:
        assert run([], print, server) == []


def test_output_of_a_worker_is_given_as_events_and_never_printed(
    stand_in: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "import sys; print('lowered', flush=True); print('chatter', file=sys.stderr); print('late'); " + GOOD
    lines: list[str] = []
    stand_in.run([stand_in.task("talks", script)], lines.append)
    assert lines == ["talks: started", "lowered", "late"]
    assert capfd.readouterr() == ("", "")


REAL = """
import os, sys
{before}
from cxredge.workers import worker
sys.exit(worker.main(sys.argv[1] + "/task.json", int(sys.argv[2])))
"""
"""The stand-in becomes the real worker, in the same process."""


def reference_task(stand_in: StandIn, before: str) -> Task:
    """The zoo's student on two films: real work whose results take some 10 kB."""
    zoo = Path(__file__).parents[2] / "model_zoo" / "phantom"
    phantom = load_recipe(zoo)
    films = stand_in.folder / "films"
    films.mkdir()
    np.save(films / "images.npy", np.zeros((2, 1, 192, 192), np.uint8))
    (films / "pictures.sha256").write_text("0" * 64)
    made = stand_in.task("reference", REAL.format(before=before))
    job = RunReference(
        name="reference",
        out=made.folder,
        recipe=phantom,
        weights=str(zoo / phantom.weights.file),
        stack="test",
        pictures=str(films),
    )
    return made.model_copy(update={"jobs": (job,)})


@pytest.mark.slow
def test_the_real_worker_without_anything_in_its_way(stand_in: StandIn) -> None:
    """What makes the next two tests mean something."""
    lines: list[str] = []
    (result,) = stand_in.run([reference_task(stand_in, "")], lines.append)
    assert result.error is None
    assert "reference: 2 test films" in lines[-1]
    assert (stand_in.folder / "out" / "reference" / "outputs.safetensors").is_file()


def test_no_space_for_a_line_is_a_full_disk(tmp_path: Path, recipe: Recipe) -> None:
    """Real ENOSPC from the kernel, inside the real worker: its standard output is /dev/full."""
    stand_in = StandIn(tmp_path, recipe, "fork")
    (result,) = stand_in.run([reference_task(stand_in, "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)")])
    assert isinstance(result.error, EnvironmentProblem)
    assert result.error.code == "DISK-FULL"
    assert "reference" in result.error.cause
    assert "CXR_CACHE" in result.error.fix


def can_mount() -> bool:
    command = ["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="this user may not mount a tmpfs in a namespace of its own")
def test_a_full_disk_leaves_no_half_written_outputs(tmp_path: Path, recipe: Recipe) -> None:
    """A real file system of 8 kB, mounted over the task's folder for the real worker alone.

    Only that process sees it, so the parent finds no answer there, as on a disk too full for one: the last line that
    the worker said must tell. The worker's own answer is read back within the namespace.
    """
    out = tmp_path / "out" / "reference"
    kept = tmp_path / "kept.json"
    worker = f"{sys.executable} -m cxredge.workers.worker {out}/task.json $$"
    shell = (
        f"cp {out}/task.json {tmp_path}/task.json && mount -t tmpfs -o size=8k tmpfs {out} && "
        f"cp {tmp_path}/task.json {out}/ && "
        f"{worker}; cp {out}/answers/0.json {kept}; find {out} -type f >{tmp_path}/left; exit 3"
    )
    stand_in = StandIn(tmp_path, recipe, "fork")
    before = f"os.execvp('unshare', ['unshare', '-Urm', 'sh', '-c', {shell!r}])"
    (result,) = stand_in.run([reference_task(stand_in, before)])
    assert result.error is not None
    left = [Path(line).relative_to(out).as_posix() for line in (tmp_path / "left").read_text().split()]
    assert not [name for name in left if name.endswith(".safetensors") or "/." in name]
    said = json.loads(kept.read_text())["code"] if kept.is_file() and kept.read_text() else result.error.cause
    assert "DISK-FULL" in said or "no space left" in said
