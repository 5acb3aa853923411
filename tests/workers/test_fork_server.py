"""Workers as processes: apart from each other, fresh, and gone with whoever wanted them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cxredge.errors import EnvironmentProblem
from cxredge.recipe import Recipe
from cxredge.workers.fork_server import COMPILED, ENVIRONMENT, ForkServer
from cxredge.workers.fork_server_process import SHARED
from cxredge.workers.pool import cores
from cxredge.workers.task import Task
from support.stand_in import GOOD, StandIn, run

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc to see which processes live")

NOTE = """
import json, os, random, sys
note = {
    "pid": os.getpid(), "group": os.getpgrp(), "session": os.getsid(0), "parent": os.getppid(), "told": sys.argv[2],
    "open": sorted(os.readlink(f"/proc/self/fd/{d}").split(":")[0] for d in os.listdir("/proc/self/fd")[:-1]),
    "input": os.read(0, 1).decode(), "environment": dict(os.environ), "random": random.random(),
    "forked": "cxredge.workers.fork_server_process" in sys.modules,
}
open(sys.argv[1] + "/note.json", "w").write(json.dumps(note))
"""


def note(task: Task) -> dict[str, object]:
    found: dict[str, object] = json.loads(Path(task.folder, "note.json").read_text())
    return found


def test_every_worker_is_a_fresh_process_of_its_own(stand_in: StandIn) -> None:
    work = [stand_in.task(name, NOTE + GOOD) for name in ("one", "two", "three")]
    assert [r.error for r in stand_in.run(work, parallel=2)] == [None] * 3
    notes = [note(task) for task in work]
    for n in notes:
        assert n["pid"] == n["group"] == n["session"]
        assert int(str(n["told"])) == n["parent"] != os.getpid()
        assert n["input"] == ""
        # nothing but the three standard ones: no other worker's pipes, no channel
        assert n["open"] == ["/dev/null", *n["open"][1:2], "pipe"], n["open"]
        assert n["forked"] is (stand_in.how == "fork")
        threads = str(max(1, cores() // 2))
        wanted = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        environment = n["environment"]
        assert {k: v for k, v in environment.items() if k in wanted} == wanted
        assert Path(environment[COMPILED]) == Path(environment["TMPDIR"])
    assert len({n["pid"] for n in notes}) == len({n["random"] for n in notes}) == 3
    assert len({n["parent"] for n in notes}) == 1


def test_a_fork_server_with_a_second_thread_forks_no_copy_of_itself(tmp_path: Path, recipe: Recipe) -> None:
    """Its locks would be copied in whatever state that thread had left them."""
    stand_in = StandIn(tmp_path, recipe, "threaded")
    task = stand_in.task("one", NOTE + GOOD)
    assert [r.error for r in stand_in.run([task])] == [None]
    assert note(task)["forked"] is False


def test_what_is_shared_starts_no_thread_and_is_no_exporter() -> None:
    """Otherwise each worker would silently import everything again, or two exporters would meet."""
    script = f"""
import importlib, os, sys
for module in {SHARED!r}:
    importlib.import_module(module)
apart = ("executorch", "torchao", "litert_torch", "jax", "tensorflow_lite_support", "ai_edge_litert",
    "ai_edge_quantizer", "onnx", "onnxscript", "onnxsim", "onnxruntime", "coremltools")
