"""Workers that fail, crash or are interrupted, each through a real child process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from cxredge.errors import EnvironmentProblem, InputError
from cxredge.recipe import Recipe
from cxredge.recipe_file import load_recipe
from cxredge.targets import jobs
from cxredge.targets.jobs import Job, Stack, run_jobs

PYTHON = sys.executable
"""Kept here, as the fixture below puts another in its place."""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in interpreter: runs ``<job name>.py`` in the returned folder instead of the worker."""
    fake = tmp_path / "python"
    fake.write_text(
        textwrap.dedent(f"""\
            #!{PYTHON}
            import json, runpy, sys
            job = json.load(open(sys.argv[3]))
            sys.argv[1:] = [job["out"]]
            runpy.run_path({str(tmp_path)!r} + "/" + job["name"] + ".py", run_name="__main__")
            """)
    )
    fake.chmod(0o755)
    monkeypatch.setattr(jobs.sys, "executable", str(fake))
    return tmp_path


def job(child: Path, recipe: Recipe, name: str, script: str, cost: float = 1.0) -> Job:
    (child / f"{name}.py").write_text(textwrap.dedent(script))
    return Job(name=name, target="tflite", recipe=recipe, weights="w", out=str(child / "out" / name), cost=cost)


GOOD = "import sys; open(sys.argv[1] + '/answer.json', 'w').write('null')"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import os, sys; print('loading plugin', file=sys.stderr, flush=True); os.abort()", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "memory runs out"),
        ("import os; os._exit(7)", "status 7"),
        ("raise RuntimeError('an exporter that leaves a traceback')", "leaves a traceback"),
    ],
    ids=["abort", "segfault", "kill", "exit", "traceback"],
)
def test_a_crash_is_one_jobs_error(child: Path, recipe: Recipe, script: str, said: str) -> None:
    bad, good = run_jobs([job(child, recipe, "bad", script), job(child, recipe, "good", GOOD)], print)
    assert isinstance(bad.error, EnvironmentProblem)
    assert bad.error.code == "EXPORTER-CRASHED"
    assert said in bad.error.cause
    assert "bad" in bad.error.cause
    assert good.error is None


def test_what_a_crashed_child_said_is_quoted(child: Path, recipe: Recipe) -> None:
    script = "import os, sys; print('out of cheese', file=sys.stderr, flush=True); os.abort()"
    (result,) = run_jobs([job(child, recipe, "bad", script)], print)
    assert result.error is not None
    assert "out of cheese" in result.error.cause


def test_an_expected_failure_keeps_its_parts(recipe: Recipe, tmp_path: Path) -> None:
    """Through the real worker: the weights are missing."""
    missing = Job(
        name="x", target="tflite", recipe=recipe, weights=str(tmp_path / "none"), schemes=("fp32",), out=str(tmp_path)
    )
    (result,) = run_jobs([missing], print)
    assert isinstance(result.error, InputError)
    assert result.error.code == "WEIGHTS-MISSING"
    assert result.error.fix


def test_the_longest_starts_first_and_results_keep_their_order(child: Path, recipe: Recipe) -> None:
    stamp = f"import time; open({str(child)!r} + '/log', 'a').write(sys.argv[1][-1])"
    script = GOOD + "; " + stamp
    costs = {"a": 1.0, "b": 9.0, "c": 5.0}
    results = run_jobs([job(child, recipe, n, script, c) for n, c in costs.items()], print, parallel=1)
    assert (child / "log").read_text() == "bca"
    assert [r.job.name for r in results] == ["a", "b", "c"]


def test_a_job_waits_for_the_one_that_it_is_after(child: Path, recipe: Recipe) -> None:
    stamp = f"import sys; open({str(child)!r} + '/log', 'a').write(sys.argv[1][-1]); "
    slow = "import time; time.sleep(0.3); " + stamp + GOOD
    work = [
        job(child, recipe, "b", stamp + GOOD, cost=9.0).model_copy(update={"after": "a"}),
        job(child, recipe, "c", stamp + GOOD, cost=5.0).model_copy(update={"after": "b"}),
        job(child, recipe, "a", slow, cost=1.0),
    ]
    results = run_jobs(work, print, parallel=3)
    assert (child / "log").read_text() == "abc"
    assert [(r.job.name, r.error) for r in results] == [("b", None), ("c", None), ("a", None)]


def test_jobs_after_a_failed_one_get_its_error_and_never_start(child: Path, recipe: Recipe) -> None:
    """And so do those after them; what does not depend on it is done."""
    work = [
        job(child, recipe, "third", GOOD, cost=9.0).model_copy(update={"after": "second"}),
        job(child, recipe, "second", GOOD, cost=8.0).model_copy(update={"after": "first"}),
        job(child, recipe, "first", "import os; os._exit(7)"),
        job(child, recipe, "apart", GOOD),
    ]
    third, second, first, apart = run_jobs(work, print, parallel=2)
    assert first.error is not None
    assert first.error.code == "EXPORTER-CRASHED"
    assert second.error is first.error
    assert third.error is first.error
    assert apart.error is None
    assert {p.name for p in (child / "out").iterdir()} == {"first", "apart"}


@pytest.mark.parametrize(
    ("end", "how"),
    [("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"), ("os.abort()", "was ended by SIGABRT")],
    ids=["kill", "abort"],
)
def test_a_killed_worker_leaves_the_tail_of_what_it_said(child: Path, recipe: Recipe, end: str, how: str) -> None:
    script = f"""
        import os, signal, sys
        for line in range(2000):
            print("line", line, file=sys.stderr, flush=True)
        {end}
        """
    (result,) = run_jobs([job(child, recipe, "bad", script)], print)
    assert isinstance(result.error, EnvironmentProblem)
    assert result.error.code == "EXPORTER-CRASHED"
    assert how in result.error.cause
    assert result.error.cause.endswith("line 1998 | line 1999")
    assert "line 1000 " not in result.error.cause


