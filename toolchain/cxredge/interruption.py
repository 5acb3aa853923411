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
_raised: list[KeyboardInterrupt] = []


def interrupt(stop: KeyboardInterrupt) -> None:
    """For handlers of signals, which run in the main thread: raise ``stop``, now or where ``undisturbed`` ends."""
    if not _holding:
        _raised.append(stop)
        raise stop
    _waiting.append(stop)


def raised() -> KeyboardInterrupt | None:
    """The first interruption that was raised in this process, if any.

    A library may make another exception of it: pydantic says SchemaError where one comes while it builds a class.
    """
    return _raised[0] if _raised else None


def waiting() -> bool:
    """Whether an interruption waits for an ``undisturbed`` block to end."""
    return bool(_waiting)


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
            _raised.append(first)
            raise first
