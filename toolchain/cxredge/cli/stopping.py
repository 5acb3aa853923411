"""SIGTERM and SIGHUP end a command as Ctrl-C does: what was begun is cleaned up, and workers are ended."""

from __future__ import annotations

import signal
from types import FrameType

from cxredge.errors import EXIT_INTERRUPTED
from cxredge.interruption import interrupt

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""From ``kill``, ``timeout``, a service manager or a container's end; from a terminal that was closed."""


class Stopped(KeyboardInterrupt):
    """One of these signals came. number: which."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def stop_on_signals() -> None:
    """Have these signals raise Stopped, once: further ones do not disturb the cleaning up.

    One that this process was started to ignore (``nohup``) stays ignored. Ctrl-C raises
    KeyboardInterrupt, as Python has it. All wait where they must (``interruption``).
    """
    for number, heard in (*((number, _stop) for number in ENDING), (signal.SIGINT, _interrupt)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, heard)


def stopped_status(stop: BaseException) -> int:
    """The exit status after an interruption, as shells have it: 128 and the signal's number (Ctrl-C: 130)."""
    while stop.__cause__ is not None and not isinstance(stop, Stopped):  # click raises an Abort from it
        stop = stop.__cause__
    return 128 + stop.number if isinstance(stop, Stopped) else EXIT_INTERRUPTED


def _stop(number: int, frame: FrameType | None) -> None:
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)
    interrupt(Stopped(number))


def _interrupt(number: int, frame: FrameType | None) -> None:
    interrupt(KeyboardInterrupt())
