"""Workers that fail, crash or are interrupted, each through a real child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from cxredge.errors import EnvironmentProblem, InputError
from cxredge.recipe import Recipe
from cxredge.targets import jobs
from cxredge.targets.jobs import Job, run_jobs

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


def test_output_of_a_child_is_given_as_events_and_never_printed(
    child: Path, recipe: Recipe, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "import sys; print('lowered', flush=True); print('chatter', file=sys.stderr); " + GOOD
    lines: list[str] = []
    run_jobs([job(child, recipe, "talks", script)], lines.append)
    assert lines == ["lowered"]
    assert capfd.readouterr() == ("", "")


PARENT = """
import sys
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
