"""Interruptions that wait while something must not be left half done.

A signal is heard between any two steps of the program; where that is amid the making or the removing of a scratch
folder, nobody knows of the folder, or nobody goes on removing it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_holding = 0
_waiting: list[KeyboardInterrupt] = []


def interrupt(stop: KeyboardInterrupt) -> None:
    """For handlers of signals, which run in the main thread: raise ``stop``, now or where ``undisturbed`` ends."""
    if not _holding:
        raise stop
    _waiting.append(stop)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Have interruptions wait until the block has ended. For short blocks of the main thread; no other is interrupted.

    Raises the first KeyboardInterrupt that waited.
    """
    global _holding
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _holding += 1
    try:
        yield
    finally:
        _holding -= 1
        if _waiting and not _holding:
            first = _waiting[0]
            _waiting.clear()
            raise first
