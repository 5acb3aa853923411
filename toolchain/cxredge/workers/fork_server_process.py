"""Inside the nursery (see ``nursery``): take requests, fork workers, report how they end.

A process may be forked without exec where its only thread is the one that forks: on Linux, as long as no import started
one. Otherwise the forked process becomes a fresh interpreter and imports everything again.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from cxredge.workers.fork_server import THREADS, kill_group

Work = Callable[[str, int], int]
"""``work(job file, number of the parent process)`` gives an exit status."""

FRESH = (sys.executable, "-m", "cxredge.workers.worker")
"""The worker as a command of its own; job file and number of the parent follow."""

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


def serve(work: Work | None, fresh: Sequence[str] = FRESH) -> None:
    """Start the workers that standard input asks for until it ends; whichever still run then are ended.

    work: what a forked worker does; None to run the command ``fresh`` in its place.
    """
    channel = socket.socket(fileno=0)
    lives: dict[int, int] = {}
    try:
        while True:
            if select.select([channel], [], [], 0.02 if lives else None)[0]:
                request, descriptors, _, _ = socket.recv_fds(channel, 1 << 16, 3)
                if not request:
                    return
                nursery, forked = os.getpid(), work if _threads() == 1 else None
                pid = os.fork()
                if pid == 0:
                    _be_worker(json.loads(request), descriptors, [*lives.values()], forked, [*fresh], nursery)
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


def _threads() -> int:
    """Threads of this process; 0 where the system does not tell."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 0


def _be_worker(
    request: dict[str, str], mine: list[int], others: list[int], work: Work | None, fresh: list[str], nursery: int
) -> NoReturn:
    """The forked process to its end, whatever happens: it never returns into the nursery's own work."""
    status = 1
    try:
        os.setsid()
        stdout, stderr, life = mine
        os.write(life, b"%d\n" % os.getpid())
        for standard, source in enumerate((os.open(os.devnull, os.O_RDONLY), stdout, stderr)):
            os.dup2(source, standard)
            os.close(source)
        for descriptor in (life, *others):
            os.close(descriptor)
        os.environ.update(dict.fromkeys(THREADS, str(request["threads"])))
        if work is None:
            os.execv(fresh[0], [*fresh, request["job"], str(nursery)])
        status = work(request["job"], nursery)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        print(end, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        leave(status)


def leave(status: int) -> NoReturn:
    """End this process at once: an interpreter takes more than a second to take torch apart, and nobody needs it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _import_shared() -> None:
    gc.disable()
    for module in SHARED:
        importlib.import_module(module)
    # or else every worker's garbage collection walks over all of this, and copies its pages by doing so
    gc.freeze()
    # a worker's graphs live as long as it does: with Python's own thresholds a tenth of its time goes into finding out
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def _work(job: str, parent: int) -> int:
    """A forked worker, given first what a fresh interpreter finds when it starts."""
    import numpy as np
    import torch

    from cxredge.workers import worker

    torch.set_num_threads(int(os.environ[THREADS[0]]))
    np.random.seed()
    return worker.main(job, parent)


if __name__ == "__main__":
    if sys.argv[1] == "fork":
        _import_shared()
    serve(_work if sys.argv[1] == "fork" else None)
