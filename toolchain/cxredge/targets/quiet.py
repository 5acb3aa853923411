"""What a runtime changes in the process that loads it: log lines past Python, and torch's number of threads."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr


@contextmanager
def kept_quiet() -> Iterator[list[str]]:
    """Send descriptor 2 to a file while the block runs; if it raises, the list then holds what was written.

    ExecuTorch puts the reason of a failed load there, or into ``sys.stderr`` where that is another file, and only a
    number into its exception.
    """
    said: list[str] = []
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as stream, open(os.dup(stream.fileno()), "w", errors="replace") as text:
        os.dup2(stream.fileno(), 2)
        try:
            with redirect_stderr(text):
                yield said
        except BaseException:
            text.flush()
            stream.seek(0)
            said += [line.strip() for line in stream.read().decode("utf-8", "replace").splitlines() if line.strip()]
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


@contextmanager
def same_threads() -> Iterator[None]:
    """Give torch its number of threads back: a runner sets its own, and sums depend on it."""
    import torch

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