print(len(os.listdir("/proc/self/task")), [name for name in apart if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split(maxsplit=1) == ["1", "[]\n"]


@pytest.mark.parametrize("who", ["a command", "a fork server"])
def test_importing_torch_leaves_no_folder_among_the_temporary_files(tmp_path: Path, who: str) -> None:
    """It makes one for what it compiles, and nothing is compiled."""
    ways = {
        "a command": """
import importlib, sys
import click
from cxredge.cli.main import cli, main
command = click.Command("schema", callback=lambda: importlib.import_module("torch._dynamo"))
cli.get_command = lambda *_: command
sys.argv[1:] = ["schema"]
main()
""",
        "a fork server": """
import sys
from cxredge.workers.fork_server import ForkServer
with ForkServer([sys.executable, "-c", "import torch._dynamo"]) as server:
    server.start()
    sys.exit(server._process.wait())
""",
    }
    environment = {name: value for name, value in os.environ.items() if name != COMPILED}
    done = subprocess.run([sys.executable, "-c", ways[who]], env={**environment, "TMPDIR": str(tmp_path)}, check=False)
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_fork_server_that_dies_is_the_error_of_every_job_not_done(stand_in: StandIn) -> None:
    """The jobs that it had started, and those that it never heard of; what was done before counts."""
    grim = "import os, signal, time; time.sleep(0.5); os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)"
    work = [
        stand_in.task("done", GOOD, cost=9.0),
        stand_in.task("sleeps", SLEEPER, cost=8.0),
        stand_in.task("kills", grim, cost=7.0, after=("done",)),
        stand_in.task("never", GOOD, cost=1.0, after=("sleeps",)),
        stand_in.task("late", GOOD, cost=1.0),
    ]
    began = time.monotonic()
    done, *others = stand_in.run(work, parallel=2)
    assert time.monotonic() - began < 20
    assert done.error is None
    for result in others:
        assert isinstance(result.error, EnvironmentProblem), result
        assert result.error.code == "FORK-SERVER-LOST"
        assert "SIGKILL" in result.error.cause
    wait_until_gone(numbers(work[1]))


def test_a_fork_server_that_cannot_import_says_why(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real one, with a torch that is broken."""
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch was built for another machine')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    work = [StandIn(tmp_path, recipe, "fork").task(name, "") for name in ("one", "two")]
    with ForkServer() as server:
        results = run(work, print, server)
    for result in results:
        assert result.error is not None
        assert result.error.code == "FORK-SERVER-LOST"
        assert "libtorch was built for another machine" in result.error.cause


def test_a_fork_server_that_nobody_asked_for_anything_ends() -> None:
    with ForkServer() as server:
        server.start()
        process = server._process
        assert process is not None
    assert process.returncode == -signal.SIGKILL


# a shell that runs tests in the background may have them ignore SIGINT, which a child inherits
PARENT = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from cxredge.workers.pool import run_tasks
from cxredge.workers.fork_server import ForkServer
from cxredge.workers.task import Task
folder = Path(sys.argv[1])
work = [Task.model_validate_json((folder / f"{n}.json").read_bytes()) for n in ("one", "two")]
try:
    with ForkServer(tuple(sys.argv[2:])) as server:
        run_tasks(work, print, lambda job, error: None, server, parallel=2)
except KeyboardInterrupt:
    sys.exit(130)
"""

SLEEPER = f"""
import os, subprocess, sys, time
grandchild = subprocess.Popen([{sys.executable!r}, "-c", "import time; time.sleep(60)"])
open(sys.argv[1] + "/pids", "w").write(f"{{os.getpid()}} {{grandchild.pid}} {{os.getppid()}} .")
time.sleep(60)
"""
# a worker has a thread that sees to it that it leaves with the fork server
REAL_SLEEPER = """
import os, sys, threading
from cxredge.workers import worker
threading.Thread(target=worker._leave_with_parent, args=(int(sys.argv[2]),), daemon=True).start()
"""


def alive(pid: int) -> bool:
    """Whether the process runs: one that ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def numbers(*tasks: Task) -> list[int]:
    """Of sleepers, of their children and of their server, as soon as they are told."""
    notes = [Path(task.folder, "pids") for task in tasks]
    deadline = time.monotonic() + 60
    while not all(n.is_file() and n.read_text().endswith(".") for n in notes) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [int(pid) for n in notes for pid in n.read_text().split()[:-1]]


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in pids if alive(pid)] == []


def start_parent(stand_in: StandIn, script: str) -> tuple[subprocess.Popen[bytes], list[int]]:
    work = [stand_in.task(name, script) for name in ("one", "two")]
    for task in work:
        (stand_in.folder / f"{task.name}.json").write_text(task.model_dump_json())
    arguments = [str(stand_in.folder), *stand_in.command]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *arguments], stdout=subprocess.DEVNULL)
    pids = numbers(*work)
    assert len(pids) == 6
    return parent, pids


def test_ctrl_c_ends_server_workers_and_what_they_started(stand_in: StandIn) -> None:
    parent, pids = start_parent(stand_in, SLEEPER)
    assert all(alive(pid) for pid in pids)
    parent.send_signal(signal.SIGINT)
    assert parent.wait(timeout=20) == 130
    wait_until_gone(pids)


def test_an_exception_ends_server_workers_and_what_they_started(stand_in: StandIn) -> None:
    work = [stand_in.task("one", SLEEPER, cost=2.0), stand_in.task("two", SLEEPER)]
    pids: list[int] = []

    def event(line: str) -> None:
        if line == "two: started":
            pids.extend(numbers(work[0]))
            raise ArithmeticError(line)

    with pytest.raises(ArithmeticError):
        stand_in.run(work, event, parallel=2)
    assert len(pids) == 3
    wait_until_gone(pids)


def test_a_killed_build_leaves_nothing_behind(stand_in: StandIn) -> None:
    """Whatever the workers do meanwhile: the fork server sees the end of its channel and ends them."""
    parent, pids = start_parent(stand_in, SLEEPER)
    parent.kill()
    parent.wait()
    wait_until_gone(pids)


def test_a_killed_build_and_server_leave_nothing_behind(stand_in: StandIn) -> None:
    """With nobody left to end them, workers notice that they have another parent."""
    parent, pids = start_parent(stand_in, REAL_SLEEPER + SLEEPER)
    server = pids[2]
    os.kill(parent.pid, signal.SIGSTOP)
    os.kill(server, signal.SIGKILL)
    parent.kill()
    parent.wait()
    wait_until_gone(pids)