REAL = f"""
import os, sys
{{before}}
os.execv({PYTHON!r}, [{PYTHON!r}, "-m", "cxredge.targets.worker", sys.argv[1] + "/job.json"])
"""
"""The stand-in becomes the real worker, in the same process."""


def reference_job(child: Path, name: str, before: str) -> Job:
    """The zoo's student on two films: real work whose results take some 10 kB."""
    zoo = Path(__file__).parents[2] / "model_zoo" / "phantom"
    phantom = load_recipe(zoo)
    np.save(child / "films.npy", np.zeros((2, 1, 192, 192), np.uint8))
    stack = Stack(name="test", images=str(child / "films.npy"), films_sha256="0" * 64)
    made = job(child, phantom, name, REAL.format(before=before))
    weights = str(zoo / phantom.weights.file)
    return made.model_copy(update={"target": "reference", "weights": weights, "stacks": (stack,)})


@pytest.mark.slow
def test_the_real_worker_without_anything_in_its_way(child: Path) -> None:
    """What makes the next two tests mean something."""
    lines: list[str] = []
    (result,) = run_jobs([reference_job(child, "reference", "")], lines.append)
    assert result.error is None
    assert "reference: 2 test films" in lines[-1]
    assert (child / "out" / "reference" / "fp32" / "test.safetensors").is_file()


def test_no_space_for_a_line_is_a_full_disk(child: Path) -> None:
    """Real ENOSPC from the kernel, inside the real worker: its standard output is /dev/full."""
    before = "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)"
    (result,) = run_jobs([reference_job(child, "reference", before)], print)
    assert isinstance(result.error, EnvironmentProblem)
    assert result.error.code == "DISK-FULL"
    assert "reference" in result.error.cause
    assert "CXR_CACHE" in result.error.fix


def can_mount() -> bool:
    command = ["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="this user may not mount a tmpfs in a namespace of its own")
def test_a_full_disk_leaves_no_half_written_outputs(child: Path) -> None:
    """A real file system of 8 kB, mounted over the job's folder for the real worker alone.

    Only that process sees it, so the parent finds no answer there, as on a disk too full for one: the last line that
    the worker said must tell. The worker's own answer is read back within the namespace.
    """
    out = child / "out" / "reference"
    kept = child / "kept.json"
    worker = f"{PYTHON} -m cxredge.targets.worker {out}/job.json"
    shell = (
        f"cp {out}/job.json {child}/job.json && mount -t tmpfs -o size=8k tmpfs {out} && cp {child}/job.json {out}/ && "
        f"({worker}; cp {out}/answer.json {kept}; find {out} -type f >{child}/left; exit 3)"
    )
    before = f"os.execvp('unshare', ['unshare', '-Urm', 'sh', '-c', {shell!r}])"
    (result,) = run_jobs([reference_job(child, "reference", before)], print)
    assert result.error is not None
    left = [Path(line).relative_to(out).as_posix() for line in (child / "left").read_text().split()]
    assert not [name for name in left if name.endswith(".safetensors") or "/." in name]
    said = json.loads(kept.read_text())["code"] if kept.is_file() and kept.read_text() else result.error.cause
    assert "DISK-FULL" in said or "no space left" in said


def test_output_of_a_child_is_given_as_events_and_never_printed(
    child: Path, recipe: Recipe, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "import sys; print('lowered', flush=True); print('chatter', file=sys.stderr); " + GOOD
    lines: list[str] = []
    run_jobs([job(child, recipe, "talks", script)], lines.append)
    assert lines == ["talks: started", "lowered"]
    assert capfd.readouterr() == ("", "")


# a shell that runs tests in the background may have them ignore SIGINT, which a child inherits
PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from cxredge.recipe import Recipe
from cxredge.targets import jobs
recipe = Recipe.model_validate_json(Path(sys.argv[1]).read_bytes())
jobs.sys.executable = sys.argv[2]
names = ("one", "two")
work = [jobs.Job(name=n, target="tflite", recipe=recipe, weights="w", out=sys.argv[3] + "/" + n) for n in names]
try:
    jobs.run_jobs(work, print, parallel=2)
except KeyboardInterrupt:
    sys.exit(130)
"""

SLEEPER = """
import os, subprocess, sys, time
grandchild = subprocess.Popen([{python!r}, "-c", "import time; time.sleep(60)"])
open(sys.argv[1] + "/pids", "w").write(f"{{os.getpid()}} {{grandchild.pid}}")
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Whether the process runs: one that ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc to see which processes live")
def test_ctrl_c_ends_every_child_and_grandchild(child: Path, recipe: Recipe) -> None:
    for name in ("one", "two"):
        job(child, recipe, name, SLEEPER.format(python=PYTHON))
    (child / "recipe.json").write_text(recipe.model_dump_json())
    arguments = [str(child / "recipe.json"), str(child / "python"), str(child / "out")]
    parent = subprocess.Popen([PYTHON, "-c", PARENT, *arguments], env={**os.environ}, stdout=subprocess.DEVNULL)
    notes = [child / "out" / name / "pids" for name in ("one", "two")]
    deadline = time.monotonic() + 60
    while not all(n.is_file() and n.read_text().count(" ") == 1 for n in notes) and time.monotonic() < deadline:
        time.sleep(0.05)
    pids = [int(pid) for note in notes for pid in note.read_text().split()]
    assert all(alive(pid) for pid in pids)
    parent.send_signal(signal.SIGINT)
    assert parent.wait(timeout=20) == 130
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)
