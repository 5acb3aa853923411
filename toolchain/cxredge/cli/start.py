"""The entry point: a signal that comes while the command is still being imported ends it without a word.

What this module imports is imported before signals are heard, so it is as little as can be.
"""

from __future__ import annotations

import os
import signal
from types import FrameType


def main() -> None:
    """Hear signals, then import the command and run it: it hears them in its own way from then on."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # one that this process was started to ignore (nohup) stays ignored
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave_at_once)
    from cxredge.cli.main import main as command

    command()


def leave_at_once(number: int, frame: FrameType | None) -> None:
    """End the process with the status that it has after an interruption: nothing was begun."""
    os._exit(128 + number)
