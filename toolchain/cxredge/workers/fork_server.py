"""The fork server: one process that imports once what every worker needs, and forks a worker for each task.

torch and timm take seconds to import, and a build has half a dozen workers. Exporters and runtimes do not go together,
so they are imported in a worker only, which is a process with a session and process group of its own.

A request is a message on the server's standard input, a socket, with the descriptors of the worker's output, its errors
and its *life*: a pipe into which first the worker writes its number and then the server its exit status. A life that
ends without a status means that the server is gone; a socket that ends, that nobody wants its workers any more.
What goes on inside is in ``fork_server_process``.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cxredge.errors import EnvironmentProblem

HOW = "fork" if sys.platform == "linux" else "exec"
"""macOS starts threads of its own in a process, and its frameworks refuse to work in a forked one."""
# -P: a file of the current folder is not to be imported in place of a package
COMMAND = (sys.executable, "-P", "-m", "cxredge.workers.fork_server_process", HOW)

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
TEMPORARY = "tmp"
"""Beside a task's file, the folder for temporary files: what exporters and killed workers leave there goes with it."""
COMPILED = "TORCHINDUCTOR_CACHE_DIR"
"""Tells torch where to keep what it compiled."""
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # a pool of threads could not be forked; each worker is told its own number
    **dict.fromkeys(THREADS, "1"),
}


class ForkServer:
    """The fork server from outside: ``with ForkServer() as server``. Its process starts on demand, and ends with it.

    command: starts a process that calls ``fork_server_process.serve``.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._channel.close()
            self._said.close()

    def start(self) -> None:
        """Start the process, if there is none yet, and leave it to its imports."""
        if self._process is not None:
            return
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=self._said,
                stderr=self._said,
                start_new_session=True,
                # torch makes this folder when it is imported, unless it is there; each worker is told its own
                env={**os.environ, **ENVIRONMENT, COMPILED: tempfile.gettempdir()},
            )

    def worker(self, task: Path, stdout: int, stderr: int, threads: int) -> Worker:
        """A worker for a task file, with these descriptors for its output. A lost server is told by its ``poll``."""
        self.start()
        assert self._process is not None
        life, theirs = os.pipe()
        worker = Worker(self, life)
        request = json.dumps({"task": str(task), "threads": threads}).encode()
        try:
            with open(theirs, "wb"), contextlib.suppress(ConnectionError):  # of a server that is gone, the life ends
                socket.send_fds(self._channel, [request], [stdout, stderr, theirs])
            # waiting keeps requests apart, which could flow into one
            worker.wait_for_number()
        except BaseException:
            # interrupted, maybe between the fork and the answer: without a server, the life tells and then ends
            self._process.kill()
            worker.kill()
            raise
        return worker

    def lost(self) -> EnvironmentProblem:
        """What to say of a server that ended by itself."""
        assert self._process is not None
        status = self._process.wait()
        self._said.seek(0)
        return EnvironmentProblem(
            "FORK-SERVER-LOST",
            f"the process that starts workers {ending(status)}; it last said: {last_words(self._said.read())}",
            "run `cxredge doctor`; if it finds nothing, report the recipe and this message",
        )


class Worker:
    """A worker from outside; ``life`` is what its number and its exit status are read from."""

    def __init__(self, server: ForkServer, life: int) -> None:
        self._server = server
        self._life = open(life, "rb", buffering=0)  # noqa: SIM115 - closed where the worker ends
        self._told = b""

    def wait_for_number(self) -> None:
        """Until the worker has a process group of its own, or its life has ended without."""
        while b"\n" not in self._told and self._hear():
            pass

    def poll(self) -> int | None:
        """Exit status (minus the signal that ended it); None while it runs.

        Raises EnvironmentProblem FORK-SERVER-LOST.
        """
        if self._told.count(b"\n") < 2:
            if select.select([self._life], [], [], 0)[0] and not self._hear():
                raise self._server.lost()
            return None
        self._life.close()
        return int(self._told.split()[1])

    def kill(self) -> None:
        """End the worker and everything that it started."""
        self.wait_for_number()
        self._life.close()
        if b"\n" in self._told:
            kill_group(int(self._told.split()[0]))

    def _hear(self) -> bool:
        told = self._life.read(64)
        self._told += told
        return bool(told)


def ending(status: int) -> str:
    """How a process ended, in words."""
    memory = " (the kernel ends processes so when memory runs out)" if status == -signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-status).name}{memory}" if status < 0 else f"left with status {status}"


def last_words(said: bytes) -> str:
    """The end of what a process wrote, in one line."""
    lines = said[-4000:].decode("utf-8", "replace").splitlines()
    return " | ".join(line.strip() for line in lines if line.strip())[-800:] or "nothing"


def kill_group(number: int) -> None:
    """End a process group, if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(number, signal.SIGKILL)
