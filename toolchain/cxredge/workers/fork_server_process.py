"""Inside the fork server (see ``fork_server``): take requests, fork workers, report how they end.

A process may be forked without exec where its only thread is the one that forks: on Linux, as long as no import started
one. Otherwise the forked process becomes a fresh interpreter and imports everything again.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import socket
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.workers.fork_server import COMPILED, TEMPORARY, THREADS, kill_group
from cxredge.workers.process_end import leave, to_its_end

FRESH = (sys.executable, "-P", "-m", "cxredge.workers.worker")
"""The worker as a command of its own; task file and number of the parent follow."""

SHARED = (
    "torch",
    "torch.export._trace",  # what the first export imports
    "timm",
    "safetensors.torch",
    "cxredge.images.preprocess",
    "cxredge.quantize.rounding",
    "cxredge.students.timm_backbone",
    "cxredge.workers.worker",
)
"""What every worker needs. No exporter, no runtime, and nothing that starts a thread."""


@dataclass(frozen=True)
class Request:
    """What a forked worker is asked for. task: the task's file. parent: number of the fork server's process."""

    task: str
    parent: int


def serve(fork: bool, fresh: Sequence[str] = FRESH) -> Request | None:
    """Start the workers that standard input asks for until it ends; whichever still run then are ended.

    fork: whether a worker may go on as a copy of this process; otherwise, and where this process has other threads, it
    becomes the command ``fresh``. Returns twice and more: None in the fork server when all is over, and in each forked
    worker what it is to do, so that a worker's stack begins with its own work.
    """
    channel = socket.socket(fileno=0)
    lives: dict[int, int] = {}
    try:
        while True:
            if select.select([channel], [], [], 0.02 if lives else None)[0]:
                message, descriptors, _, _ = socket.recv_fds(channel, 1 << 16, 3)
                if not message:
                    break
                asked, server, forked = json.loads(message), os.getpid(), fork and _threads() == 1
                pid = os.fork()
                if pid == 0:
                    others, lives = [*lives.values()], {}
                    channel.detach()  # its descriptor is about to be another
                    return _be_worker(asked, descriptors, others, () if forked else fresh, server)
                stdout, stderr, lives[pid] = descriptors
                os.close(stdout)
                os.close(stderr)
            for pid in [*lives]:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    os.write(lives[pid], b"%d\n" % os.waitstatus_to_exitcode(status))
                    os.close(lives.pop(pid))
    finally:
        for pid in lives:
            kill_group(pid)
    return None


def _threads() -> int:
    """Threads of this process; 0 where the system does not tell."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 0


def _be_worker(asked: dict[str, str], mine: list[int], others: list[int], fresh: Sequence[str], server: int) -> Request:
    """Make the forked process a worker: a session of its own, its own descriptors, its own number of threads."""
    try:
        os.setsid()
        stdout, stderr, life = mine
        os.write(life, b"%d\n" % os.getpid())
        for standard, source in enumerate((os.open(os.devnull, os.O_RDONLY), stdout, stderr)):
            os.dup2(source, standard)
            os.close(source)
        for descriptor in (life, *others):
            os.close(descriptor)
        os.environ.update(dict.fromkeys(THREADS, str(asked["threads"])))
        os.environ["TMPDIR"] = os.environ[COMPILED] = str(Path(asked["task"]).parent / TEMPORARY)
        tempfile.tempdir = None  # some import may have asked before
        if fresh:
            os.execv(fresh[0], [*fresh, asked["task"], str(server)])
    except BaseException:
        traceback.print_exc()
        leave(1)
    return Request(asked["task"], server)


def import_shared() -> None:
    """Import what every worker needs, and keep the garbage collector away from it."""
    gc.disable()
    for module in SHARED:
        importlib.import_module(module)
    # or else every worker's garbage collection walks over all of this, and copies its pages by doing so
    gc.freeze()
    # a worker's graphs live as long as it does: with Python's own thresholds a tenth of its time goes into finding out
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def be_like_new() -> None:
    """Give a forked worker what a fresh interpreter finds when it starts."""
    import numpy as np
    import torch

    torch.set_num_threads(int(os.environ[THREADS[0]]))
    np.random.seed()


if __name__ == "__main__":
    forks = sys.argv[1] == "fork"
    if forks:
        import_shared()
    asked = serve(forks)
    if asked is not None:
        # in a worker, and in no function: what it does is all that stands on its stack
        from cxredge.workers.worker import main

        with to_its_end() as end:
            be_like_new()
            end.status = main(asked.task, asked.parent)
